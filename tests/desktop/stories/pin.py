"""A session that asks for a PIN: who mistypes is asked again, who gives up stays out, who knows it is in."""

import re

from room import Room

COURSE = "Midterm"


class Story(Room):
    """A teacher who keeps others out, and two students."""

    NUMBER = 16

    def steps(self):
        return [
            ("a session is started that asks for a PIN", self.started),
            ("a student sees that it asks, and gives up", self.gives_up),
            ("a wrong PIN is told, and the right one lets in", self.slips),
            ("a file reaches who is in and nobody else", self.shares),
            ("the teacher's program is started anew: the PIN is the same", self.again),
        ]

    def started(self):
        self.teacher = self.start("pin-teacher")
        self.teacher.find("button", "Start a Session").press()
        self.teacher.find("text", "Course or Title").type(COURSE)
        self.teacher.find("text", "Name Students See").type("Dr. Bose")
        self.teacher.find("check box", "Ask Students for a PIN").press()
        self.look(self.teacher, "pin-start.png")
        self.starts(self.teacher)
        self.teacher.find("label", "Nothing Shared Yet")
        self.pin = self.shown()
        self.look(self.teacher, "pin-teacher.png")

    def shown(self):
        """The PIN on the teacher's screen."""
        found = re.search(r"PIN (\d{3}\s\d{3})", self.teacher.find("label", re.compile(r"PIN \d")).name)
        return found[1]

    def gives_up(self):
        self.student = self.comes("pin-student", "Rina Paul", "21BCS077")
        self.student.find("button", re.compile("^Review")).press()
        self.student.find("button", "Trust and Join").press()
        self.student.find("label", re.compile("Asks for a PIN"))
        self.look(self.student, "pin-row.png")
        self.student.find("button", f"Enter the PIN of {COURSE}").press()
        self.student.find("text", "PIN", where=lambda entry: entry.is_in("focused"))
        self.look(self.student, "pin-dialog.png")
        assert not self.student.find("button", "Join").is_in("sensitive"), "an empty PIN can be sent"
        self.student.keys("Escape")
        self.student.wait_for(lambda: not self.student.has("text", "PIN"), "the question is closed")

    def slips(self):
        digits = re.sub(r"\D", "", self.pin)
        wrong = f"{(int(digits) + 1) % 1_000_000:06}"
        self.student.find("button", f"Enter the PIN of {COURSE}").press()
        self.types(wrong)
        self.student.find("label", re.compile("^That was not the PIN"))
        self.look(self.student, "pin-wrong.png")
        # As it stands on the teacher's screen, with the space.
        self.types(self.pin)
        self.student.find("label", "Connected")

    def types(self, pin):
        self.student.activate()
        self.student.find("text", "PIN", where=lambda entry: entry.is_in("focused") and not entry.content)
        self.student.write(pin.replace("\u00a0", " "))
        self.student.keys("Return")

    def shares(self):
        self.other = self.comes("pin-other", "Omar Khan", "21BCS078")
        self.other.find("button", re.compile("^Review")).press()
        self.other.find("button", "Trust and Join").press()
        self.other.find("label", re.compile("Asks for a PIN"))
        paper = self.file("paper.txt", b"Answer three of five.\n")
        self.teacher.keys("ctrl+o")
        self.teacher.choose("Share Files", paper)
        self.desk.wait_for(lambda: self.received(paper), "the student has it")
        assert not list((self.other.home / "Downloads/Handout").rglob("*.txt")), "who is not in has it, too"

    def again(self):
        self.teacher.stop(kill=True)
        self.teacher = self.start("pin-teacher")
        self.teacher.find("button", "Start a Session").press()
        resume = self.teacher.find("button", "Resume")
        self.teacher.wait_for(lambda: resume.is_in("sensitive"), "Resume can be pressed")
        resume.press()
        assert self.shown() == self.pin
        # Who was in is in again by itself; who was not is asked still.
        self.teacher.find("label", re.compile("^1 student"), seconds=60)
        self.other.find("button", f"Enter the PIN of {COURSE}", seconds=60).press()
        self.student = self.other
        self.types(self.pin)
        self.other.find("label", "Connected")
        self.teacher.find("label", re.compile("^2 students"))
