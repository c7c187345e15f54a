"""An institution vouches for a teacher: the certificate is imported, and students whose computers trust the institution join by themselves."""

import re
import subprocess

from room import BUILD, Room

NAME = "Graphic Era Hill University"


class Story(Room):
    """An administrator in a terminal, a teacher and a student."""

    NUMBER = 12

    def steps(self):
        return [
            ("a cancelled import changes nothing", self.cancelled),
            ("a teacher's certificate is imported", self.certificate),
            ("the teacher starts a session under the institution's name", self.begin),
            ("a student whose computer trusts the institution joins by itself, and sees who vouches", self.joins),
            ("the institution is listed among those who are trusted", self.listed),
        ]

    def keys(self, who, *words):
        """Somebody's keys in a terminal."""
        command = [BUILD / "handout-cli", "--data-dir", self.data_of(who), "keys", *words]
        done = subprocess.run(command, cwd=self.desk.folder, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr

    def imports(self, *paths):
        self.teacher.find("list item", "Import a Key or Certificate…").press()
        self.teacher.choose("Import a Key or Certificate", *paths)

    def cancelled(self):
        self.public, request, self.given = (self.desk.folder / name for name in ("public", "request", "certificate"))
        self.keys("institution-office", "institution", "create", NAME, "--no-passphrase")
        self.keys("institution-office", "institution", "export", self.public)
        self.keys("institution-teacher", "teacher", "request", "Dr. Chauhan", request, "--no-passphrase")
        self.keys("institution-office", "teacher", "issue", request, self.given, "--no-passphrase")
        self.teacher = self.start("institution-teacher")
        self.teacher.find("button", "Start a Session").press()
        self.teacher.find("text", "Course or Title").type("Databases")
        self.teacher.find("combo box", "Teacher")
        self.imports()
        self.teacher.find("label", "Dr. Chauhan")

    def certificate(self):
        self.imports(self.given)
        self.teacher.find("label", f"Dr. Chauhan · {NAME}")
        self.look(self.teacher, "certificate.png")

    def begin(self):
        self.starts(self.teacher)
        self.teacher.find("label", "Nothing Shared Yet")

    def joins(self):
        self.keys("institution-student", "trust", "add", self.public)
        self.student = self.start("institution-student")
        self.student.find("text", "Your Name").type("Lata Joshi")
        self.student.find("text", "Roll Number").type("21BCS099")
        self.student.find("button", "Continue").press()
        self.student.find("label", "Connected")
        self.student.find("label", "Dr. Chauhan")
        self.student.find("label", f"Certified by {NAME}")
        self.student.find("image", "Verified Teacher")
        self.look(self.student, "certified.png")
        self.teacher.find("list item", re.compile("^Lata Joshi · 21BCS099"))

    def listed(self):
        self.preferences(self.student)
        self.page(self.student, "Trust")
        self.student.find("button", f"Trust {NAME} no longer")
        assert not self.student.has("button", "Trust Dr. Chauhan no longer"), "the teacher is trusted by name"
