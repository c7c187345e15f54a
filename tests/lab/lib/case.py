"""Cases: how they are declared, and what each one gets to work with."""
import contextlib
import dataclasses
import os
import pathlib
import shutil
import statistics
import subprocess
import time
import traceback

from . import files, space
from .net import Net, NetError
from .program import Failed, Heard, Program

CASES = []
PORT = 47800
# Seconds that a program may take to end.
GOODBYE = 5


class Skipped(Exception):
    """The machine lacks what a case needs."""


@dataclasses.dataclass
class Case:
    """One case."""
    name: str
    what: str
    body: object


def case(what):
    """Declares a case; its name is the function's."""
    def declare(body):
        CASES.append(Case(body.__name__.replace("_", "-"), what, body))
        return body
    return declare


def run(each, number, folder, options):
    """Runs a case; returns its result as a line of lab.jsonl."""
    place = folder / each.name
    place.mkdir()
    lab = Lab(f"h{number}", place, options.bin)
    began = time.monotonic()
    result, why = "passed", ""
    try:
        each.body(lab)
    except Skipped as reason:
        result, why = "skipped", str(reason)
    except (Failed, NetError, AssertionError) as error:
        result, why = "failed", str(error) or traceback.format_exc(limit=-2)
    except Exception:  # a mistake in the case itself is a failure of that case alone
        result, why = "failed", traceback.format_exc(limit=-4)
    stubborn = lab.end()
    if stubborn and result == "passed":
        result, why = "failed", f"did not end within {GOODBYE} s of Ctrl+C: {', '.join(stubborn)}"
    if result != "failed" and not options.keep:
        remove(place)
    return {"case": each.name, "result": result, "seconds": round(time.monotonic() - began, 2),
            "figures": lab.figures, "why": why}


def remove(folder):
    """Removes a folder, also one that programs made unreadable."""
    for path, _, _ in os.walk(folder):
        with contextlib.suppress(OSError):
            os.chmod(path, 0o700)
    shutil.rmtree(folder, ignore_errors=True)


class Lab:
    """What a case works with."""
    # How much handout-cli says, and a command that starts the programs, if there is one.
    wordy, before = ("-vv",), ()

    def __init__(self, prefix, folder, binary, net=None):
        self.folder, self.binary = pathlib.Path(folder), binary
        self.net = net or Net(prefix)
        self.heard = Heard()
        self.programs = []
        self.disks = []
        self.figures = {}

    # ---------------------------------------------------------------- keys

    def cli(self, *argv, expect=0, data=None):
        """Runs handout-cli to its end, on no network at all; returns what it printed."""
        command = [self.binary, *(["--data-dir", str(data)] if data else []), *map(str, argv)]
        done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=60,
                              stdin=subprocess.DEVNULL)
        if done.returncode != expect:
            raise Failed(f"{' '.join(command[1:])}: status {done.returncode}, not {expect}\n{done.stderr}")
        return done.stdout + done.stderr

    def data(self, name):
        """Folder of somebody's keys and history."""
        return self.folder / name / "data"

    def saves(self, name):
        """Folder of what somebody received."""
        return self.folder / name / "received"

    def school(self):
        """Makes an institution and a teacher of it; returns the file that students trust."""
        school, trust = self.data("school"), self.folder / "school.trust"
        if not trust.exists():
            self.cli("keys", "institution", "create", "GEHU", "--no-passphrase", data=school)
            self.cli("keys", "institution", "export", trust, data=school)
        return trust

    def make_teacher(self, name="teacher"):
        """Gives somebody a key that the institution has certified."""
        request, certificate = self.folder / f"{name}.request", self.folder / f"{name}.cert"
        self.school()
        self.cli("keys", "teacher", "request", f"Dr {name}", request, "--no-passphrase", data=self.data(name))
        self.cli("keys", "teacher", "issue", request, certificate, "--no-passphrase", data=self.data("school"))
        self.cli("keys", "teacher", "import", certificate, data=self.data(name))

    # ---------------------------------------------------------------- programs

    def program(self, name, argv, host=None, **more):
        """Starts any program that prints JSON lines."""
        program = Program(self.heard, name, argv, self.folder / f"{name}.log", host, before=self.before, **more)
        self.programs.append(program)
        return program

    def start(self, name, *argv, host=None, user=None, env=None, port=PORT):
        """Starts `handout-cli --json` for somebody."""
        self.data(name).parent.mkdir(exist_ok=True, parents=True)
        command = [self.binary, *self.wordy, "--json", "--data-dir", str(self.data(name)), "--port", str(port),
                   *map(str, argv)]
        if user:
            self.give(self.folder / name, user)
        return self.program(name, command, host, user=user, env=env)

    def teacher(self, host, *argv, name="teacher", wait=True, **more):
        """Starts a teacher of the institution; returns once the session has started."""
        if not self.data(name).exists():
            self.make_teacher(name)
        title = [] if "--resume" in argv else ["--title", "Lab"]
        teacher = self.start(name, "teach", *title, "--no-passphrase", "--stdin", *argv, host=host, **more)
        if wait:
            teacher.wait("started")
        return teacher

    def student(self, host, *argv, name=None, trust=True, **more):
        """Starts a student who trusts the institution."""
        name = name or host.name
        if trust and not self.data(name).exists():
            self.cli("keys", "trust", "add", self.school(), data=self.data(name))
        return self.start(name, "join", "--name", name.title(), "--roll", name, "--stdin",
                          "--save", self.saves(name), *argv, host=host, **more)

    def give(self, folder, user):
        """Gives a folder and all in it to a user."""
        for path, names, others in os.walk(folder):
            for each in [path, *(os.path.join(path, name) for name in names + others)]:
                os.chown(each, user, user, follow_symlinks=False)

    def file(self, name, size=0, seed=1):
        """Makes a file of bytes that do not repeat; returns its path."""
        path = self.folder / "given" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        files.write(path, size, seed)
        return path

    def disk(self, name, size):
        """Puts what somebody receives on a disk of so many bytes; returns its folder."""
        folder = self.saves(name)
        folder.mkdir(parents=True)
        space.mount_tmpfs(folder, size)
        self.disks.append(folder)
        return folder

    # ---------------------------------------------------------------- what is expected

    def wait(self, true, timeout, what):
        """Waits until something about the programs is true."""
        return self.heard.wait_until(true, timeout, what)

    def everybody(self, programs, event, timeout=10, **wanted):
        """Waits until all of some programs said something; returns those lines."""
        end = time.monotonic() + timeout
        return [each.wait(event, timeout=max(0.01, end - time.monotonic()), **wanted) for each in programs]

    def joined(self, programs, timeout=10):
        """Waits until some students have joined; returns those lines."""
        return self.everybody(programs, "session", timeout, state__state="joined")

    def saved(self, programs, original, timeout=30):
        """Waits until some students have saved one thing and compares each copy with it."""
        end = time.monotonic() + timeout
        title = os.path.basename(original)
        posts = self.everybody(programs, "posted", timeout, content__kind="files", content__title=title)
        for program, post in zip(programs, posts):
            line = program.wait("item", max(0.01, end - time.monotonic()), item=post["content"]["item"],
                                progress__progress="saved")
            self.same(original, line["progress"]["path"], program.name)

    def same(self, original, copy, name):
        """Compares a copy with the original, byte for byte."""
        difference = files.difference(original, copy)
        if difference:
            raise Failed(f"{name}: {difference}")

    def texts(self, program):
        """The messages that somebody has seen, in their order."""
        return [line["content"]["text"] for line in program.all("posted", content__kind="text")]

    def told(self, programs, text, timeout=10):
        """Waits until some programs have seen a message."""
        return self.everybody(programs, "posted", timeout, content__text=text)

    def nothing_half(self, *names):
        """Checks that no file of unfinished content stands under a final name."""
        for name in names:
            for path in files.visible(self.saves(name)):
                raise Failed(f"{name} has {os.fsdecode(path)} though it never got all of it")

    def note(self, **figures):
        """Keeps measured figures."""
        self.figures.update(figures)

    def note_join(self, name, milliseconds, limit):
        """Keeps join times and checks their median."""
        median = statistics.median(milliseconds)
        self.note(**{f"{name}_ms_median": round(median), f"{name}_ms_max": round(max(milliseconds))})
        if median > limit:
            raise Failed(f"{name}: the median is {median:.0f} ms, more than {limit} ms")

    def end(self):
        """Ends all programs and removes the network; names those that had to be killed."""
        stubborn = self.quit()
        self.net.remove()
        return stubborn

    def quit(self):
        """Ends all programs; names those that had to be killed."""
        for program in self.programs:
            program.interrupt()
        stubborn = [program.name for program in self.programs if not program.end(GOODBYE)]
        for folder in self.disks:
            space.unmount(folder)
        return stubborn
