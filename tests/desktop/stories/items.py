"""What a teacher shares beside files, and what becomes of it: delivery, retry, snippets, links, paste, drop, withdrawal, export."""

import csv
import re
import sys
from pathlib import Path

import keyboard
from room import Room

CODE = "import csv\n\nwith open('a.csv') as file:\n\tfor row in csv.reader(file):\n\t    print(row)\n"
LONG = "".join(f"print({n})\n" for n in range(40))
# Places in the menus.
SNIPPET, LINK, ANNOUNCEMENT = 2, 3, 4
EXPORT = 1
OUTSIDE = Path(__file__).resolve().parent.parent / "lib/outside.py"


class Story(Room):
    """A teacher and a student whose disk is not in order at first."""

    NUMBER = 1

    def steps(self):
        return [
            ("a teacher and a student meet", self.meet),
            ("an item's details tell who has it, why not, and what helps", self.details),
            ("the teacher has the student try again, and it arrives", self.retry),
            ("details and roster at 360 pixels", self.narrow),
            ("an announcement needs a text, and reaches the student", self.announcement),
            ("a link gets its scheme, and reaches the student", self.link),
            ("a snippet reaches the student with its language and white space", self.snippet),
            ("the student saves the snippet as a file, byte for byte", self.save_snippet),
            ("a long snippet is shown whole", self.whole_snippet),
            ("pasted code is offered as a snippet", self.paste_code),
            ("a pasted address is offered as a link", self.paste_link),
            ("copied files are shared", self.paste_files),
            ("dropped files are shared", self.drop),
            ("a copied folder is shared", self.folder),
            ("attendance and delivery are exported", self.export),
            ("an item is withdrawn", self.withdraw),
        ]

    def meet(self):
        self.teacher = self.teaches("items-teacher", "Networks", "Dr. Sen")
        self.student = self.comes("items-student", "Vikram Bisht", "21BCS007")
        # A file where the folder should be: nothing can be received.
        self.blocked = self.student.home / "Downloads/Handout"
        self.blocked.write_bytes(b"in the way")
        self.trusts(self.student)
        self.teacher.find("list item", re.compile("^Vikram Bisht"))

    def share(self, path):
        """The teacher chooses a file."""
        self.teacher.keys("ctrl+o")
        self.teacher.choose("Share Files", path)
        self.teacher.find("label", path.name)

    def details(self):
        self.lab = self.file("lab7.bin", bytes(range(256)) * 3000)
        self.share(self.lab)
        self.teacher.find("label", re.compile("1 failed"))
        self.look(self.teacher, "failed.png")
        self.teacher.find("button", "Details").press()
        self.teacher.find("label", "Delivery")
        row = self.teacher.find("list item", re.compile("^Vikram Bisht.*read-only.*choose another folder"))
        assert "21BCS007" in row.name, row
        self.look(self.teacher, "delivery.png")

    def retry(self):
        self.blocked.unlink()
        self.teacher.find("button", "Try Again", where=lambda node: "Vikram" in node.description).press()
        self.teacher.find("list item", re.compile("^Vikram Bisht.*Saved and verified"))
        self.desk.wait_for(lambda: self.received(self.lab), "the file in the student's folder", 30)
        self.look(self.teacher, "delivered.png")

    def narrow(self):
        self.teacher.resize(360, 720)
        self.teacher.find("list item", re.compile("^Vikram Bisht"))
        self.look(self.teacher, "delivery-360.png")
        self.teacher.keys("Escape")
        self.teacher.wait_for(lambda: not self.teacher.has("label", "Delivery"), "the details are closed")
        self.teacher.resize(960, 680)
        self.teacher.find("label", "The one student has it")

    def writes(self, entry, title, **fields):
        """The teacher fills in a dialog of the share menu."""
        self.menu(self.teacher, "Share Something Else", entry)
        self.teacher.find("button", "Share", where=lambda node: not node.is_in("sensitive"))
        self.teacher.find("text", "Title").type(title)
        for name, value in fields.items():
            self.teacher.find("text", name).type(value)

    def shared(self):
        """Presses the dialog's Share."""
        self.teacher.find("button", "Cancel")
        share = [node for node in self.teacher.every("button", "Share") if "click" in " ".join(node.actions())]
        ready = lambda: share[-1].is_in("sensitive")  # noqa: E731
        self.teacher.wait_for(ready, "Share can be pressed")
        share[-1].press()
        self.teacher.wait_for(lambda: not self.teacher.has("button", "Cancel"), "the dialog is closed")

    def announcement(self):
        self.writes(ANNOUNCEMENT, "Quiz on Monday")
        share = [node for node in self.teacher.every("button", "Share")][-1]
        assert not share.is_in("sensitive"), "an announcement without a text"
        self.teacher.find("text", "Text").type("Chapters 1 to 3.")
        self.look(self.teacher, "announcement.png")
        self.shared()
        self.student.find("label", "Quiz on Monday")
        self.student.find("label", "Chapters 1 to 3.")

    def link(self):
        self.writes(LINK, "Slides", Address="gehu.ac.in/slides")
        self.shared()
        self.student.find("label", "Slides")
        self.student.find("label", "https://gehu.ac.in/slides")

    def snippet(self):
        self.writes(SNIPPET, "reader.py", Text=CODE)
        self.look(self.teacher, "snippet-dialog.png")
        self.shared()
        self.student.find("label", "reader.py")
        self.student.find("label", "Python")
        code = self.student.find("text", "Code")
        assert code.content == CODE.rstrip(), repr(code.content)
        self.look(self.student, "snippet.png")

    def save_snippet(self):
        self.student.find("button", "Save As…").press()
        asked = self.student.choose("Save the Snippet", self.student.home / "mine.py")
        assert (asked["method"], asked["name"]) == ("SaveFile", "reader.py"), asked
        saved = self.student.home / "mine.py"
        self.desk.wait_for(lambda: saved.exists() and saved.read_text() == CODE, "the saved snippet")

    def whole_snippet(self):
        self.writes(SNIPPET, "numbers.py", Text=LONG)
        self.shared()
        self.student.find("label", "numbers.py")
        self.student.find("button", "Show All").press()
        self.student.find("text", "Code", where=lambda node: node.content == LONG)
        self.look(self.student, "whole-snippet.png")
        self.student.keys("Escape")

    def copied(self, *what):
        """Another program copies something."""
        outside = self.desk.start("outside", sys.executable, OUTSIDE, *what)
        outside.find("label", "Drag me")
        outside.activate()
        return outside

    def paste(self):
        composer = self.teacher.find("text", "Message to all students")
        composer.focus()
        self.teacher.keys("ctrl+v")

    def paste_code(self):
        self.copied("--text", CODE)
        self.paste()
        self.teacher.find("button", "Share as Snippet…").press()
        self.teacher.find("text", "Title", where=lambda node: node.content == "main.py")
        self.teacher.find("text", "Text", where=lambda node: node.content == CODE)
        self.shared()
        self.student.find("label", "main.py")
        composer = self.teacher.find("text", "Message to all students")
        self.teacher.wait_for(lambda: not composer.content, "the code is no message as well")

    def paste_link(self):
        self.copied("--text", "https://gehu.ac.in/networks")
        self.paste()
        self.teacher.find("button", "Share as Link…").press()
        self.teacher.find("text", "Address", where=lambda node: node.content == "https://gehu.ac.in/networks")
        self.shared()
        self.student.find("label", "https://gehu.ac.in/networks")

    def paste_files(self):
        pasted = self.file("pasted.txt", b"from the clipboard")
        self.copied("--files", pasted)
        self.paste()
        self.teacher.find("label", pasted.name)
        self.desk.wait_for(lambda: self.received(pasted), "the pasted file", 30)

    def drop(self):
        dropped = self.file("dropped.txt", b"from another window")
        outside = self.copied("--files", dropped)
        keyboard.drag(outside.process.pid, self.teacher.process.pid)
        self.teacher.find("label", dropped.name)
        self.desk.wait_for(lambda: self.received(dropped), "the dropped file", 30)
        outside.stop()

    def folder(self):
        inside = self.desk.folder / "to-share/homework/src"
        inside.mkdir(parents=True)
        (inside / "main.c").write_bytes(b"int main(void) { return 0; }\n")
        self.copied("--files", inside.parent)
        self.paste()
        self.desk.wait_for(lambda: self.received(inside / "main.c"), "the file of the folder", 30)

    def export(self):
        path = self.teacher.home / "networks.csv"
        self.menu(self.teacher, "Main Menu", EXPORT)
        asked = self.teacher.choose("Export Attendance and Delivery", path)
        assert asked["name"].endswith(".csv"), asked
        self.desk.wait_for(lambda: path.exists() and path.read_bytes().count(b"\r\n") == 2, "the table")
        head, row = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
        assert head[:4] == ["Roll Number", "Name", "Computer", "Presence"], head
        assert row[:2] == ["21BCS007", "Vikram Bisht"] and row[3] == "Here", row
        assert row[head.index("lab7.bin")] == "Saved", row

    def withdraw(self):
        before = len(list(self.teacher.every("button", "Withdraw")))
        list(self.teacher.every("button", "Withdraw"))[-1].press()
        self.teacher.find("label", re.compile("^Withdraw “"))
        self.look(self.teacher, "withdraw.png")
        confirm = [node for node in self.teacher.every("button", "Withdraw")]
        next(node for node in confirm if self.in_dialog(node)).press()
        self.student.find("label", re.compile("was withdrawn$"))
        self.teacher.wait_for(
            lambda: len(list(self.teacher.every("button", "Withdraw"))) < before, "it cannot be withdrawn again"
        )

    def in_dialog(self, node):
        """Whether a button is one of a question's."""
        above = node.accessible.get_parent()
        while above is not None and above.get_role_name() not in ("dialog", "alert"):
            above = above.get_parent()
        return above is not None
