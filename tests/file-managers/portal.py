"""A double of the document portal, on a session bus of its own."""

import os
import threading

from gi.repository import Gio, GLib

NAME, PLACE = "org.freedesktop.portal.Documents", "/org/freedesktop/portal/documents"
INTERFACE = f"""<node><interface name="{NAME}"><method name="AddFull">
<arg type="ah" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/><arg type="as" direction="in"/>
<arg type="as" direction="out"/><arg type="a{{sv}}" direction="out"/></method></interface></node>"""


class Portal:
    """`asked` has what was asked for: folders, flags, application, permissions."""

    def __enter__(self):
        self.asked = []
        self.context, ready = GLib.MainContext(), threading.Event()
        self.loop = GLib.MainLoop(self.context)
        self.bus = Gio.TestDBus()
        path = os.environ["PATH"]
        os.environ["PATH"] = "/usr/bin:/bin"
        self.bus.up()
        os.environ["PATH"] = path
        self.address = self.bus.get_bus_address()
        self.thread = threading.Thread(target=self.serve, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait()
        return self

    def serve(self, ready):
        self.context.push_thread_default()
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        connection = Gio.DBusConnection.new_for_address_sync(self.address, flags, None, None)
        interface = Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0]
        connection.register_object(PLACE, interface, self.call, None, None)
        request = GLib.Variant("(su)", (NAME, 0))
        bus = "org.freedesktop.DBus"
        connection.call_sync(bus, "/", bus, "RequestName", request, None, 0, -1, None)
        ready.set()
        self.loop.run()
        connection.close_sync(None)
        self.context.pop_thread_default()

    def call(self, _connection, _sender, _path, _interface, _method, given, call):
        handles, flags, app, permissions = given.unpack()
        fds = call.get_message().get_unix_fd_list()
        paths = []
        for handle in handles:
            opened = fds.get(handle)
            paths.append(os.readlink(f"/proc/self/fd/{opened}"))
            os.close(opened)
        self.asked.append((paths, flags, app, permissions))
        mount = GLib.Variant("ay", b"/run/user/7/doc\0")
        call.return_value(GLib.Variant("(asa{sv})", ([f"id{n}" for n in range(len(paths))], {"mountpoint": mount})))

    def __exit__(self, *_error):
        self.loop.quit()
        self.thread.join()
        self.bus.down()
