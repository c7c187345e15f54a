"""Where received files go: another folder is chosen before a session and in the middle of one."""

from room import Room


class Story(Room):
    """A student who likes order, and a teacher."""

    NUMBER = 13

    def steps(self):
        return [
            ("a cancelled chooser leaves the folder", self.cancelled),
            ("files land in the folder that was chosen before the session", self.before),
            ("the next file lands in the folder that is chosen in the session", self.within),
        ]

    def chooses(self, *paths):
        """The student is asked for a folder in the open preferences."""
        self.student.find("button", "Folder").press()
        asked = self.student.choose("Folder for Received Files", *paths)
        assert asked["folder"], asked

    def moves(self, name):
        """The student chooses a new folder and closes the preferences."""
        place = self.student.home / name
        place.mkdir()
        self.chooses(place)
        self.student.find("label", str(place))
        self.student.keys("Escape")
        self.student.wait_for(lambda: not self.student.has("dialog"), "the preferences are closed")
        return place

    def lands(self, name, place):
        """A file that is shared now is in that folder, byte for byte."""
        lab = self.file(name, name.encode() * 100)
        self.teacher.keys("ctrl+o")
        self.teacher.choose("Share Files", lab)
        there = lambda: [path for path in place.rglob(name) if path.read_bytes() == lab.read_bytes()]  # noqa: E731
        self.desk.wait_for(there, f"{name} in {place.name}", 20)
        assert not self.received(lab), f"{name} is in the old folder, too"

    def cancelled(self):
        """Asked a second time, it is the old one still."""
        self.student = self.comes("place-student", "Sara Thomas", "21BCS055")
        old = str(self.student.home / "Downloads/Handout")
        self.student.keys("ctrl+comma")
        self.student.find("label", old)
        self.chooses()
        self.student.find("button", "Folder").press()
        self.student.find("label", old)
        self.student.choose("Folder for Received Files")

    def before(self):
        place = self.moves("Physics")
        self.teacher = self.teaches("place-teacher", "Physics", "Dr. Negi")
        self.trusts(self.student)
        self.lands("coil.txt", place)

    def within(self):
        """As the teacher is told to have it done by a student whose folder cannot be written to."""
        self.student.keys("ctrl+comma")
        self.lands("motor.txt", self.moves("Motors"))
