"""Every window and every dialog is walked with the keyboard: each control has a name, and the keyboard comes to it."""

import re
import subprocess

import controls
import tree
from room import Room

COURSE = "Microprocessors"
SECRET = "four words are best"
CODE = "".join(f"mov ax, {n}\n" for n in range(40))
# Places in the menus.
SNIPPET, LINK, ANNOUNCEMENT = 2, 3, 4
WORDS, DIAGNOSIS, ABOUT = 2, 5, 6


class Story(Room):
    """A teacher, and two students who cannot receive at first, so that everything that helps is there."""

    NUMBER = 8

    def __init__(self, desk):
        super().__init__(desk)
        self.faults = []

    def steps(self):
        return [
            ("the home page of somebody unknown, its menu and the diagnosis", self.home),
            ("preferences, shortcuts, about, and a history without sessions", self.help),
            ("the dialog that starts a session, with a new key and with one that is there", self.teach),
            ("a student waits, finds an unknown teacher and is asked", self.meet),
            ("the dialogs of snippet, link and announcement", self.posts),
            ("the teacher's session with items of every kind, and its menus", self.session),
            ("who has an item, with two who have it not", self.delivery),
            ("the teacher's session at 360 pixels, and the students above it", self.narrow),
            ("what the teacher is asked, and the words of the key", self.questions),
            ("the student's session, a whole snippet, the trusted teacher", self.joined),
            ("a session that has ended, and one that is read later", self.ended),
            ("everything had a name, and the keyboard came everywhere", self.nothing_found),
        ]

    def walks(self, program, what, **how):
        """Notes what has no name, and what the keyboard does not come to. Everything is looked at before the story fails."""
        nameless, missed = controls.nameless(program), controls.unreachable(program, **how)
        # Once more: the rows of a list get their names when they are shown.
        nameless = nameless and controls.nameless(program)
        self.faults += [f"{what}: without a name: {one}" for one in nameless]
        self.faults += [f"{what}: not reached: {one}" for one in missed]

    def menu_of(self, program, button):
        """Walks a menu."""
        self.opened(program, button)
        missed = controls.left_out(program)
        self.faults += [f"menu {button}: {missed} entries not reached"] if missed else []
        program.keys("Escape")
        program.wait_for(lambda: not program.has("menu item"), f"the menu {button} is closed")

    def closes(self, program, what, button=None):
        """Escape closes what is in front, and the keyboard comes back; where it does not close, that is noted, and a button does."""
        front = controls.front(program)
        closed = lambda: (now := controls.front_seen(program)) and now != front  # noqa: E731
        program.keys("Escape")
        if not tree.wait(closed, 5):
            self.faults.append(f"{what}: Escape does not close it")
            front.first("button", button).press()
        back = lambda: closed() and any(one.is_in("focused") for _, one in controls.front_seen(program).walk())  # noqa: E731
        program.wait_for(back, f"{what} is closed, and the keyboard is back")

    def nothing_found(self):
        assert not self.faults, "\n" + "\n".join(self.faults)

    def home(self):
        self.teacher = self.start("walk-teacher")
        # With a name, Continue can be pressed.
        self.teacher.find("text", "Your Name").type("Anil Roy")
        self.walks(self.teacher, "home page, unknown")
        self.menu_of(self.teacher, "Main Menu")
        self.teacher.find("button", "Can’t See Your Session?").press()
        self.teacher.find("text", "Address or Link")
        self.walks(self.teacher, "diagnosis")
        self.closes(self.teacher, "diagnosis")

    def help(self):
        self.preferences(self.teacher)
        # Rows of numbers do not show in the tree, but they tell when the keyboard comes.
        numbers = {"General": {"Receive by Itself up To", "Disk Space to Leave Free"}, "Network": {"Upload Limit", "Port"}, "Trust": set()}
        for page, wanted in numbers.items():
            self.page(self.teacher, page)
            self.walks(self.teacher, f"preferences, {page}")
            met = [node.name for node in controls.round_trip("Tab") if node.role == "spin button"]
            missed = {title for title in wanted if not any(name.lower().startswith(title.lower()) for name in met)}
            self.faults += [f"preferences, {page}: not reached: {title}" for title in missed]
        self.closes(self.teacher, "preferences")
        self.teacher.keys("ctrl+question")
        self.teacher.find("label", "Find a student")
        self.walks(self.teacher, "shortcuts")
        self.closes(self.teacher, "shortcuts")
        self.menu(self.teacher, "Main Menu", ABOUT)
        self.teacher.find("label", "Handout", where=lambda _: self.teacher.has("dialog"))
        self.walks(self.teacher, "about")
        self.closes(self.teacher, "about")
        self.teacher.keys("ctrl+h")
        self.teacher.find("label", "No Earlier Sessions")
        self.walks(self.teacher, "history without sessions")
        self.closes(self.teacher, "history without sessions")

    def teach(self):
        self.teacher.keys("ctrl+n")
        self.teacher.find("text", "Course or Title").type(COURSE)
        self.teacher.find("text", "Name Students See").type("Dr. Roy")
        self.teacher.find("text", "Passphrase (Optional)").type(SECRET)
        self.ready("Start")
        self.walks(self.teacher, "start of a session, new key")
        self.teacher.find("button", "Start").press()
        self.teacher.find("label", "Nothing Shared Yet", seconds=60)
        self.walks(self.teacher, "session without items")
        # Interrupted, so that it can be resumed with the key that is there.
        self.teacher.stop(kill=True)
        self.teacher = self.start("walk-teacher")
        self.teacher.find("button", "Start a Session").press()
        self.teacher.find("text", "Passphrase").type(SECRET)
        self.ready("Resume")
        self.walks(self.teacher, "start of a session, key that is there")
        self.teacher.find("button", "Resume").press()
        self.teacher.find("label", "Nothing Shared Yet", seconds=60)

    def ready(self, name):
        """Waits until a button of the dialog can be pressed; gives it."""
        ready = lambda: controls.in_front(self.teacher, "button", name, "sensitive")  # noqa: E731
        return self.teacher.wait_for(ready, f"{name} can be pressed")

    def meet(self):
        self.student = self.comes("walk-student", "Rina Paul", "21BCS077")
        self.student.find("button", re.compile("^Review"), seconds=60)
        self.walks(self.student, "home page, a session is here")
        self.student.find("button", re.compile("^Review")).press()
        self.student.find("button", "Trust and Join")
        self.walks(self.student, "unknown teacher")
        self.closes(self.student, "unknown teacher", "Not Now")
        self.second = self.comes("walk-second", "Omar Khan", "21BCS078")
        for student in (self.student, self.second):
            # A file where the folder should be: nothing can be received.
            (student.home / "Downloads/Handout").write_bytes(b"in the way")
            self.trusts(student)

    def posts(self):
        for place, key, fields in (
            # Tab is a part of code, so it is written; Ctrl+Tab leads on.
            (SNIPPET, "ctrl+Tab", {"Title": "count.py", "Text": CODE}),
            (LINK, "Tab", {"Title": "Slides", "Address": "gehu.ac.in/slides"}),
            (ANNOUNCEMENT, "Tab", {"Title": "Quiz on Monday", "Text": "Chapters 1 to 3."}),
        ):
            self.menu(self.teacher, "Share Something Else", place)
            for name, value in fields.items():
                self.teacher.find("text", name).type(value)
            share = self.ready("Share")
            self.walks(self.teacher, f"dialog of {fields['Title']}", key=key)
            share.press()
            self.student.find("label", fields["Title"])

    def session(self):
        lab = self.file("walk.bin", bytes(range(256)) * 20)
        subprocess.run(self.command("walk-teacher", lab), env=self.teacher.env, timeout=20, check=True)
        self.teacher.find("text", "Message to all students").type("Good morning")
        self.teacher.find("button", "Send").press()
        self.student.find("text", re.compile("^Ask Dr. Roy")).type("Which page?")
        self.student.find("button", "Send").press()
        self.teacher.find("label", "Which page?")
        self.teacher.find("label", re.compile("2 failed"))
        # With a text, Send can be pressed.
        self.teacher.find("text", "Message to all students").type("Page")
        self.walks(self.teacher, "the teacher's session")
        for button in ("Main Menu", "Share Something Else", "More for Rina Paul"):
            self.menu_of(self.teacher, button)

    def delivery(self):
        self.teacher.find("button", "Details").press()
        self.teacher.find("button", "All Try Again")
        self.walks(self.teacher, "delivery")
        self.closes(self.teacher, "delivery")

    def narrow(self):
        self.teacher.resize(360, 720)
        self.teacher.find("toggle button", "Share")
        self.walks(self.teacher, "the teacher's session at 360 pixels")
        self.menu_of(self.teacher, "Share")
        self.teacher.find("toggle button", "Students").press()
        self.teacher.find("list item", re.compile("^Rina Paul"))
        # What lies below the students cannot be used as long as they are there, although it shows.
        students = self.teacher.find("list", "Students")
        self.walks(self.teacher, "students at 360 pixels", within=students)
        self.teacher.find("toggle button", "All").focus()
        self.teacher.keys("Escape")
        self.teacher.wait_for(lambda: not self.teacher.has("list", "Students"), "the students are hidden")
        if not self.teacher.has("label", COURSE):
            self.faults.append("students at 360 pixels: Escape leaves the session with them")
            self.teacher.find("button", "Start a Session").press()
        self.teacher.resize(960, 680)
        self.teacher.find("list", "Students")

    def questions(self):
        self.teacher.find("button", "End").press()
        self.asked("End Session", "end of the session")
        self.teacher.keys("ctrl+w")
        self.asked("End and Quit", "close of the window")
        self.teacher.find("button", "Withdraw").press()
        self.teacher.find("label", re.compile("^Withdraw “"))
        self.asked("Withdraw", "withdrawal")
        self.menu(self.teacher, "Main Menu", WORDS)
        self.asked("Close", "words of the key", "Close")
        self.menu(self.teacher, "Main Menu", DIAGNOSIS)
        self.teacher.find("label", "Address of Your Session")
        self.walks(self.teacher, "diagnosis of a teacher")
        self.teacher.find("toggle button", "Show QR Code").press()
        self.teacher.find("image", "QR code of handout://127.0.0.1:47808")
        # What pops up is a window of its own.
        self.desk.picture("qr.png")
        self.teacher.keys("Escape")
        self.closes(self.teacher, "diagnosis of a teacher")

    def asked(self, answer, what, close="Cancel"):
        """Walks a question and leaves it."""
        there = lambda: controls.front(self.teacher).role == "alert" and controls.in_front(self.teacher, "button", answer)  # noqa: E731
        self.teacher.wait_for(there, f"the question: {what}")
        self.walks(self.teacher, what)
        self.closes(self.teacher, what, close)

    def joined(self):
        self.student.find("text", re.compile("^Ask Dr. Roy")).type("Page")
        self.walks(self.student, "the student's session")
        self.menu_of(self.student, "Main Menu")
        self.student.find("button", "Show All").press()
        self.student.find("text", "Code", where=lambda node: node.content == CODE)
        self.walks(self.student, "whole snippet")
        self.closes(self.student, "whole snippet")
        self.preferences(self.student)
        self.page(self.student, "Trust")
        self.student.find("button", "Trust Dr. Roy no longer").press()
        self.student.find("button", re.compile("Undo$"))
        self.walks(self.student, "a removal that can be undone")
        self.student.find("button", re.compile("Undo$")).press()
        self.student.find("button", "Trust Dr. Roy no longer")
        self.student.wait_for(lambda: not self.student.has("button", re.compile("Undo$")), "nothing is offered any more")
        self.walks(self.student, "trusted teachers")
        self.closes(self.student, "trusted teachers")

    def ended(self):
        self.teacher.find("button", "End").press()
        self.teacher.find("button", "End Session").press()
        self.student.find("label", re.compile("^This session has ended"))
        self.walks(self.student, "a session that has ended, for the student")
        self.teacher.find("label", "You have ended this session")
        self.walks(self.teacher, "a session that has ended, for the teacher")
        for program in (self.teacher, self.second):
            program.stop()
        self.student = self.start("walk-student")
        self.student.find("label", "Waiting for a Session")
        self.walks(self.student, "home page, waiting")
        self.student.keys("ctrl+h")
        self.student.find("list item", COURSE)
        self.walks(self.student, "history")
        self.student.find("list item", COURSE).press()
        self.student.find("label", "This is an earlier session, to read.")
        self.walks(self.student, "an earlier session")
