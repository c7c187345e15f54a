"""A student who looks at something else: notifications with what can be done, also after the program was killed."""

import json
import subprocess
import sys
from pathlib import Path

import keyboard
import opener
from desk import end
from room import Room

TRAY = Path(__file__).resolve().parent.parent / "lib/tray.py"
APP = "in.ac.gehu.Handout.Data"
BUS = ["gdbus", "call", "--session", "--dest"]


class Story(Room):
    """A teacher who shares, and a student whose window is closed."""

    NUMBER = 6

    def steps(self):
        return [
            ("a teacher and a student meet, and the student closes the window", self.meet),
            ("a file comes with Open and Show in Files", self.file_comes),
            ("messages share one notification that counts", self.messages),
            ("many items are told together", self.burst),
            ("Open works after the program was killed", self.opened_later),
            ("what was told is not told again by the next start, which needs no window", self.quiet),
            ("a second start shows the window and takes all of it back", self.seen),
        ]

    def meet(self):
        # Files are opened by what the home folder names: the portal of the tests only chooses files.
        self.student = self.comes("tray-student", "Irfan Ali", "21BCS033", GDK_DEBUG="no-portals")
        self.log = self.desk.artefacts / "tray.jsonl"
        self.log.unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            self.tray = subprocess.Popen(
                [sys.executable, TRAY], stdout=log, env=self.student.env, start_new_session=True
            )
        # The first notification decides where all of a program go.
        self.told(lambda line: line.get("ready"), "the list of notifications")
        self.teacher = self.teaches("tray-teacher", "Physics", "Dr. Nath")
        asked = self.told(lambda line: line.get("title") == "Dr. Nath has started a session", "the question about the teacher")
        assert [button[0] for button in asked["buttons"]] == ["Review…"], asked
        self.trusts(self.student)
        self.told(lambda line: line.get("gone") == asked["shown"], "the question is taken back")
        self.by_name()
        self.student.activate()
        keyboard.keys("ctrl+w")
        self.student.wait_for(lambda: not keyboard.window(self.student.process.pid), "the window is closed")

    def by_name(self):
        """What opens files is there, and the program can be started by its name on the bus."""
        self.opened = opener.install(self.student.home)
        names = self.bus("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.ListNames")
        [self.app] = {name for name in names.split("'") if name.startswith(APP)}
        services = self.student.home / ".local/share/dbus-1/services"
        services.mkdir(parents=True, exist_ok=True)
        command = " ".join(str(word) for word in self.command("tray-student"))
        (services / f"{self.app}.service").write_text(f"[D-BUS Service]\nName={self.app}\nExec={command} --gapplication-service\n")
        self.bus("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.ReloadConfig")

    def bus(self, name, path, method, *given):
        """A call on the student's session bus; gives what comes back."""
        command = [*BUS, name, "--object-path", path, "--method", method, *given]
        done = subprocess.run(command, env=self.student.env, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def lines(self):
        """What was told so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def told(self, fits, what, after=0):
        """Waits for a line; gives it."""
        found = lambda: next((line for line in self.lines()[after:] if fits(line)), None)  # noqa: E731
        return self.desk.wait_for(found, what)

    def say(self, text):
        self.teacher.find("text", "Message to all students").type(text)
        self.teacher.find("button", "Send").press()
        self.teacher.find("label", text)

    def gives(self, path):
        """As a file manager does it."""
        done = subprocess.run(self.command("tray-teacher", path), env=self.teacher.env, timeout=20, check=False)
        assert done.returncode == 0, f"the second start ended with {done.returncode}"

    def file_comes(self):
        self.lab = self.file("optics.txt", b"the lens\n" * 1000)
        self.gives(self.lab)
        self.news = self.told(lambda line: line.get("title") == "optics.txt is here", "a notification")
        assert [button[0] for button in self.news["buttons"]] == ["Open", "Show in Files"], self.news

    def messages(self):
        self.say("Open the handout.")
        first = self.told(lambda line: line.get("body") == "Open the handout.", "the first message")
        self.say("Page two.")
        second = self.told(lambda line: line.get("body") == "Page two.", "the second message")
        assert second["shown"] == first["shown"] and second["title"] == "2 messages in Physics", second

    def burst(self):
        for number in range(4):
            self.gives(self.file(f"part{number}.txt", b"%d\n" % number * 50))
        # With optics.txt. The last has to be here before the program is killed: what comes later is rightly told then.
        together = self.told(lambda line: line.get("title") == "5 new items", "one notification for all of them")
        gone = [line["gone"] for line in self.lines() if "gone" in line]
        assert self.news["shown"] in gone and not together["buttons"], together

    def opened_later(self):
        self.student.stop_alone(kill=True)
        _, action, target = self.news["buttons"][0]
        path = "/" + self.app.replace(".", "/")
        action = action.removeprefix("app.")
        self.bus(self.app, path, "org.freedesktop.Application.ActivateAction", action, f"[<'{target}'>]", "{}")
        there = lambda: self.opened.exists() and self.opened.read_text().strip().endswith("optics.txt")  # noqa: E731
        self.desk.wait_for(there, "the file is opened")
        assert Path(self.opened.read_text().strip()).read_bytes() == self.lab.read_bytes()
        self.bus(self.app, path, "org.freedesktop.Application.ActivateAction", "quit", "[]", "{}")
        names = lambda: self.bus("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.ListNames")  # noqa: E731
        self.desk.wait_for(lambda: self.app not in names(), "the program has ended")

    def quiet(self):
        before = len(self.lines())
        self.student.again([*self.command("tray-student"), "--background"])
        self.say("Who is still here?")
        self.told(lambda line: line.get("body") == "Who is still here?", "the next message", before)
        titles = [line.get("title") for line in self.lines()[before:] if "shown" in line]
        assert len(titles) == 1, f"told again: {titles}"
        assert not keyboard.window(self.student.process.pid), "a window is shown"

    def seen(self):
        before = len(self.lines())
        subprocess.run(self.command("tray-student"), env=self.student.env, timeout=20, check=True)
        self.student.find("label", "Who is still here?")
        self.told(lambda line: line.get("gone", "").endswith("/messages"), "the notification is taken back", before)
        end(self.tray)


