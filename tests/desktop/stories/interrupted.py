"""The teacher's program dies in the middle of a lesson, and the lesson goes on; a student is muted, an item replaced."""

import re
import subprocess

from room import Room

COURSE = "Operating Systems"
HELLO = "Today: the scheduler."
AGAIN = "Sorry, the power was out."


class Story(Room):
    """A teacher whose computer is switched off at the wall, and a student."""

    NUMBER = 5

    def steps(self):
        return [
            ("a teacher and a student meet, a file is shared", self.meet),
            ("the teacher's program is killed, the student is told", self.killed),
            ("the next start offers to resume, and the feed is there", self.resume),
            ("the student comes back by itself and the lesson goes on", self.goes_on),
            ("an item is replaced by a new version", self.replace),
            ("a student is muted, and heard again", self.mute),
        ]

    def meet(self):
        self.lab = self.file("sched.c", b"int main(void) { return 0; }\n" * 300)
        self.teacher = self.teaches("interrupted-teacher", COURSE, "Dr. Bose")
        self.student = self.comes("interrupted-student", "Meena Das", "21BCS011")
        self.trusts(self.student)
        self.share()
        self.say(HELLO)

    def share(self):
        """As a file manager does it."""
        done = subprocess.run(self.command("interrupted-teacher", self.lab), env=self.teacher.env, timeout=20, check=False)
        assert done.returncode == 0, f"the second start ended with {done.returncode}"
        self.desk.wait_for(lambda: self.received(self.lab), f"{self.lab.name} in the student's folder", 60)

    def say(self, text):
        self.teacher.find("text", "Message to all students").type(text)
        self.teacher.find("button", "Send").press()
        self.teacher.find("label", text)
        self.student.find("label", text, seconds=60)

    def killed(self):
        self.teacher.stop(kill=True)
        self.student.find("label", re.compile("^Teacher (not reachable|away)"), seconds=60)
        self.look(self.student, "teacher-away.png")

    def resume(self):
        self.teacher = self.start("interrupted-teacher")
        self.teacher.find("button", "Start a Session").press()
        self.teacher.find(("switch", "toggle button", "list item", "check box"), re.compile(f"^Resume “{COURSE}”"))
        self.look(self.teacher, "resume.png")
        start = self.teacher.find("button", "Resume")
        self.teacher.wait_for(lambda: start.is_in("sensitive"), "Resume can be pressed")
        start.press()
        self.teacher.find("label", COURSE)
        for text in (HELLO, self.lab.name):
            self.teacher.find("label", text)

    def goes_on(self):
        self.teacher.find("list item", re.compile("^Meena Das"), seconds=60)
        self.say(AGAIN)
        self.teacher.find("label", "The one student has it")
        self.look(self.teacher, "resumed.png")

    def replace(self):
        self.lab = self.file("sched.c", b"int main(void) { return 1; }\n" * 300)
        self.teacher.find("button", "Replace With a New Version").press()
        self.teacher.choose("Replace “sched.c”", self.lab)
        self.teacher.find("label", "sched.c is now version 2")
        self.desk.wait_for(lambda: self.received(self.lab), "version 2 in the student's folder", 60)

    def mute(self):
        """The roster says so, what is written is refused, and later it is not."""
        row = "^Meena Das"
        self.menu(self.teacher, "More for Meena Das", 0)
        self.teacher.find("list item", re.compile(f"{row}.*Muted"))
        self.look(self.teacher, "muted.png")
        self.student.find("text", re.compile("^Ask Dr. Bose")).type("spam")
        self.student.find("button", "Send").press()
        self.student.find("label", "The teacher does not take messages at the moment")
        self.menu(self.teacher, "More for Meena Das", 0)
        self.teacher.wait_for(lambda: not self.teacher.has("list item", re.compile(f"{row}.*Muted")), "not muted any more")
        self.student.find("text", re.compile("^Ask Dr. Bose")).type("May I speak?")
        self.student.find("button", "Send").press()
        self.teacher.find("label", "May I speak?")
