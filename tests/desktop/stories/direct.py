"""A student who has to wait for a slow class is sent to directly by the teacher."""

import re

from room import Room


class Story(Room):
    """A teacher who spares the network, and a student."""

    NUMBER = 14

    def steps(self):
        return [
            ("a file is slow in coming", self.slow),
            ("the teacher sends it directly, and it says so", self.direct),
        ]

    def slow(self):
        settings = self.desk.folder / "direct-teacher/.config/glib-2.0/settings"
        settings.mkdir(parents=True)
        (settings / "keyfile").write_text("[in/ac/gehu/Handout]\nupload-limit=uint32 64\n")
        self.teacher = self.teaches("direct-teacher", "Optics", "Dr. Menon")
        self.student = self.comes("direct-student", "Leela Das", "21BCS061")
        self.trusts(self.student)
        self.lab = self.file("slow.bin", bytes(range(256)) * 8192)
        self.teacher.keys("ctrl+o")
        self.teacher.choose("Share Files", self.lab)
        self.teacher.find("label", re.compile("1 receiving"))
        self.teacher.find("button", "Details").press()
        self.teacher.find("list item", re.compile("^Leela Das.*Receiving, "))

    def direct(self):
        button = self.teacher.find("button", "Send Directly", where=lambda node: "Leela" in node.description)
        self.look(self.teacher, "direct.png")
        button.press()
        self.teacher.find("list item", re.compile("^Leela Das.*Receiving, .*Sent directly"))
        assert not self.teacher.has("button", "Send Directly"), "it is offered twice"
        self.look(self.teacher, "sent-directly.png")
        self.desk.wait_for(lambda: self.received(self.lab), "the file in the student's folder", 90)
        self.teacher.find("list item", re.compile("^Leela Das.*Saved and verified"))
