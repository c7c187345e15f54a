"""A folder like PREFIX/share with the files of Send to Session in it, and a path with programs that record how they were called."""

import os
import shutil
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
FILES = TOP / "data/file-managers"
APP_ID = "in.ac.gehu.Handout"
SECONDS = 20

# What breaks a command line that somebody has put together: each is a file, and each a folder.
ODD_NAMES = [
    b"two  words and a tab\there",
    b"quote ' double \" back ` slash \\ end",
    b"line\nbreak",
    b"-rf",
    b"--version",
    b"100%U %F %f %% %",
    b"$(touch broken); & | > <",
    b"#hash?question*star[bracket]",
    b" spaces around ",
    b"@@",
    b"caf\xe9 not UTF-8",
    "नमस्ते 🙂 שלום".encode(),
    b"a" * 255,
]

RECORDER = """#!/bin/sh
# Writes its own name and its arguments, each ended by a zero, into the pipe that the test reads.
{ printf '%s\\0' "${0##*/}" "$@"; } >"$RECORD"
"""


class Desk(unittest.TestCase):
    """One share folder, one folder of odd files, one path of programs."""

    def setUp(self):
        top = Path(tempfile.mkdtemp(prefix="file managers "))
        self.addCleanup(shutil.rmtree, top)
        self.share, self.bin, self.home = top / "share", top / "bin", top / "home"
        for folder in (self.share / "handout-send", self.bin, self.home, top / "odd"):
            folder.mkdir(parents=True)
        for name in ("send-to-session", "send-to-flatpak"):
            shutil.copy2(FILES / name, self.share / "handout-send" / name)
        self.send = self.share / "handout-send/send-to-session"
        for name in ("sh", "dirname", "python3"):
            (self.bin / name).symlink_to(shutil.which(name, path="/usr/bin:/bin"))
        self.record = top / "record"
        os.mkfifo(self.record)
        self.odd = []
        for name in ODD_NAMES:
            path = os.fsencode(top / "odd") + b"/" + name
            with open(path, "wb"):
                pass
            self.odd.append(os.fsdecode(path))
        self.env = {"PATH": str(self.bin), "HOME": str(self.home), "RECORD": str(self.record), "LC_ALL": "C.UTF-8",
                    "FLATPAK_SYSTEM_DIR": str(top / "system")}
        before = dict(os.environ)
        os.environ.update(self.env)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(before)))

    def program(self, name):
        """Puts a recording program on the path."""
        path = self.bin / name
        path.write_text(RECORDER)
        path.chmod(0o755)
        return path

    def flatpak(self):
        """The Flatpak is installed for this user."""
        exported = self.home / ".local/share/flatpak/exports/bin" / APP_ID
        exported.parent.mkdir(parents=True)
        exported.write_text("")
        self.program("flatpak")

    def recorded(self, act):
        """How a program was called while `act` went on: name and arguments."""
        found = []
        reader = threading.Thread(target=lambda: found.append(self.record.read_bytes()), daemon=True)
        reader.start()
        act()
        reader.join(SECONDS)
        self.assertTrue(found, "nothing was called")
        return [os.fsdecode(part) for part in found[0].split(b"\0")[:-1]]

    def run_entry(self, words):
        """Runs a command as a file manager does, from a folder that is nobody's."""
        return subprocess.run(words, cwd="/", check=False, capture_output=True, timeout=SECONDS)

    def filled(self, name):
        """A template as meson fills it in."""
        text = (FILES / f"{name}.in").read_text()
        values = {"icon": APP_ID, "send": str(self.send), "program": str(self.bin / "handout")}
        for key, value in values.items():
            text = text.replace(f"@{key}@", value)
        path = self.share / name
        path.write_text(text)
        return path
