"""A whole lesson: from the first start to the end of the session, as a teacher and a student see it."""

import re
import subprocess

import controls
from room import Room

QUESTION = "Which column is the voltage?"
ANSWER = "The third one, in millivolts."
# The place in the menu among the entries that can be chosen.
EXPORT = 0
COURSE = "Data Structures – Lab 3"


class Story(Room):
    """A teacher and a student, and what they do one after the other."""

    def __init__(self, desk):
        super().__init__(desk)
        self.lab = self.file("lab3-template.py", b"print('volts')\n" * 4000)
        self.data = self.file("readings & notes.csv", bytes(range(256)) * 8192)
        self.words = ""

    def steps(self):
        return [
            ("a student says who they are and waits", self.student_waits),
            ("a teacher without a key makes one and starts a session", self.teacher_starts),
            ("the student is shown an unknown teacher and joins only after trusting", self.student_joins),
            ("the teacher sees who joined", self.teacher_sees_student),
            ("a file given on the command line is shared and saved, byte for byte", self.first_file),
            ("a file handed to the running program is shared and saved", self.second_file),
            ("the student's question reaches the teacher", self.question),
            ("the teacher's message reaches the student", self.message),
            ("pictures of both windows", self.pictures),
            ("at 360 pixels", self.narrow),
            ("a student who starts again has the whole feed, in the dark", self.dark),
            ("from right to left", self.right_to_left),
            ("with large text", self.large_text),
            ("every control is reached with the keyboard alone", self.keyboard),
            ("the teacher ends the session and the student is told", self.end),
            ("the session can be read later, without the teacher", self.history),
            ("the teacher reads later who received what", self.taught),
        ]

    def student_waits(self):
        self.student = self.start("student")
        self.student.find("text", "Your Name").type("Asha Rao")
        self.student.find("text", "Roll Number").type("21BCS042")
        self.look(self.student, "welcome.png")
        self.student.find("button", "Continue").press()
        self.student.find("label", "Waiting for a Session")
        self.student.find("label", "Roll number 21BCS042")
        self.look(self.student, "waiting.png")

    def teacher_starts(self):
        self.teacher = self.start("teacher", self.lab)
        self.teacher.find("label", "Start a session to share this file")
        self.teacher.find("button", "Start a Session").press()
        self.teacher.find("text", "Course or Title").type(COURSE)
        self.teacher.find("text", "Name Students See").type("Dr. Meera Joshi")
        start = self.teacher.find("button", "Start")
        self.teacher.wait_for(lambda: start.is_in("sensitive"), "Start can be pressed")
        self.look(self.teacher, "start.png")
        start.press()
        self.teacher.find("label", COURSE)
        self.teacher.find("label", "No Students Yet")

    def student_joins(self):
        review = self.student.find("button", re.compile("^Review"))
        self.look(self.student, "found.png")
        assert not self.student.has("label", "Connected"), "joined before the teacher was trusted"
        review.press()
        words = self.student.find("label", where=lambda node: node.description == "Fingerprint of the teacher’s key")
        self.words = words.content or words.name
        assert len(self.words.split()) >= 4, f"the words of the key are {self.words!r}"
        self.look(self.student, "trust.png")
        self.student.find("button", "Trust and Join").press()
        self.student.find("label", "Connected")
        self.student.find("label", "Dr. Meera Joshi")

    def teacher_sees_student(self):
        self.teacher.find("list item", re.compile("^Asha Rao · 21BCS042 · "))
        self.teacher.find("label", "1 student")

    def first_file(self):
        self.teacher.find("label", self.lab.name)
        self.desk.wait_for(lambda: self.received(self.lab), f"{self.lab.name} in the student's folder", 60)
        self.student.find("label", "Saved")
        self.student.find("button", "Open")
        self.teacher.find("label", "The one student has it")

    def second_file(self):
        """As a file manager does it: the program is started once more, and hands the file to the one that runs."""
        done = subprocess.run(self.command("teacher", self.data), env=self.teacher.env, timeout=20, check=False)
        assert done.returncode == 0, f"the second start ended with {done.returncode}"
        self.teacher.find("label", self.data.name)
        self.desk.wait_for(lambda: self.received(self.data), f"{self.data.name} in the student's folder", 60)
        self.teacher.wait_for(
            lambda: len(list(self.teacher.every("label", "The one student has it"))) == 2, "both files are delivered"
        )

    def question(self):
        self.student.find("text", re.compile("^Ask Dr. Meera Joshi")).type(QUESTION)
        self.student.find("button", "Send").press()
        self.student.find("label", QUESTION)
        self.teacher.find("label", QUESTION)
        self.teacher.find("label", "Only the teacher and the author can read this")

    def message(self):
        composer = self.teacher.find("text", "Message to all students")
        self.teacher.activate()
        self.teacher.wait_for(lambda: composer.is_in("focused"), "the composer has the keyboard")
        composer.type(ANSWER)
        self.teacher.keys("Return")
        self.teacher.find("label", ANSWER)
        self.student.find("label", ANSWER)
        self.teacher.wait_for(lambda: not composer.content, "the composer is empty again")

    def pictures(self):
        self.look(self.teacher, "teacher.png")
        self.look(self.student, "student.png")

    def narrow(self):
        for program in (self.teacher, self.student):
            program.resize(360, 720)
            program.find("label", ANSWER)
            self.look(program, f"{program.name}-360.png")
        self.teacher.find("toggle button", "Students").press()
        self.teacher.find("list item", re.compile("^Asha Rao"))
        self.look(self.teacher, "roster-360.png")
        self.teacher.resize(960, 680)

    def again(self, **env):
        """The student's program starts again, and has everything."""
        self.student = self.start("student", **env)
        self.student.find("label", "Connected")
        for text in (QUESTION, ANSWER, self.lab.name, self.data.name):
            self.student.find("label", text)
        self.student.resize(860, 680)

    def dark(self):
        self.again(ADW_DEBUG_COLOR_SCHEME="prefer-dark")
        self.student.wait_for(lambda: len(list(self.student.every("label", "Saved"))) == 2, "both files are there still")
        self.look(self.student, "student-dark.png")

    def right_to_left(self):
        self.again(HANDOUT_RTL="1")
        self.look(self.student, "student-rtl.png")

    def large_text(self):
        config = self.desk.folder / "large"
        (config / "gtk-4.0").mkdir(parents=True)
        (config / "gtk-4.0/settings.ini").write_text("[Settings]\ngtk-font-name=Inter 16\n")
        for path in (self.student.home / ".config").iterdir():
            if path.name != "gtk-4.0":
                (config / path.name).symlink_to(path)
        self.again(XDG_CONFIG_HOME=config)
        self.look(self.student, "student-large.png")

    def keyboard(self):
        for program in (self.teacher, self.student):
            missed = controls.unreachable(program)
            assert not missed, f"the keyboard does not reach {missed} of {program.name}"

    def end(self):
        self.teacher.find("button", "End").press()
        self.teacher.find("button", "End Session").press()
        self.student.find("label", re.compile("^This session has ended"))
        self.teacher.find("label", "You have ended this session")
        self.look(self.student, "ended.png")
        self.student.find("button", "Done").press()
        self.student.find("label", "Waiting for a Session")

    def history(self):
        """Without the teacher's computer, from the next start on."""
        self.teacher.stop()
        self.student = self.start("student")
        self.student.find("label", "Waiting for a Session")
        self.student.keys("ctrl+h")
        self.look(self.student, "history.png")
        self.student.find("list item", COURSE).press()
        for text in (QUESTION, ANSWER, self.lab.name, self.data.name):
            self.student.find("label", text)
        self.student.find("label", "This is an earlier session, to read.")
        self.student.find("button", "Open")
        assert not self.student.has("text", re.compile("^Ask")), "an earlier session can be written to"
        self.look(self.student, "earlier.png")

    def taught(self):
        """The teacher reads who was there and who received what."""
        self.student.stop()
        self.teacher = self.start("teacher")
        self.teacher.find("label", "Start a Session")
        self.teacher.keys("ctrl+h")
        self.teacher.find("list item", COURSE).press()
        self.teacher.find("label", "The one student has it")
        self.teacher.find("list item", re.compile("^Asha Rao · 21BCS042 · .*Complete"))
        self.teacher.find("label", QUESTION)
        assert not self.teacher.has("button", "Withdraw"), "an earlier session can be changed"
        self.look(self.teacher, "taught.png")
        self.teacher.find("button", "Details").press()
        self.teacher.find("list item", re.compile("^Asha Rao.*Saved and verified"))
        self.look(self.teacher, "taught-details.png")
        self.teacher.keys("Escape")
        table = self.teacher.home / "earlier.csv"
        self.menu(self.teacher, "Main Menu", EXPORT)
        self.teacher.choose("Export Attendance and Delivery", table)
        self.desk.wait_for(lambda: table.exists() and b"21BCS042" in table.read_bytes(), "the table")
