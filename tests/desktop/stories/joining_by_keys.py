"""A student who uses the keyboard alone: nothing is pressed or typed through accessibility, which only tells what is there."""

import re

from room import Room

CODE = "".join(f"print({n})\n" for n in range(40))
QUESTION = "May I use a calculator?"
# The place in the menu.
SNIPPET = 2


class Story(Room):
    """A student without a mouse, from the first start on, and a teacher who has one."""

    NUMBER = 10

    def steps(self):
        return [
            ("name and roll number are written", self.name),
            ("an unknown teacher is looked at and left by Escape", self.not_now),
            ("the teacher is trusted", self.trust),
            ("a question is asked", self.question),
            ("the details of a snippet are opened and closed", self.details),
        ]

    def goes(self, role, name, *keys):
        """Goes to something in the student's window, and presses keys there."""
        self.student.find(role, name).focus()
        if keys:
            self.student.keys(*keys)

    def name(self):
        self.student = self.start("by-keys-student")
        self.goes("text", "Your Name")
        self.student.write("Tara Bose")
        self.student.keys("Tab")
        self.student.write("21BCS061")
        self.student.keys("Return")
        self.student.find("label", "Waiting for a Session")
        self.student.find("label", "Tara Bose")
        self.student.find("label", "Roll number 21BCS061")

    def not_now(self):
        self.teacher = self.teaches("by-keys-other", "Geometry", "Dr. Pant")
        self.goes("button", re.compile("^Review"), "Return")
        self.student.find("button", "Trust and Join")
        self.student.keys("Escape")
        self.student.wait_for(lambda: not self.student.has("button", "Trust and Join"), "the question is closed")
        assert not self.student.has("label", "Connected"), "joined without trust"

    def trust(self):
        self.goes("button", re.compile("^Review"), "Return")
        self.goes("button", "Trust and Join", "Return")
        self.student.find("label", "Connected")
        self.teacher.find("list item", re.compile("^Tara Bose · 21BCS061"))

    def question(self):
        self.goes("text", re.compile("^Ask Dr. Pant"))
        self.student.write(QUESTION)
        self.student.keys("Return")
        self.teacher.find("label", QUESTION)

    def details(self):
        self.menu(self.teacher, "Share Something Else", SNIPPET)
        self.teacher.find("text", "Title").type("numbers.py")
        self.teacher.find("text", "Text").type(CODE)
        self.teacher.find("button", "Share", where=lambda node: "click" in node.actions() and node.is_in("sensitive"))
        self.teacher.keys("alt+s")
        self.student.find("label", "numbers.py")
        self.goes("button", "Show All", "Return")
        self.student.find("text", "Code", where=lambda node: node.content == CODE)
        self.student.keys("Escape")
        self.student.wait_for(lambda: not self.student.has("dialog"), "the snippet is closed")
