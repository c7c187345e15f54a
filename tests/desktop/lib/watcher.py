#!/usr/bin/env python3
"""watcher: the tray of a desktop, for one session bus: each icon that comes or goes, and what icons say of changes, is printed as
a line of JSON.

    {"registered": BUS NAME}
    {"gone": BUS NAME}
    {"signal": NAME, "given": […]}
"""

import json
import sys

from gi.repository import Gio, GLib

NAME, OBJECT = "org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher"
INTERFACE = """<node><interface name="org.kde.StatusNotifierWatcher">
<method name="RegisterStatusNotifierItem"><arg type="s" direction="in"/></method>
</interface></node>"""


def say(**facts):
    """Prints a line."""
    print(json.dumps(facts), flush=True)


def call(bus, _sender, _path, _interface, _method, given, invocation):
    """An icon is there."""
    (item,) = given.unpack()
    told = lambda _bus, _sender, _path, _interface, signal, given: say(signal=signal, given=given.unpack())  # noqa: E731
    for interface in ("org.kde.StatusNotifierItem", "com.canonical.dbusmenu"):
        bus.signal_subscribe(item, interface, None, None, None, Gio.DBusSignalFlags.NONE, told)
    gone = lambda _bus, name: say(gone=name)  # noqa: E731
    Gio.bus_watch_name_on_connection(bus, item, Gio.BusNameWatcherFlags.NONE, None, gone)
    say(registered=item)
    invocation.return_value(None)


def serve(bus, _name):
    """The name is ours."""
    bus.register_object(OBJECT, Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0], call, None, None)


if __name__ == "__main__":
    lost = lambda *_: sys.exit("the bus is gone, or another tray is there")  # noqa: E731
    taken = lambda *_: say(ready=True)  # noqa: E731
    Gio.bus_own_name(Gio.BusType.SESSION, NAME, Gio.BusNameOwnerFlags.NONE, serve, taken, lost)
    GLib.MainLoop().run()
