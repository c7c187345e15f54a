"""The icon in the tray of a desktop: it comes and goes with the preference and the tray, and does what its menu says."""

import json
import subprocess
import sys
from pathlib import Path

import keyboard
from desk import end
from gi.repository import Gio, GLib
from room import Room

WATCHER = Path(__file__).resolve().parent.parent / "lib/watcher.py"
ITEM, MENU = "org.kde.StatusNotifierItem", "com.canonical.dbusmenu"
OBJECTS = {ITEM: "/StatusNotifierItem", MENU: "/MenuBar"}
# Entries of its menu.
STATE, SHOW, PREFERENCES, QUIT = 1, 2, 4, 6
SWITCH = "Icon in the Tray"


class Story(Room):
    """A student on a desktop with a tray, and a teacher."""

    NUMBER = 17

    def steps(self):
        return [
            ("nothing comes to the tray unasked; turned on in the preferences, the icon is there and says what it is", self.turned_on),
            ("it asks for attention while a teacher is unknown, and names the session after that", self.joined),
            ("its menu begins with the session and answers what is wrong with errors", self.menu_told),
            ("a press brings back the window that was closed, and so does its menu", self.activated),
            ("a tray that comes anew has it again", self.tray_again),
            ("turned off in the preferences, which its menu opens, it is gone; turned on again it is back", self.turned_off),
            ("Quit in its menu ends the program, and the next start has the icon again", self.quit),
        ]

    def tray(self):
        """The desktop has a tray from now on."""
        with open(self.log, "ab") as log:
            command = [sys.executable, WATCHER]
            self.watcher = subprocess.Popen(command, stdout=log, env=self.student.env, start_new_session=True)
        self.told("ready")

    def told(self, key):
        """What the tray says next under that key, waited for; what was said before it is done with."""
        found = lambda: next(((n, line) for n, line in enumerate(self.lines()) if key in line), None)  # noqa: E731
        place, line = self.desk.wait_for(found, f"the tray says {key}")
        self.read += place + 1
        return line[key]

    def lines(self):
        """What the tray has said and nobody has read."""
        return [json.loads(line) for line in self.log.read_text().splitlines()[self.read :]]

    def ask(self, interface, method, signature=None, *given):
        """Asks the icon something."""
        return self.call(self.icon, OBJECTS[interface], interface, method, signature, *given)

    def call(self, name, path, interface, method, signature=None, *given):
        """A call on the student's session bus; gives what comes back."""
        given = GLib.Variant(signature, given) if signature else None
        answer = self.bus.call_sync(name, path, interface, method, given, None, Gio.DBusCallFlags.NONE, 10000, None)
        return answer.unpack()

    def property(self, name, interface=ITEM):
        """A property of the icon or its menu."""
        return self.ask_properties("Get", "(ss)", interface, name)[0]

    def ask_properties(self, method, signature, interface, *given):
        path = OBJECTS[interface]
        return self.call(self.icon, path, "org.freedesktop.DBus.Properties", method, signature, interface, *given)

    def is_there(self):
        """Whether the icon is on the bus."""
        return self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", "(s)", self.icon)[0]

    def says(self, text):
        """Waits until the icon's tooltip says that."""
        self.desk.wait_for(lambda: self.property("ToolTip")[2:] == ("Handout", text), f"the tooltip says {text}")

    def closes(self):
        """The student closes the window."""
        self.student.activate()
        keyboard.keys("ctrl+w")
        self.student.wait_for(lambda: not keyboard.window(self.student.process.pid), "the window is closed")

    def turned_on(self):
        self.student = self.comes("icon-student", "Sana Mir", "21BCS041")
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        self.bus = Gio.DBusConnection.new_for_address_sync(self.student.env["DBUS_SESSION_BUS_ADDRESS"], flags, None, None)
        self.log, self.read = self.desk.artefacts / "watcher.jsonl", 0
        self.log.unlink(missing_ok=True)
        self.tray()
        self.preferences(self.student)
        switch = self.student.find("check box", SWITCH)
        assert not switch.is_in("checked") and not self.lines(), self.lines()
        switch.press()
        self.icon = self.told("registered")
        (known,) = self.ask_properties("GetAll", "(s)", ITEM)
        assert known == {
            "Category": "Communications",
            "Id": "in.ac.gehu.Handout",
            "Title": "Handout",
            "Status": "Active",
            "WindowId": 0,
            "IconName": "in.ac.gehu.Handout-symbolic",
            "AttentionIconName": "in.ac.gehu.Handout-symbolic",
            "ToolTip": ("in.ac.gehu.Handout-symbolic", [], "Handout", "Waiting for a Session"),
            "ItemIsMenu": False,
            "Menu": "/MenuBar",
        }, known
        self.look(self.student, "preferences.png")
        self.student.keys("Escape")

    def joined(self):
        self.teacher = self.teaches("icon-teacher", "Physics_2", "Dr. Nath")
        assert self.told("signal") == "NewStatus"
        assert self.property("Status") == "NeedsAttention"
        self.trusts(self.student)
        self.says("Connected to Physics_2")
        signals = lambda: sorted(line["signal"] for line in self.lines())  # noqa: E731
        self.desk.wait_for(lambda: signals() == ["LayoutUpdated", "NewStatus", "NewToolTip"], "it says what has changed, once")
        [self.revision] = [line["given"][0] for line in self.lines() if line["signal"] == "LayoutUpdated"]
        assert self.property("Status") == "Active"

    def menu_told(self):
        revision, (root, _, entries) = self.ask(MENU, "GetLayout", "(iias)", 0, -1, [])
        labels = [own.get("label") or own["type"] for _, own, _ in entries]
        words = "Connected to Physics__2, _Open Handout, Open _Received Files, _Preferences, separator, Quit"
        assert ", ".join(labels) == words, labels
        assert root == 0 and entries[0][:2] == (STATE, {"label": labels[0], "enabled": False}), entries[0]
        assert revision == self.revision, (revision, self.revision)
        assert (self.property("Version", MENU), self.property("TextDirection", MENU)) == (3, "ltr")
        for method, signature, given in (
            ("GetProperty", "(is)", (70, "label")),
            ("Event", "(isvu)", (-1, "clicked", GLib.Variant("i", 0), 0)),
            ("GetLayout", "(s)", ("0",)),
            ("Explode", None, ()),
        ):
            try:
                self.ask(MENU, method, signature, *given)
            except GLib.Error as error:
                assert Gio.DBusError.is_remote_error(error), error
            else:
                raise AssertionError(f"{method} {given} is answered")

    def activated(self):
        self.closes()
        self.ask(ITEM, "Activate", "(ii)", 7, 7)
        self.shown()
        self.closes()
        self.press(SHOW)
        self.shown()

    def shown(self):
        """The window is there again."""
        self.student.wait_for(lambda: keyboard.window(self.student.process.pid), "the window is there again")

    def press(self, entry):
        """Chooses an entry of the menu."""
        self.ask(MENU, "Event", "(isvu)", entry, "clicked", GLib.Variant("i", 0), 0)

    def tray_again(self):
        end(self.watcher)
        self.read = len(self.log.read_text().splitlines())
        self.tray()
        assert self.told("registered") == self.icon

    def turned_off(self):
        self.closes()
        self.press(PREFERENCES)
        self.student.find("check box", SWITCH).press()
        assert self.told("gone") == self.icon
        assert not self.is_there()
        self.student.find("check box", SWITCH).press()
        before, self.icon = self.icon, self.told("registered")
        assert self.icon != before
        self.says("Connected to Physics_2")
        self.student.keys("Escape")

    def quit(self):
        self.press(QUIT)
        self.desk.wait_for(lambda: not self.student.running(), "the program ends")
        assert self.student.process.returncode == 0, self.student.last_words()
        assert self.told("gone") == self.icon
        self.student.again(self.command("icon-student"))
        self.icon = self.told("registered")
        self.says("Connected to Physics_2")
        end(self.watcher)
        said = self.student.log.read_text()
        assert "panicked" not in said and "integration" not in said, said
