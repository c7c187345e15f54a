"""A teacher and a student on one desk, on loopback: what the stories have in common."""

import os
import re
from pathlib import Path

import controls
import keyboard
import tree
from desk import TOP

BUILD = Path(os.environ.get("CARGO_TARGET_DIR", TOP / "target")) / os.environ.get("HANDOUT_BUILD", "release")
PROGRAM = BUILD / "handout"


class Room:
    """People by name, each with a program. Rooms of other numbers use other ports: their sessions are not heard here."""

    NUMBER = 0

    def __init__(self, desk):
        self.desk = desk
        self.teacher = self.student = None
        self.asked = []

    def steps(self):
        """What happens, one after the other: pairs of words and a function."""
        raise NotImplementedError

    def file(self, name, content):
        """A file of the teacher's, to be shared."""
        folder = self.desk.folder / "to-share"
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_bytes(content)
        return path

    def data_of(self, who):
        """Where somebody's program keeps keys and history."""
        return self.desk.folder / f"{who}-data"

    def command(self, who, *files):
        """How somebody's program is started."""
        port = 47800 + self.NUMBER
        return [PROGRAM, "--interface", "lo", "--port", str(port), "--data-dir", self.data_of(who), *files]

    def start(self, who, *files, **env):
        """Somebody starts the program."""
        return self.desk.start(who, *self.command(who, *files), env=env)

    def look(self, program, picture):
        """A picture of a window; and everything in it that can be used has a name."""
        program.picture(picture)
        nameless = controls.nameless(program)
        assert not nameless, f"without a name in {picture}: {nameless}"

    def received(self, original):
        """Whether the student's folder has the file, byte for byte."""
        found = (self.student.home / "Downloads/Handout").rglob(original.name)
        return any(path.read_bytes() == original.read_bytes() for path in found if path.is_file())

    def comes(self, who, name, roll):
        """A student starts the program for the first time and says who they are."""
        student = self.start(who)
        student.find("text", "Your Name").type(name)
        student.find("text", "Roll Number").type(roll)
        student.find("button", "Continue").press()
        student.find("label", f"Roll number {roll}")
        return student

    def trusts(self, student):
        """A student trusts the unknown teacher and joins."""
        student.find("button", re.compile("^Review")).press()
        student.find("button", "Trust and Join").press()
        student.find("label", "Connected")

    def teaches(self, who, course, name):
        """A teacher starts the program for the first time, makes a key and starts a session."""
        teacher = self.start(who)
        teacher.find("button", "Start a Session").press()
        teacher.find("text", "Course or Title").type(course)
        teacher.find("text", "Name Students See").type(name)
        self.starts(teacher)
        teacher.find("label", "Nothing Shared Yet")
        return teacher

    def starts(self, teacher):
        """Presses Start, once it can be pressed."""
        start = teacher.find("button", "Start")
        teacher.wait_for(lambda: start.is_in("sensitive"), "Start can be pressed")
        start.press()

    def menu(self, program, button, place):
        """Opens a menu by its button and chooses the entry at that place, from 0, with the keyboard. GTK gives the entries of
        a menu no name that could be looked for."""
        program.find("toggle button", button).press()
        program.find("menu item", where=lambda item: item.is_in("focused"))
        program.keys(*["Down"] * place, "Return")

    def choose(self, program, path, title):
        """Names a file in the file chooser of that title, with the keyboard. GTK's chooser does not bear to be looked at
        through accessibility while it changes: it is found by its window."""
        shown = lambda: keyboard.titled(program.process.pid, title)  # noqa: E731
        self.desk.wait_for(shown, f"the window {title}")
        program.activate()
        # Ctrl+L asks for a path; later choosers of the same program do so by themselves.
        if program not in self.asked:
            keyboard.keys("ctrl+l")
            self.asked.append(program)
        keyboard.keys("ctrl+a")
        keyboard.write(str(path))
        # The first Return may only go to the folder.
        for _ in range(6):
            keyboard.keys("Return")
            if tree.wait(lambda: not shown() and not shown(), 4):
                return
        raise AssertionError(f"{title} does not close")
