"""Send to Session in the real Nautilus and the real Thunar: a file and a folder are selected, and the entry is chosen from their menu.

The program behind the entry is a recorder: what a file manager hands over is looked at here, what becomes of it in the other stories.
"""

import os
import shutil

from desk import TOP

ODD = "two words & a 'quote' 100%.txt"
RECORDER = '#!/bin/sh\nprintf "%s\\0" "$@" >"$0.$$" && mv "$0.$$" "$0.$$.called"\n'


class Story:
    """Two file managers, one folder."""

    def __init__(self, desk):
        self.desk = desk
        self.top = desk.folder / "file managers"
        self.share, self.bin, self.folder = self.top / "share", self.top / "bin", self.top / "chosen"

    def steps(self):
        return [
            ("the entries are installed beside a program", self.install),
            ("Nautilus sends a file", self.nautilus_file),
            ("Nautilus sends files and folders together", self.nautilus_all),
            ("Nautilus has no entry when the program is gone", self.nautilus_without),
            ("Thunar sends files and folders together", self.thunar_all),
        ]

    def install(self):
        for folder in (self.bin, self.folder / "sub folder"):
            folder.mkdir(parents=True)
        (self.folder / ODD).write_text("x")
        data = TOP / "data/file-managers"
        values = {"icon": "in.ac.gehu.Handout", "send": self.share / "handout-send/send-to-session", "program": self.bin / "handout"}
        for name, place in (
            ("handout.py", "nautilus-python/extensions"), ("send-to-session", "handout-send"), ("send-to-flatpak", "handout-send"),
            ("handout-thunar.desktop", "Thunar/sendto"),
        ):
            target = self.share / place / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (data / name).exists():
                shutil.copy2(data / name, target)
            else:
                text = (data / f"{name}.in").read_text()
                for key, value in values.items():
                    text = text.replace(f"@{key}@", str(value))
                target.write_text(text)
        self.program = self.bin / "handout"
        self.program.write_text(RECORDER)
        self.program.chmod(0o755)

    def sent(self, *wanted):
        """These were handed over, each once; forgets it. Gives in how many calls."""
        calls = lambda: [path.read_bytes().split(b"\0")[:-1] for path in self.bin.glob("*.called")]  # noqa: E731
        all_there = lambda: (now := calls()) and sum(map(len, now)) - len(now) >= len(wanted) and now  # noqa: E731
        said = self.desk.wait_for(all_there, "the program is called")
        assert all(call[0] == b"--" for call in said), said
        given = sorted(os.fsdecode(word) for call in said for word in call[1:])
        assert given == sorted(str(self.folder / name) for name in wanted), given
        for path in self.bin.glob("*.called"):
            path.unlink()
        return len(said)

    def starts(self, name, *command):
        """A file manager, on a desktop that has the entries."""
        env = {
            "NO_AT_BRIDGE": "1",
            "PATH": f"{self.bin}:/usr/bin:/bin", "XDG_DATA_DIRS": f"{self.share}:/usr/local/share:/usr/share",
            # Nothing of a session's services is wanted.
            "GIO_USE_VFS": "local", "GIO_USE_VOLUME_MONITOR": "unix", "GSETTINGS_BACKEND": "memory",
        }
        return self.desk.start(name, *command, env=env)

    def menu(self, program):
        """Opens the menu of what is selected."""
        program.keys("shift+F10")

    def nautilus_file(self):
        self.nautilus = self.starts("nautilus", "nautilus", "--new-window", "--select", self.folder / ODD)
        self.nautilus.find(name=ODD)
        self.menu(self.nautilus)
        self.entries()
        self.desk.picture("nautilus.png")
        self.send_by_place()
        self.sent(ODD)

    def nautilus_all(self):
        self.nautilus.keys("ctrl+a")
        self.menu(self.nautilus)
        self.send_by_place()
        # Thunar hands over folders apart.
        assert self.sent(ODD, "sub folder") <= 2

    def nautilus_without(self):
        with_it = self.counted()
        self.program.rename(self.bin / "away")
        # Extensions are asked when the selection changes.
        self.nautilus.keys("ctrl+shift+i", "ctrl+a")
        without = self.counted()
        (self.bin / "away").rename(self.program)
        assert with_it - without == 1, f"{with_it} entries with the program, {without} without"
        self.nautilus.stop()

    def counted(self):
        """How many entries the menu has."""
        self.menu(self.nautilus)
        count = len(self.entries())
        self.nautilus.keys("Escape")
        self.nautilus.wait_for(lambda: not self.nautilus.has("menu item"), "the menu is closed")
        return count

    def entries(self):
        """The entries of Nautilus' open menu."""
        return self.desk.wait_for(lambda: list(self.nautilus.every("menu item")), "the menu")

    def send_by_place(self):
        """Nautilus' entries have no names for a screen reader: those of extensions stand before the last, Properties."""
        self.entries()[-2].press()

    def thunar_all(self):
        """By its menu's keys, unseen: its toolkit and the accessibility library here do not agree."""
        files = self.starts("thunar", "thunar", self.folder)
        for keys in ((), ("ctrl+a",), ("shift+F10",), ("s",), ("End",), ("Return",)):
            if keys:
                files.keys(*keys)
            else:
                files.activate()
            self.desk.wait_for(lambda: files.steady("root"), "nothing moves on the screen")
            if keys == ("End",):
                self.desk.picture("thunar.png")
        # Thunar hands over folders apart.
        assert self.sent(ODD, "sub folder") <= 2
        files.stop()
