"""The Flatpak's window on a desk with real portals: a `Program` that runs in the sandbox, and a `Room` with one.

The portals are xdg-desktop-portal, xdg-document-portal and the GTK backend, as on a computer; shell.py is the desktop behind them.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keyboard
import tree
from desk import Failed, Program
from room import Room

ID = "in.ac.gehu.Handout"
# That of its window.
CLASS = "handout"
SHELL = Path(__file__).resolve().parent / "shell.py"
STORE = Path(os.environ["FLATPAK_USER_DIR"])
RUNTIME = os.environ["XDG_RUNTIME_DIR"]
# Where the computers of tests/flatpak/computers have their commands.
COMPUTERS = Path(os.environ["COMPUTERS"])
SYSTEM = Path("/usr/share/dbus-1/services")
PORTALS = ("org.freedesktop.portal.Desktop", "org.freedesktop.portal.Documents", "org.freedesktop.impl.portal.PermissionStore")
GTK = "org.freedesktop.impl.portal.desktop.gtk"


class Sandboxed(Program):
    """The window, in its sandbox. One at a time: the accessibility bus tells no process of a sandbox from another."""

    def _environment(self, extra):
        env = super()._environment({"XDG_CURRENT_DESKTOP": "HandoutTest", "XDG_RUNTIME_DIR": RUNTIME} | extra)
        # The sandbox has its own schema and its own way to the settings.
        for name in ("GSETTINGS_BACKEND", "GSETTINGS_SCHEMA_DIR", "GDK_DEBUG"):
            del env[name]
        env["XDG_DATA_DIRS"] = f"{STORE}/exports/share:/usr/local/share:/usr/share"
        services = Path(env["XDG_DATA_HOME"]) / "dbus-1/services"
        services.mkdir(parents=True, exist_ok=True)
        for name in PORTALS:
            shutil.copy(SYSTEM / f"{name}.service", services)
        shutil.copy(STORE / f"exports/share/dbus-1/services/{ID}.service", services)
        # It is no program of the test: the accessibility bus need not know it.
        (services / f"{GTK}.service").write_text(
            f"[D-BUS Service]\nName={GTK}\nExec=/usr/bin/env NO_AT_BRIDGE=1 GTK_A11Y=none /usr/libexec/xdg-desktop-portal-gtk\n"
        )
        self._portals(Path(env["XDG_DATA_HOME"]))
        return env

    def _portals(self, data):
        """Which side of the desktop answers what."""
        chosen = self.home / ".config/xdg-desktop-portal"
        known = data / "xdg-desktop-portal/portals"
        for folder in (chosen, known):
            folder.mkdir(parents=True, exist_ok=True)
        (known / "handouttest.portal").write_text(
            "[portal]\nDBusName=org.freedesktop.impl.portal.desktop.handouttest\nInterfaces=org.freedesktop.impl.portal.Background;\n"
        )
        (chosen / "portals.conf").write_text("[preferred]\ndefault=gtk\norg.freedesktop.impl.portal.Background=handouttest\n")

    def surround(self):
        self._words = self.desk.artefacts / f"{self.name}-desktop.jsonl"
        with open(self._words, "wb") as words:
            self._shell = subprocess.Popen(
                [sys.executable, SHELL], stdin=subprocess.PIPE, stdout=words, env=self.env, start_new_session=True, text=True
            )
        self.told(lambda line: line.get("ready"), "the desktop")

    def told(self, fits, what):
        """Waits for something that happens on its desktop (shell.py); gives it."""
        lines = lambda: map(json.loads, self._words.read_text().splitlines())  # noqa: E731
        return self.desk.wait_for(lambda: next(filter(fits, lines()), None), what)

    def notification(self, title):
        """Waits for a notification; gives it."""
        return self.told(lambda line: line.get("title") == title, f"the notification {title}")

    def press(self, notification, button):
        """Presses a button of a notification."""
        print(json.dumps([notification["notification"], notification["buttons"][button]]), file=self._shell.stdin, flush=True)

    def again(self, command):
        super().again(command)
        keyboard.classes[self.process.pid] = CLASS

    def app(self):
        desktop = tree.atspi().get_desktop(0)
        desktop.set_cache_mask(tree.atspi().Cache.NONE)
        for place in range(desktop.get_child_count()):
            app = desktop.get_child_at_index(place)
            if app is not None:
                app.set_cache_mask(tree.atspi().Cache.NONE)
                # That of the proxy in front of the bus.
                keyboard.classes[app.get_process_id()] = CLASS
                return tree.Node(app)
        return None

    def instances(self):
        """How many sandboxes of it run."""
        words = ["flatpak", "ps", "--columns=application"]
        out = subprocess.run(words, env=self.env, capture_output=True, text=True, check=True).stdout
        return out.split().count(ID)

    def kill(self):
        """Ends its sandbox without a word to it; the session bus and the desktop go on."""
        subprocess.run(["flatpak", "kill", ID], env=self.env, check=True)
        self.desk.wait_for(lambda: not self.instances(), "the sandbox is gone")
        self.process.wait(20)

    def stop(self, kill=False):
        if self.instances():
            self.kill()
        super().stop(kill)
        # The document portal's folder outlives it.
        subprocess.run(["fusermount3", "-u", f"{RUNTIME}/doc"], capture_output=True, check=False)

    def bus(self, name, path, method, *given):
        """A call on its session bus; gives what comes back."""
        words = ["gdbus", "call", "--session", "--dest", name, "--object-path", path, "--method", method, *given]
        done = subprocess.run(words, env=self.env, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode:
            raise Failed(done.stderr.strip())
        return done.stdout


class Sandbox(Room):
    """One window in a sandbox; everybody else has the command line, sandboxed too, on computers of their own."""

    def command(self, who, *files):
        return ["flatpak", "run", ID, *files]

    def start(self, who, *files, **env):
        return self.desk.start(who, *self.command(who, *files), env=env, kind=Sandboxed)

    def other(self, computer, *words):
        """The command line on another computer; its words are kept."""
        command = [COMPUTERS / computer, "flatpak", "run", "--command=handout-cli", ID, *words]
        return self.desk.spawn(computer, command, stdin=subprocess.PIPE, text=True)

    def said(self, computer):
        """What the command line on another computer has said so far."""
        return (self.desk.artefacts / f"{computer}.log").read_text()
