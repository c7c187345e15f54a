"""Preferences: who one is, who is trusted, the network, and what an administrator has locked."""

import re
from pathlib import Path

import tree
from room import Room

# The place in the main menu.
ABOUT = 7
# Here an administrator locks keys; of this run alone, see build-aux/lib/root.sh.
MANAGED = Path("/etc/glib-2.0/settings")
SETTINGS = ".config/glib-2.0/settings/keyfile"


class Story(Room):
    """A student who has trusted a teacher once."""

    NUMBER = 4

    def steps(self):
        return [
            ("an address that is none is refused, another is looked at", self.address),
            ("a student has trusted a teacher", self.meet),
            ("name and folder are shown, and a new name is kept", self.general),
            ("a trusted teacher is listed with the words of the key", self.trusted),
            ("a removal can be undone, and counts when it is not", self.remove),
            ("the upload limit is kept", self.network),
            ("shortcuts and the about dialog", self.help),
            ("what an administrator has locked is shown as managed", self.managed),
        ]

    def address(self):
        self.student = self.comes("preferences-student", "Neha Pant", "21BCS019")
        self.student.find("button", "Can’t See Your Session?").press()
        entry = self.student.find("text", "Address or Link")
        self.look(self.student, "diagnosis.png")
        self.enter(entry, "lab pc")
        self.student.find("label", re.compile("^“lab pc” is no address of a session"))
        self.enter(entry, "handout://127.0.0.1:47804")
        self.student.wait_for(lambda: not self.student.has("text", "Address or Link"), "the dialog has closed")

    def enter(self, entry, text):
        entry.focus()
        self.student.keys("ctrl+a")
        self.student.write(text)
        self.student.keys("Return")

    def meet(self):
        self.teacher = self.teaches("preferences-teacher", "Statistics", "Dr. Kaur")
        self.trusts(self.student)

    def kept(self):
        path = self.student.home / SETTINGS
        return path.read_text() if path.exists() else ""

    def general(self):
        self.preferences(self.student)
        name = self.student.find("text", "Name")
        assert name.content == "Neha Pant", name.content
        self.student.find("label", re.compile("/Downloads/Handout$"))
        self.look(self.student, "preferences.png")
        name.focus()
        self.student.keys("ctrl+a")
        self.student.write("Neha P. Pant")
        self.student.keys("Return")
        self.desk.wait_for(lambda: "Neha P. Pant" in self.kept(), "the new name in the settings")

    def trusted(self):
        self.page(self.student, "Trust")
        self.student.find("button", "Trust Dr. Kaur no longer")
        self.look(self.student, "preferences-trust.png")

    def remove(self):
        self.student.find("button", "Trust Dr. Kaur no longer").press()
        # It can be undone for ten seconds.
        self.student.find("button", re.compile("Undo$")).press()
        self.student.find("button", "Trust Dr. Kaur no longer").press()
        self.student.find("label", "Nobody Yet")
        trust = self.data_of("preferences-student") / "keys/trust.json"
        assert "Dr. Kaur" in trust.read_text(), "removed at once"
        self.student.keys("Escape")
        self.desk.wait_for(lambda: "Dr. Kaur" not in trust.read_text(), "Dr. Kaur is forgotten")

    def network(self):
        self.preferences(self.student)
        self.page(self.student, "Network")
        self.student.find("label", "Sending")
        self.look(self.student, "preferences-network.png")
        # Spin rows do not show in the accessible tree: the row is found by the keyboard alone.
        for _ in range(8):
            self.student.keys("ctrl+a")
            self.student.write("512")
            self.student.keys("Tab")
            if tree.wait(lambda: re.search("upload-limit=(uint32 )?512", self.kept()), 2):
                break
        assert re.search("upload-limit=(uint32 )?512", self.kept()), "the limit is not in the settings"
        self.student.resize(360, 640)
        self.look(self.student, "preferences-360.png")
        self.student.resize(960, 680)
        self.student.keys("Escape")
        self.student.wait_for(lambda: not self.student.has("label", "Sending"), "the preferences are closed")

    def help(self):
        self.student.keys("ctrl+question")
        self.student.find("label", "Find a student")
        self.student.picture("shortcuts.png")
        self.student.keys("Escape")
        self.menu(self.student, "Main Menu", ABOUT)
        self.student.find("label", "Handout")
        self.look(self.student, "about.png")
        self.student.keys("Escape")

    def managed(self):
        keys = ("run-in-background", "tray-icon", "student-name", "upload-limit")
        (MANAGED / "defaults").write_text("")
        (MANAGED / "locks").write_text("".join(f"/in/ac/gehu/Handout/{key}\n" for key in keys))
        self.student = self.start("preferences-student")
        self.student.find("button", "Main Menu")
        self.preferences(self.student)
        name = self.student.find("text", "Name (managed by your organisation)")
        assert not name.is_in("sensitive"), "a locked name can be changed"
        told = lambda: list(self.student.every("label", "Managed by your organisation"))  # noqa: E731
        self.student.wait_for(lambda: len(told()) == 2, "both switches of locked keys are shown as managed")
        self.look(self.student, "managed.png")
        for path in MANAGED.iterdir():
            path.unlink()
