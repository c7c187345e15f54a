#!/usr/bin/env python3
"""shell: what a desktop has besides its portals, for the session bus of one user: a list of notifications, the way to the
accessibility bus (flatpak asks for it there), and the desktop's side of the Background portal, which grants everything. What happens
is printed in lines of JSON; a line of JSON on the standard input, [NUMBER, KEY], presses a button of a notification.

    {"notification": NUMBER, "title": …, "body": …, "buttons": {LABEL: KEY}}
    {"gone": NUMBER}
"""

import itertools
import json
import os
import sys

from gi.repository import Gio, GLib

IN, OUT = (f'<arg type="%s" direction="{way}"/>' for way in ("in", "out"))
INTERFACES = f"""<node><interface name="org.a11y.Bus"><method name="GetAddress">{OUT % "s"}</method></interface>
<interface name="org.freedesktop.impl.portal.Background">
<method name="GetAppState">{OUT % "a{sv}"}</method>
<method name="NotifyBackground">{IN % "o"}{IN % "s"}{IN % "s"}{OUT % "u"}{OUT % "a{sv}"}</method>
<signal name="RunningApplicationsChanged"/></interface>
<interface name="org.freedesktop.Notifications">
<method name="Notify">{IN % "s"}{IN % "u"}{IN % "s"}{IN % "s"}{IN % "s"}{IN % "as"}{IN % "a{sv}"}{IN % "i"}{OUT % "u"}</method>
<method name="CloseNotification">{IN % "u"}</method>
<method name="GetCapabilities">{OUT % "as"}</method>
<method name="GetServerInformation">{OUT % "s" * 4}</method>
<signal name="ActionInvoked"><arg type="u"/><arg type="s"/></signal>
<signal name="NotificationClosed"><arg type="u"/><arg type="u"/></signal></interface></node>"""
LIST = "/org/freedesktop/Notifications"
PLACES = {
    "org.a11y.Bus": ("org.a11y.Bus", "/org/a11y/bus"),
    "org.freedesktop.impl.portal.desktop.handouttest": ("org.freedesktop.impl.portal.Background", "/org/freedesktop/portal/desktop"),
    "org.freedesktop.Notifications": ("org.freedesktop.Notifications", LIST),
}
numbers = itertools.count(1)


def say(**facts):
    """Prints a line."""
    print(json.dumps(facts), flush=True)


def answer(method, given):
    """What is asked of the desktop, and what it answers, as a signature and values."""
    match method:
        case "GetAddress":
            return "(s)", (os.environ["AT_SPI_BUS_ADDRESS"],)
        case "GetAppState":
            return "(a{sv})", ({},)
        case "NotifyBackground":
            return "(ua{sv})", (0, {"result": GLib.Variant("u", 1)})
        case "Notify":
            _app, replaces, _icon, title, body, actions, _hints, _patience = given
            number = replaces or next(numbers)
            say(notification=number, title=title, body=body, buttons=dict(zip(actions[1::2], actions[::2], strict=True)))
            return "(u)", (number,)
        case "CloseNotification":
            say(gone=given[0])
            return None, None
        case "GetCapabilities":
            return "(as)", (["actions", "body"],)
        case "GetServerInformation":
            return "(ssss)", ("shell", "Handout", "1", "1.2")


def call(_bus, _sender, _path, _interface, method, given, invocation):
    """A call of a program or of a portal."""
    signature, values = answer(method, given.unpack())
    invocation.return_value(GLib.Variant(signature, values) if signature else None)


def serve(bus, name):
    """A name is going to be ours."""
    interface, place = PLACES[name]
    bus.register_object(place, Gio.DBusNodeInfo.new_for_xml(INTERFACES).lookup_interface(interface), call, None, None)


def main():
    """Until the test ends."""
    missing = set(PLACES)
    loop = GLib.MainLoop()

    def taken(_bus, name):
        missing.discard(name)
        if not missing:
            say(ready=True)

    def heard(source, _condition):
        line = source.readline()
        if not line:
            loop.quit()
            return False
        pressed = GLib.Variant("(us)", json.loads(line))
        bus = Gio.bus_get_sync(Gio.BusType.SESSION)
        bus.emit_signal(None, LIST, "org.freedesktop.Notifications", "ActionInvoked", pressed)
        return True

    lost = lambda *_: sys.exit("the bus is gone, or another desktop is there")  # noqa: E731
    for each in PLACES:
        Gio.bus_own_name(Gio.BusType.SESSION, each, Gio.BusNameOwnerFlags.NONE, serve, taken, lost)
    GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, heard)
    loop.run()


if __name__ == "__main__":
    main()
