"""File choosers: a folder, several files at once, and what a cancelled one changes: nothing."""

from room import Room

CODE = "print('volts')\n"
# Places in the menu.
FOLDER, SNIPPET = 1, 2


class Story(Room):
    """A teacher who chooses, and a student."""

    NUMBER = 11

    def steps(self):
        return [
            ("a teacher and a student meet", self.meet),
            ("a folder is chosen in the menu and shared", self.folder),
            ("several files are shared at once", self.several),
            ("a cancelled chooser shares nothing", self.no_files),
            ("a cancelled replacement leaves the version", self.no_replacement),
            ("a cancelled save writes no file", self.no_snippet),
        ]

    def meet(self):
        self.teacher = self.teaches("chosen-teacher", "Circuits", "Dr. Negi")
        self.student = self.comes("chosen-student", "Sara Thomas", "21BCS055")
        self.trusts(self.student)

    def everyone_has(self, *originals):
        """Waits until the student has these, byte for byte."""
        for original in originals:
            self.desk.wait_for(lambda original=original: self.received(original), f"{original.name} in the student's folder", 30)

    def items(self):
        """How many items the teacher can withdraw."""
        return len(list(self.teacher.every("button", "Withdraw")))

    def folder(self):
        inside = self.desk.folder / "to-share/circuits/week1"
        inside.mkdir(parents=True)
        parts = [inside / "notes.txt", inside.parent / "index.txt"]
        for part in parts:
            part.write_text(f"This is {part.name}.\n")
        self.menu(self.teacher, "Share Something Else", FOLDER)
        asked = self.teacher.choose("Share a Folder", inside.parent)
        assert asked["folder"], asked
        self.teacher.find("label", "circuits")
        self.everyone_has(*parts)

    def several(self):
        files = [self.file(f"sheet{number}.txt", b"%d ohm\n" % number) for number in range(3)]
        self.teacher.keys("ctrl+o")
        asked = self.teacher.choose("Share Files", *files)
        assert not asked["folder"], asked
        self.everyone_has(*files)

    def no_files(self):
        """What is shared after it is all that came."""
        before = self.items()
        self.teacher.keys("ctrl+o")
        self.teacher.choose("Share Files")
        self.menu(self.teacher, "Share Something Else", FOLDER)
        self.teacher.choose("Share a Folder")
        self.lab = self.file("motor.txt", b"first\n")
        self.teacher.keys("ctrl+o")
        self.teacher.choose("Share Files", self.lab)
        self.teacher.find("label", self.lab.name)
        self.everyone_has(self.lab)
        assert self.items() == before + 1, f"{self.items()} items after {before} and one more"

    def replaces(self, *paths):
        """The newest item is to be replaced."""
        *_, replace = self.teacher.every("button", "Replace With a New Version")
        replace.press()
        self.teacher.choose("Replace “motor.txt”", *paths)

    def no_replacement(self):
        """The next one is version 2."""
        self.replaces()
        self.lab = self.file("motor.txt", b"second\n")
        self.replaces(self.lab)
        self.teacher.find("label", "motor.txt is now version 2")
        self.everyone_has(self.lab)

    def no_snippet(self):
        self.menu(self.teacher, "Share Something Else", SNIPPET)
        self.teacher.find("text", "Title").type("volts.py")
        self.teacher.find("text", "Text").type(CODE)
        self.teacher.find("button", "Share", where=lambda node: "click" in node.actions() and node.is_in("sensitive"))
        self.teacher.keys("alt+s")
        save = self.student.find("button", "Save As…")
        save.press()
        self.student.choose("Save the Snippet")
        save.press()
        saved = self.student.home / "volts.py"
        self.student.choose("Save the Snippet", saved)
        self.desk.wait_for(lambda: saved.exists() and saved.read_text() == CODE, "the saved snippet")
        assert list(self.student.home.rglob("*.py")) == [saved], "a cancelled save has written"
