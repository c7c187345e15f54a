"""A student whose program is the Flatpak: notifications, background and start at login by the portals, and a locked setting."""

import subprocess
from pathlib import Path

import keyboard
import opener
from sandboxed import COMPUTERS, ID, Sandbox

DATA = b"\xce\xbb = 1\n" * 4000


class Story(Sandbox):
    """A teacher on another computer, and a student who closes the window."""

    def steps(self):
        return [
            ("the window opens, and a student says who they are", self.opens),
            ("a session of another computer is heard, and joined after a look at its teacher", self.joins),
            ("closed, it goes on with a word to the desktop", self.closes),
            ("a file comes as a notification with its buttons", self.file_comes),
            ("Open works after the program was killed", self.opened_later),
            ("start at login is granted by the portal, with the right command line", self.at_login),
            ("a setting that is locked by dconf cannot be changed in the window", self.locked),
        ]

    def opens(self):
        self.opened = opener.install(self.desk.folder / "student")
        self.student = self.comes("student", "Meera Nair", "21BCS044")

    def joins(self):
        # The key's passphrase is a matter of other tests.
        self.teacher = self.other("teacher", "teach", "--stdin", "--new-key", "Dr. Iyer", "--no-passphrase", "--title", "DBMS Lab")
        self.trusts(self.student)

    def closes(self):
        self.student.activate()
        keyboard.keys("ctrl+w")
        self.student.wait_for(lambda: not keyboard.window(self.student.process.pid), "the window is closed")
        apps = lambda: self.student.bus(  # noqa: E731
            "org.freedesktop.background.Monitor", "/org/freedesktop/background/monitor", "org.freedesktop.DBus.Properties.Get",
            "org.freedesktop.background.Monitor", "BackgroundApps",
        )
        self.desk.wait_for(lambda: ID in apps() and "Connected to DBMS Lab" in apps(), "the desktop lists it with its status")

    def file_comes(self):
        # The teacher's sandbox sees the folder of received files, and nothing else of the home.
        self.given = COMPUTERS.parent / "teacher/Downloads/Handout/week λ.txt"
        self.given.parent.mkdir(parents=True, exist_ok=True)
        self.given.write_bytes(DATA)
        print("/share", self.given, file=self.teacher.stdin, flush=True)
        self.news = self.student.notification(f"{self.given.name} is here")
        assert {"Open", "Show in Files"} <= set(self.news["buttons"]), self.news
        assert self.received(self.given), "it is not there, byte for byte"

    def opened_later(self):
        self.student.kill()
        self.student.press(self.news, "Open")
        self.desk.wait_for(lambda: self.opened.exists() and self.opened.read_text().strip(), "the file is opened")
        path = Path(self.opened.read_text().strip())
        assert path.name == self.given.name and path.read_bytes() == DATA, path

    def at_login(self):
        self.student.kill()
        self.student.again(self.command("student"))
        self.student.find("button", "Main Menu")
        self.preferences(self.student)
        self.student.find("check box", "Start at Login").press()
        entry = self.student.home / f".config/autostart/{ID}.desktop"
        command = f"\nExec=flatpak run --command=handout {ID} --background\n"
        self.desk.wait_for(lambda: entry.exists() and command in entry.read_text(), "the portal has written what starts at login")
        self.student.keys("Escape")

    def locked(self):
        self.student.kill()
        folder = self.student.home / "policy"
        (folder / "locks").mkdir(parents=True)
        (folder / "policy").write_text(f"[{ID.replace('.', '/')}]\nstudent-name='Seat 12'\n")
        (folder / "locks/policy").write_text(f"/{ID.replace('.', '/')}/student-name\n")
        compiled, profile = folder / "compiled", folder / "profile"
        subprocess.run(["dconf", "compile", compiled, folder], check=True)
        profile.write_text(f"user-db:user\nfile-db:{compiled}\n")
        self.student.env["DCONF_PROFILE"] = str(profile)
        self.student.again(self.command("student"))
        self.student.find("button", "Main Menu")
        self.preferences(self.student)
        name = self.student.find("text", "Name (managed by your organisation)")
        assert not name.is_in("sensitive"), "a locked name can be changed"
        assert name.content == "Seat 12", name.content
        self.look(self.student, "managed.png")
