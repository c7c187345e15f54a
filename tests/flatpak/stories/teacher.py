"""A teacher whose program is the Flatpak: a session for other computers, and what a file manager hands over to it."""

import filecmp
import os
import re
import subprocess

from desk import TOP
from sandboxed import COMPUTERS, ID, STORE, Sandbox

SEND = TOP / "data/file-managers/send-to-session"
STUDENTS = ("asha", "ravi")
MANAGERS = ("handout-send", "nautilus-python", "caja-python", "nemo", "Thunar", "kio")
WANTED = {
    *("handout-send/send-to-session", "handout-send/send-to-flatpak"),
    *("nautilus-python/extensions/handout.py", "caja-python/extensions/handout.py"),
    *("nemo/actions/handout.nemo_action", "Thunar/sendto/handout-thunar.desktop", "kio/servicemenus/handout-dolphin.desktop"),
}


class Story(Sandbox):
    """A teacher at a window, and two students on other computers."""

    def steps(self):
        return [
            ("a teacher makes a key and starts a session", self.starts_session),
            ("students on other computers find it by broadcast", self.students_join),
            ("a file manager sends a file and a folder from anywhere on the disk", self.send),
            ("every student has every byte", self.everybody_has_it),
            ("the entries of file managers come on request", self.entries_come),
            ("what the entry calls shares a file", self.entry_shares),
            ("the entries go on request", self.entries_go),
        ]

    def starts_session(self):
        self.teacher = self.teaches("teacher-window", "DBMS Lab", "Dr. Rao")

    def students_join(self):
        for name in STUDENTS:
            self.other(name, "join", "--trust-any", "--wait", "60", "--name", name)
        for name in STUDENTS:
            self.teacher.find("label", name)

    def send(self):
        self.lab = self.file("main 100% λ.py", b"print('hello')\n")
        self.data = self.desk.folder / "to-share/data set"
        (self.data / "deep/er").mkdir(parents=True)
        (self.data / "deep/er/set.bin").write_bytes(os.urandom(2_000_000))
        (self.data / "read me.txt").write_text("two\n")
        # As the entries of all file managers do it.
        subprocess.run([SEND, self.lab, self.data], env=self.teacher.env, check=True, timeout=30)

    def everybody_has_it(self):
        for name in STUDENTS:
            here = COMPUTERS.parent / name / "Downloads/Handout"
            for given in (self.lab, self.data):
                found = lambda given=given, here=here: next(here.rglob(given.name), None)  # noqa: E731
                self.same(given, self.desk.wait_for(found, f"{name} has {given.name}"))
        self.look(self.teacher, "shared.png")

    def entries(self):
        """What of the entries is outside of the sandbox."""
        data = self.teacher.home / ".local/share"
        return sorted(str(path.relative_to(data)) for name in MANAGERS for path in (data / name).rglob("*") if path.is_file())

    def wish(self):
        """Turns the switch, which is where the keyboard gets to."""
        self.preferences(self.teacher)
        self.teacher.find("check box", "Send to Session in File Managers").press()
        self.look(self.teacher, "entries.png")
        self.teacher.keys("Escape")

    def entries_come(self):
        assert not self.entries()
        self.wish()
        self.desk.wait_for(lambda: "handout-send/send-to-session" in self.entries(), "the entries are there")
        files = {name for name in self.entries() if "/locale/" not in name}
        assert files == WANTED, files
        assert "handout-send/locale/hi/LC_MESSAGES/handout.mo" in self.entries()
        thunar = (self.teacher.home / ".local/share/Thunar/sendto/handout-thunar.desktop").read_text()
        assert f"\nTryExec={STORE}/exports/bin/{ID}\n" in thunar, thunar
        self.call = re.search('^Exec="(.*)" %F$', thunar, re.MULTILINE).group(1)

    def entry_shares(self):
        late = self.file("late.txt", b"late\n")
        subprocess.run([self.call, "--check"], env=self.teacher.env, check=True, timeout=30)
        subprocess.run([self.call, late], env=self.teacher.env, check=True, timeout=30)
        self.teacher.find("label", "late.txt")

    def entries_go(self):
        self.wish()
        self.desk.wait_for(lambda: not self.entries(), "the entries are gone")

    def same(self, given, got):
        """Byte for byte."""
        if given.is_file():
            assert given.read_bytes() == got.read_bytes(), got
            return
        compared = filecmp.dircmp(given, got)
        assert not compared.left_only and not compared.right_only and compared.common, compared.report()
        for name in compared.common:
            self.same(given / name, got / name)
