"""A teacher and a student on one desk, on loopback: what the stories have in common."""

import os
import re
import sys
from pathlib import Path

import controls
import tree
from desk import TOP, Failed

BUILD = Path(os.environ.get("CARGO_TARGET_DIR", TOP / "target")) / os.environ.get("HANDOUT_BUILD", "release")
PROGRAM = BUILD / "handout"


class Room:
    """People by name, each with a program. Rooms of other numbers use other ports: their sessions are not heard here."""

    NUMBER = 0

    def __init__(self, desk):
        self.desk = desk
        self.teacher = self.student = None

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

    def comes(self, who, name, roll, **env):
        """A student starts the program for the first time and says who they are. Once in many runs nothing came of that, and nobody
        knows why: the window is in front before it is used now, and what it shows is printed before it is said again."""
        student = self.start(who, **env)
        student.activate()
        for again in range(3):
            student.find("text", "Your Name").type(name)
            student.find("text", "Roll Number").type(roll)
            student.find("button", "Continue").press()
            if tree.wait(lambda: student.has("label", f"Roll number {roll}"), 10):
                return student
            print(f"{who} has said in vain who they are, try {again + 1}:\n{student.tree()}", file=sys.stderr)
        raise Failed(f"{who}: nobody hears who they are\n{student.tree()}")

    def trusts(self, student):
        """A student trusts the unknown teacher and joins."""
        student.find("button", re.compile("^Review")).press()
        student.find("button", "Trust and Join").press()
        student.find("label", "Connected")

    def teaches(self, who, course, name):
        """A teacher starts the program for the first time, makes a key and starts a session."""
        teacher = self.start(who)
        teacher.activate()
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

    def preferences(self, program):
        """Opens the preferences. Their page is chosen when the keyboard comes to it, so nothing is chosen before."""
        program.keys("ctrl+comma")
        top = lambda: controls.front_seen(program)  # noqa: E731
        there = lambda: top().name == "Preferences" and any(one.is_in("focused") for _, one in top().walk())  # noqa: E731
        program.wait_for(there, "the preferences have the keyboard")

    def page(self, program, name):
        """Goes to a page of the preferences."""
        tab = program.find("page tab", name)
        if not tab.is_in("selected"):
            tab.press()
        program.wait_for(lambda: tab.is_in("selected"), f"the page {name}")

    def opened(self, program, button):
        """Opens a menu by its button; gives the entry that has the keyboard. A dialog that closes meanwhile can take the keyboard
        away and close the menu: then it is opened again, as a person would."""
        toggle = program.find("toggle button", button)
        entry = lambda: next(program.every("menu item", where=lambda item: item.is_in("focused")), None)  # noqa: E731
        for again in range(3):
            if program.has("menu item"):
                program.keys("Down")
            else:
                program.activate()
                toggle.press()
            found = tree.wait(entry, 6)
            if found:
                return found
            print(f"the menu {button} of {program.name} has no keyboard, try {again + 1}:\n{program.tree()}", file=sys.stderr)
        raise Failed(f"{program.name}: the menu {button} does not open with the keyboard in it\n{program.tree()}")

    def menu(self, program, button, place):
        """Opens a menu by its button and chooses the entry at that place, from 0, with the keyboard. GTK gives the entries of
        a menu no name that could be looked for."""
        at = self.opened(program, button)
        for _ in range(place):
            program.keys("Down")
            at = program.find("menu item", where=lambda item, at=at: item.is_in("focused") and item != at)
        program.keys("Return")
