"""What does not happen by itself: nothing is shared that was taken back, nothing written is lost, nobody stays where they have left."""

import re
import subprocess

from room import Room

CODE = "print('volts')\n"
# Places in the menus.
FOLDER, SNIPPET, LEAVE = 1, 2, 0


class Story(Room):
    """A teacher who changes their mind, and a student who leaves."""

    NUMBER = 18

    def steps(self):
        return [
            ("a file that was given before a session is taken back", self.taken_back),
            ("what waits is named where a session is started, and left out there", self.left_out),
            ("a snippet that is too long stays where it was written, with the reason", self.too_long),
            ("what is left out of a folder is told with its reason, in a narrow window too", self.told),
            ("a second Quit of a teacher asks no second time, and Cancel goes on teaching", self.quit),
            ("a student who leaves is told so, and nothing else", self.leave),
            ("a session that is over is offered to nobody who has left it", self.over),
            ("a program whose window was closed ends with the session", self.closed),
        ]

    def taken_back(self):
        self.secret = self.file("answers.txt", b"42\n")
        self.teacher = self.start("leaving-teacher", self.secret)
        self.teacher.find("label", "Start a session to share this file")
        self.teacher.find("button", "Forget").press()
        self.teacher.wait_for(lambda: not self.teacher.has("button", "Forget"), "it is forgotten")

    def left_out(self):
        self.notes = self.file("notes.txt", b"volts\n")
        subprocess.run(self.command("leaving-teacher", self.notes), env=self.teacher.env, timeout=20, check=True)
        self.teacher.find("label", "Start a session to share this file")
        self.teacher.find("button", "Start a Session").press()
        self.teacher.find("text", "Course or Title").type("Circuits")
        self.teacher.find("text", "Name Students See").type("Dr. Negi")
        self.teacher.find("label", "notes.txt")
        # One more comes meanwhile.
        more = self.file("more notes.txt", b"amperes\n")
        subprocess.run(self.command("leaving-teacher", more), env=self.teacher.env, timeout=20, check=True)
        self.teacher.find("label", "notes.txt, more notes.txt")
        row = self.teacher.find(("switch", "check box", "list item"), re.compile("^Share the 2 Files That Wait"))
        self.look(self.teacher, "waiting-file.png")
        row.press()
        self.starts(self.teacher)
        self.teacher.find("label", "Nothing Shared Yet")
        for file in (self.secret, self.notes, more):
            assert not self.teacher.has("label", file.name), f"{file.name} was shared"

    def too_long(self):
        self.menu(self.teacher, "Share Something Else", SNIPPET)
        self.teacher.find("text", "Title").type("volts.py")
        text = self.teacher.find("text", "Text")
        text.type(CODE * 5_000)
        self.teacher.find("button", "Share", where=lambda node: "click" in node.actions() and node.is_in("sensitive"))
        self.teacher.keys("alt+s")
        self.teacher.find("label", re.compile("^Too long: at most "))
        self.look(self.teacher, "too-long.png")
        assert text.content == CODE * 5_000, "what was written is gone"
        text.type(CODE)
        self.teacher.keys("alt+s")
        self.teacher.find("button", "Copy")
        self.teacher.wait_for(lambda: not self.teacher.has("text", "Title"), "the dialog is closed")

    def told(self):
        folder = self.desk.folder / "to-share/circuits"
        folder.mkdir()
        (folder / "sheet.txt").write_text("volts")
        (folder / "answers").symlink_to(folder / "sheet.txt")
        self.menu(self.teacher, "Share Something Else", FOLDER)
        self.teacher.choose("Share a Folder", folder)
        self.teacher.resize(360, 640)
        self.teacher.find("label", "answers was left out: it is a link. Share what it leads to instead.")
        self.look(self.teacher, "left-out.png")
        self.teacher.resize(960, 680)

    def quit(self):
        for _ in range(2):
            self.teacher.keys("ctrl+q")
            self.teacher.find("label", "Your Session Is Still Running")
        self.teacher.find("button", "Cancel").press()
        self.teacher.wait_for(lambda: not self.teacher.has("label", "Your Session Is Still Running"), "nothing is asked any more")

    def leave(self):
        self.student = self.comes("leaving-student", "Sara Thomas", "21BCS055")
        self.trusts(self.student)
        self.menu(self.student, "Main Menu", LEAVE)
        self.student.find("label", re.compile("^You have left this session"))
        self.look(self.student, "left.png")
        assert not self.student.has("label", re.compile("^This session has ended")), "it has not ended"
        self.student.find("button", "Done").press()
        self.student.find("label", "A Session Is Here")

    def over(self):
        self.ends()
        self.student.find("label", "Waiting for a Session")

    def ends(self):
        self.teacher.find("button", "End").press()
        self.teacher.find("button", "End Session").press()
        self.teacher.find("label", "You have ended this session")

    def closed(self):
        self.teacher.find("button", "Done").press()
        self.teacher.find("button", "Start a Session").press()
        self.teacher.find("text", "Course or Title").type("Machines")
        self.starts(self.teacher)
        self.student.find("label", "Connected", 30)
        self.student.activate()
        self.student.keys("ctrl+w")
        self.student.wait_for(lambda: not self.student.has("label", "Connected"), "the window is closed")
        assert self.student.running(), "it has ended with its window"
        self.ends()
        self.desk.wait_for(lambda: not self.student.running(), "the student's program ends with the session", 30)
