#!/usr/bin/env python3
"""tray: the list of notifications of a desktop, for one session bus: each that comes or goes is printed as a line of JSON.

    {"shown": ID, "title": …, "body": …, "buttons": [[LABEL, ACTION, TARGET], …]}
    {"gone": ID}
"""

import json
import sys

from gi.repository import Gio, GLib

NAME, OBJECT = "org.gtk.Notifications", "/org/gtk/Notifications"
INTERFACE = """<node><interface name="org.gtk.Notifications">
<method name="AddNotification"><arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="a{sv}" direction="in"/></method>
<method name="RemoveNotification"><arg type="s" direction="in"/><arg type="s" direction="in"/></method>
</interface></node>"""


def say(**facts):
    """Prints a line."""
    print(json.dumps(facts), flush=True)


def call(_bus, _sender, _path, _interface, method, given, invocation):
    """What a program asks for."""
    _app, number, *rest = given.unpack()
    if method == "AddNotification":
        news = rest[0]
        buttons = [[one["label"], one["action"], one.get("target")] for one in news.get("buttons", [])]
        say(shown=number, title=news["title"], body=news.get("body", ""), buttons=buttons)
    else:
        say(gone=number)
    invocation.return_value(None)


def serve(bus, _name):
    """The name is ours."""
    bus.register_object(OBJECT, Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0], call, None, None)


if __name__ == "__main__":
    lost = lambda *_: sys.exit("the bus is gone, or another list of notifications is there")  # noqa: E731
    taken = lambda *_: say(ready=True)  # noqa: E731
    Gio.bus_own_name(Gio.BusType.SESSION, NAME, Gio.BusNameOwnerFlags.NONE, serve, taken, lost)
    GLib.MainLoop().run()
