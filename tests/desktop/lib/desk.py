"""A desktop without a screen, for tests and pictures of real windows.

Runs inside the Debian 13 root (`build-aux/in-root --no-network …`). One `Desk` is an X server (Xvfb), a window manager
and an accessibility bus; each program started on it has its own home folder, settings, session bus and log, as on a
computer of its own. Windows are found and used through accessibility, as a screen reader does it:

    from desk import Desk

    with Desk("artefacts/desktop") as desk:
        teacher = desk.start("teacher", "target/root/release/handout", env={"HANDOUT_ROLE": "teacher"})
        teacher.find("button", "Start").press()
        teacher.find("text", "Course").type("Physics 1")
        teacher.wait_for(lambda: teacher.has("label", "No one has joined yet"), "the empty roster")
        teacher.keys("ctrl+o")
        desk.wait_for(lambda: (teacher.home / "Downloads/Handout/lab.txt").exists(), "the saved file")
        teacher.picture("teacher.png")

There is no sleep to write: `find` and `wait_for` return as soon as it is true and fail after `seconds` with the tree of
the window, a picture and the log in the artefacts folder. One desk a process: the accessibility library knows one bus.

From a shell: `build-aux/window-shot PICTURE.png COMMAND…` takes a picture and prints the tree.
"""

import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import keyboard
import tree

TOP = Path(__file__).resolve().parents[3]
CHOOSER = Path(__file__).resolve().parent / "chooser.py"
LAUNCHER = "/usr/libexec/at-spi-bus-launcher"


class Failed(AssertionError):
    """Something that was waited for did not come true."""


class Desk:
    """The screen and what all programs on it share. `size` is in pixels, `seconds` the patience of every wait."""

    def __init__(self, artefacts, size=(1280, 900), seconds=20):
        self.artefacts = Path(artefacts).resolve()
        self.size = size
        self.seconds = seconds
        self.programs = []
        self._processes = []
        self.folder = None

    def __enter__(self):
        self.artefacts.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="desk-"))
        try:
            self._start_screen()
            self._start_accessibility()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, error, trace):
        if error is not None and self.programs:
            self.keep_evidence()
        for program in reversed(self.programs):
            program.stop()
        for process in reversed(self._processes):
            end(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, name, *command, env=None, kind=None):
        """Starts a program as the user `name` on a computer of that name. A name that is started again is ended first and
        finds its home as it left it; its log goes on. `kind` is another class than Program."""
        for before in [p for p in self.programs if p.name == name]:
            before.stop()
            self.programs.remove(before)
        program = (kind or Program)(self, name, [str(word) for word in command], env or {})
        self.programs.append(program)
        return program

    def wait_for(self, condition, what, seconds=None):
        """Returns the first true value of `condition`, looked at after every accessibility event and ten times a second."""
        value = tree.wait(condition, self.seconds if seconds is None else seconds)
        if not value:
            raise Failed(f"not within {self.seconds if seconds is None else seconds} s: {what}")
        return value

    def picture(self, name):
        """A picture of the whole screen, as artefacts/NAME."""
        subprocess.run(["import", "-window", "root", str(self.artefacts / name)], check=True)

    def _start_screen(self):
        read, write = os.pipe()
        # A number by chance: the server's own search takes another desk's, whose process it cannot see, for a dead one.
        number = f":{random.randrange(1000, 50000)}"
        wide, high = self.size
        command = ["Xvfb", number, "-displayfd", str(write), "-screen", "0", f"{wide}x{high}x24", "-nolisten", "tcp", "-noreset"]
        self.spawn("xvfb", command, pass_fds=[write])
        os.close(write)
        with os.fdopen(read) as ready:
            if not ready.readline():
                raise Failed(f"Xvfb did not start; see {self.artefacts}/xvfb.log")
        os.environ.update(DISPLAY=number)
        self.spawn("openbox", ["openbox", "--sm-disable"])

    def _start_accessibility(self):
        os.environ.pop("AT_SPI_BUS_ADDRESS", None)
        bus, os.environ["DBUS_SESSION_BUS_ADDRESS"] = start_bus(self.artefacts / "desk-bus.log")
        self._processes.append(bus)
        self.spawn("accessibility", [LAUNCHER, "--launch-immediately"])
        os.environ["AT_SPI_BUS_ADDRESS"] = tree.bus_address(self.seconds)

    def spawn(self, name, command, **options):
        """Starts what belongs to the desk and ends with it; gives the process. What it says is in artefacts/NAME.log."""
        with open(self.artefacts / f"{name}.log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **options)
        self._processes.append(process)
        return process

    def clear(self):
        """Ends every program; homes stay."""
        while self.programs:
            self.programs.pop().stop()

    def keep_evidence(self):
        """A picture of the screen, and the tree of every program."""
        self.picture("failed.png")
        for program in self.programs:
            if program.running():
                (self.artefacts / f"{program.name}-tree.txt").write_text(program.tree())
        print(f"evidence is in {self.artefacts}: failed.png, *-tree.txt, *.log", file=sys.stderr)


class Program:
    """One started program: its process, its home folder and the tree of its windows."""

    def __init__(self, desk, name, command, env):
        self.desk = desk
        self.name = name
        self.home = desk.folder / name
        self.log = desk.artefacts / f"{name}.log"
        self.env = self._environment(env)
        self._bus, self.env["DBUS_SESSION_BUS_ADDRESS"] = start_bus(desk.artefacts / f"{name}-bus.log", self.env)
        self.surround()
        self.again(command)

    def surround(self):
        """Starts what of a desktop a program finds on its session bus: a file chooser."""
        self._shell = subprocess.Popen(
            [sys.executable, CHOOSER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=self.env, start_new_session=True
        )
        self.asked()

    def again(self, command):
        """Starts a program, or another one after it, on the same session bus."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.home, env=self.env, start_new_session=True
            )

    def _environment(self, extra):
        run = self.home / ".run"
        for folder in (run, self.home / ".config/gtk-4.0", self.home / "Downloads"):
            folder.mkdir(parents=True, exist_ok=True)
        run.chmod(0o700)
        (self.home / ".config/user-dirs.dirs").write_text('XDG_DOWNLOAD_DIR="$HOME/Downloads"\n')
        (self.home / ".config/gtk-4.0/settings.ini").write_text("[Settings]\ngtk-font-name=Inter 11\n")
        clean = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")}
        return clean | {
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(run),
            # A session bus looks for services in the home folder of the password file otherwise.
            "XDG_DATA_HOME": str(self.home / ".local/share"),
            "GDK_BACKEND": "x11",
            "GSK_RENDERER": "cairo",
            "GSETTINGS_BACKEND": "keyfile",
            "GSETTINGS_SCHEMA_DIR": str(self._schemas()),
            "GDK_DEBUG": "portals",
            "LANG": "C.UTF-8",
        } | {k: str(v) for k, v in extra.items()}

    def _schemas(self):
        folder = self.desk.folder / "schemas"
        if not folder.exists():
            folder.mkdir()
            for schema in (TOP / "data").glob("*.gschema.xml"):
                shutil.copy(schema, folder)
            subprocess.run(["glib-compile-schemas", "--strict", str(folder)], check=True, capture_output=True)
        return folder

    def running(self):
        """Whether its process still runs."""
        return self.process.poll() is None

    def app(self):
        """Its application node, or None while it is not on the accessibility bus."""
        if not self.running():
            raise Failed(f"{self.name} ended with {self.process.returncode}; its log is {self.log}:\n{self.last_words()}")
        return tree.application(self.process.pid)

    def find(self, role=None, name=None, seconds=None, **more):
        """The first showing node of that role and name, waited for. `name` is text or a compiled pattern; see tree.Node.all."""
        return self.wait_for(lambda: next(self.every(role, name, **more), None), f"{role} {name!r}", seconds)

    def every(self, role=None, name=None, **more):
        """All showing nodes of that role and name, now."""
        app = self.app()
        return app.all(role, name, **more) if app else iter(())

    def has(self, role=None, name=None, **more):
        """Whether such a node shows now."""
        return next(self.every(role, name, **more), None) is not None

    def wait_for(self, condition, what, seconds=None):
        """As Desk.wait_for; a failure tells the tree of the window."""
        try:
            return self.desk.wait_for(condition, f"{self.name}: {what}", seconds)
        except Failed as failed:
            if type(failed) is Failed and self.running():
                raise Failed(f"{failed}\n{self.tree()}") from None
            raise

    def tree(self):
        """What shows now, as indented text."""
        app = self.app()
        return app.text() if app else f"{self.name} is not on the accessibility bus"

    def activate(self):
        """Brings its window to the front, with the keyboard."""
        self.wait_for(lambda: keyboard.window(self.process.pid), "a window on the screen")
        keyboard.activate(self.process.pid)

    def keys(self, *names):
        """Presses keys in its window: keys("ctrl+o"), keys("Tab", "Return")."""
        self.activate()
        keyboard.keys(*names)

    def write(self, text):
        """Types text where its window has the keyboard. Node.type is surer."""
        self.activate()
        keyboard.write(text)

    def resize(self, wide, high):
        """Gives its window that size in pixels, as far as the window allows; returns when it stands still again: a dialog that
        changes its form meanwhile takes no keys."""
        self.activate()
        window = keyboard.window(self.process.pid)
        keyboard.resize(self.process.pid, wide, high)
        # One that does not allow it keeps another size.
        tree.wait(lambda: keyboard.size(window) == (wide, high), 1)
        # The screen knows the size before the program does.
        laid_out = lambda: self.find(("frame", "window", "dialog")).size == keyboard.size(window)  # noqa: E731
        self.wait_for(laid_out, "everything is laid out in the new size")
        self.desk.wait_for(lambda: self.steady(window), "the window stands still")

    def picture(self, name):
        """A picture of its front window, as artefacts/NAME."""
        self.activate()
        window = keyboard.window(self.process.pid)
        self.desk.wait_for(lambda: self.steady(window), "the window stands still")
        subprocess.run(["import", "-window", window, str(self.desk.artefacts / name)], check=True)

    def asked(self):
        """What the file chooser of this desktop says next, waited for."""
        self.desk.wait_for(lambda: select.select([self._shell.stdout], [], [], 0)[0], f"{self.name} asks for a file")
        return json.loads(self._shell.stdout.readline())

    def choose(self, title, *paths):
        """A file chooser of that title is answered; gives what was asked for."""
        asked = self.asked()
        assert asked["asked"] == title, asked
        self._shell.stdin.write(json.dumps([str(path) for path in paths]).encode() + b"\n")
        self._shell.stdin.flush()
        return asked

    def stop(self, kill=False):
        """Ends it; `kill` without a chance to tidy up."""
        self.stop_alone(kill)
        end(self._shell)
        end(self._bus)

    def stop_alone(self, kill=False):
        """Ends it; its session bus goes on."""
        end(self.process, signal.SIGKILL if kill else signal.SIGTERM)

    def last_words(self):
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def steady(self, window):
        """Whether nothing moves in a window."""
        # Two pictures alike: nothing is being animated, so the picture that is kept is sharp.
        shot = ["import", "-window", window, "rgb:-"]
        first = subprocess.run(shot, capture_output=True, check=True).stdout
        return first == subprocess.run(shot, capture_output=True, check=True).stdout


# Starts what the home folder names, and nothing of the system: portals and file systems would come by themselves, and be seen
# by the accessibility library, which does not bear an unknown program's events in the middle of a call.
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><keep_umask/><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>{services}
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>
"""


def start_bus(log, env=None):
    """A session bus of its own: its process and its address."""
    config = Path(f"{log}.conf")
    services = f"<servicedir>{env['XDG_DATA_HOME']}/dbus-1/services</servicedir>" if env else ""
    config.write_text(BUS.format(services=services))
    command = ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile", "--print-address=1"]
    with open(log, "ab") as words:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words, env=env, start_new_session=True)
    with process.stdout as said:
        return process, said.readline().decode().strip()


def end(process, how=signal.SIGTERM):
    """Ends a process and its children: politely, and after five seconds not."""
    if process.poll() is None:
        os.killpg(process.pid, how)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def shot(picture, *command):
    """Takes a picture of the first window of a command and prints its tree."""
    picture = Path(picture).resolve()
    with tempfile.TemporaryDirectory() as logs, Desk(logs) as desk:
        program = desk.start("user", *command, env={k: v for k, v in os.environ.items() if k.startswith(("GTK_", "ADW_", "HANDOUT_", "LANG"))})
        program.wait_for(lambda: program.has("frame") or program.has("window") or program.has("dialog"), "a window")
        size = os.environ.get("SIZE")
        if size:
            program.resize(*(int(n) for n in size.split("x")))
        program.picture(picture)
        print(program.tree())
        print(program.last_words(), file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("desk.py PICTURE.png COMMAND…")
    shot(*sys.argv[1:])
