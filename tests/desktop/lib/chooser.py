#!/usr/bin/env python3
"""chooser: the file chooser portal of a desktop, for one session bus, without a window: each question is printed as a line of JSON,
and answered by a line of JSON on the standard input, which is a list of paths; an empty list cancels.

    {"asked": TITLE, "method": "OpenFile" or "SaveFile", "name": what a saved file is to be called, "folder": whether a folder is meant}
"""

import json
import sys
from pathlib import Path

from gi.repository import Gio, GLib

NAME, OBJECT = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
ARGUMENTS = '<arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="a{sv}" direction="in"/><arg type="o" direction="out"/>'
INTERFACE = f"""<node><interface name="org.freedesktop.portal.FileChooser"><property name="version" type="u" access="read"/>
<method name="OpenFile">{ARGUMENTS}</method><method name="SaveFile">{ARGUMENTS}</method></interface></node>"""


class Chooser:
    """Questions that wait for their answer, the oldest first."""

    def __init__(self):
        self.open = []

    def asked(self, bus, sender, _path, _interface, method, given, invocation):
        """A program asks."""
        _parent, title, options = given.unpack()
        request = f"{OBJECT}/request/{sender[1:].replace('.', '_')}/{options['handle_token']}"
        self.open.append((bus, sender, request))
        invocation.return_value(GLib.Variant("(o)", (request,)))
        say(asked=title, method=method, name=options.get("current_name", ""), folder=options.get("directory", False))

    def answer(self, line):
        """The person at the test answers."""
        bus, sender, request = self.open.pop(0)
        paths = json.loads(line)
        uris = GLib.Variant("as", [Path(path).as_uri() for path in paths])
        # There are addresses in any case, as of a real portal: GTK reads them without a look at whether it was cancelled.
        answer = GLib.Variant("(ua{sv})", (0 if paths else 1, {"uris": uris}))
        bus.emit_signal(sender, request, "org.freedesktop.portal.Request", "Response", answer)

    def serve(self, bus, _name):
        """The bus is there."""
        interface = Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0]
        bus.register_object(OBJECT, interface, self.asked, lambda *_: GLib.Variant("u", 3), None)


def say(**facts):
    """Prints a line."""
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    chooser, loop = Chooser(), GLib.MainLoop()

    def heard(source, _condition):
        """A line, or the end of the test."""
        line = source.readline()
        if not line:
            loop.quit()
            return False
        chooser.answer(line)
        return True

    lost = lambda *_: sys.exit("the bus is gone, or another portal is there")  # noqa: E731
    Gio.bus_own_name(
        Gio.BusType.SESSION, NAME, Gio.BusNameOwnerFlags.NONE, chooser.serve, lambda *_: say(ready=True), lost
    )
    GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, heard)
    loop.run()
