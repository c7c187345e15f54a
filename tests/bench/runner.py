"""One run: a system in a room, from the start to the last copy compared, with what it cost."""
import contextlib
import os
import pathlib
import platform
import shutil
import subprocess
import time
import traceback

from lab.lib.case import remove
from lab.lib.net import NetError
from lab.lib.program import Failed

from . import figures
from .account import Account, Busy, Memory
from .room import Meter

# A run that used more of the machine's processors, where links should be the limit, says nothing about them.
VOID = 0.8
# Seconds beyond what a system takes at its worst, after which a run has failed.
GRACE = 30


class Run:
    """What a case's body works with: a system that is ready, and the counters around it."""

    def __init__(self, case, system, room, unit, options):
        self.case, self.system, self.room, self.unit, self.options = case, system, room, unit, options
        self.size, self.samples = 0, None
        self.memory = self.meter = self.traffic = self.drops = self.cpu = self.busy = self.started = self.began = None
        self.line = {}

    def begin(self):
        """Reads all counters; what comes after belongs to the run."""
        self.traffic, self.drops = self.room.traffic(), self.room.drops()
        self.memory = Memory(self.system.processes)
        self.meter = Meter(self.room) if self.options.timeline else None
        if self.meter:
            self.meter.start()
        self.cpu, self.busy, self.began = self.system.account.cpu(), Busy(), time.monotonic()

    def share(self):
        """Gives the word; returns the time in seconds since 1970."""
        self.started = self.system.share()
        return self.started

    def end(self, **told):
        """Reads all counters again."""
        cpu, busy, seconds = self.system.account.cpu(), self.busy.share(), time.monotonic() - self.began
        peaks = self.memory.stop()
        self.samples = self.meter.stop() if self.meter else None
        sent = [after[0] - before[0] for before, after in zip(self.traffic, self.room.traffic())]
        ports, own = ([after - before for before, after in zip(*pair)] for pair in zip(self.drops, self.room.drops()))
        students = [peak for name, peak in peaks.items() if name != "teacher"]
        self.line |= {
            "cpu_s": None if cpu is None else cpu - self.cpu, "machine": busy,
            "own": None if cpu is None else (cpu - self.cpu) / seconds / os.cpu_count(),
            "void": bool(self.room.mbit) and busy > VOID,
            "peak_mib": {"teacher": peaks.get("teacher"), "student": max(students, default=None)},
            "copies": sent[0] / self.size if self.size else None,
            "drops": {"ports": sum(ports), "teacher_port": ports[0], "own": sum(own)}, **told}

    def times(self, numbers, times):
        """Notes when students had everything, in seconds after the start; fails when some never had."""
        took = {number: time - self.started for number, time in times.items()}
        lacking = [number for number in numbers if number not in took]
        values = [took[number] for number in numbers if number in took]
        self.line |= {"times": {str(number): took[number] for number in sorted(took)}, "first": min(values, default=None),
                      "median": figures.median(values), "last": max(values, default=None), "lacking": len(lacking)}
        if lacking:
            raise Failed(f"{len(lacking)} of {len(numbers)} students have not everything after {self.patience():.0f} s: "
                         f"{lacking[:10]}\n{self.system.complaints()}")
        wrong = self.system.verify(numbers)
        if wrong:
            raise Failed("copies differ: " + "; ".join(wrong[:5]))

    def costs(self, students):
        """Notes what it cost for each GiB, the bound, and the ratio to one plain copy."""
        self.line["cpu_s_per_gib"] = figures.per_gib(self.line["cpu_s"], self.size, students)
        if self.unit:
            links = [self.unit * self.room.rate(number) / self.room.mbit for number in range(1, self.room.students + 1)]
            self.line["bound_s"] = figures.bound(self.size, self.unit, links, links)
            self.line["plain_s"] = self.size / self.unit
            self.line["ratio"] = figures.ratio(self.line["last"], self.line["plain_s"])

    def patience(self):
        """Seconds after which a run has failed."""
        if not self.room.mbit:
            return GRACE + 60
        slowest = min(self.room.rate(number) for number in range(1, self.room.students + 1))
        return GRACE + self.size * 8e-6 * max(self.system.worst() / self.room.mbit, 1.5 / slowest)


def spread(run):
    """Everyone gets everything; nothing else happens."""
    run.begin()
    run.share()
    numbers = list(run.system.students)
    times = run.system.finish(numbers, run.patience())
    run.end()
    run.times(numbers, times)
    run.costs(len(numbers))


def touch_memory(folder, size):
    """Has the machine touch and free so much memory. A guest may get memory from its host only when it is touched, which
    takes eight times as long as to fill it: without this, each run would also measure what ran before it."""
    path, block = folder / "touched", bytes(1 << 20)
    with path.open("wb") as file:
        for _ in range(size >> 20):
            file.write(block)
    path.unlink()


def measure(case, kind, room, folder, original, size, unit, options):
    """Runs one system once; returns its line and the run."""
    folder.mkdir(parents=True)
    account = Account(kind.name)
    system = kind(room, folder, account, options)
    run = Run(case, system, room, unit, options)
    run.size, error = size, None
    system.late = case.late if kind.name == "handout" else ()
    began = time.time()
    try:
        system.ready(original)
        if not room.mbit:
            touch_memory(folder, 2 * size)
        (case.body if kind.name == "handout" else spread)(run)
    except (Failed, NetError, OSError) as reason:
        error = str(reason)
    except Exception:  # a mistake of the benchmark itself fails this run alone
        error = traceback.format_exc(limit=-4)
    finally:
        with contextlib.suppress(Exception):
            if run.memory:
                run.memory.stop()
        system.stop()
        account.close()
    if error:
        keep_logs(folder, pathlib.Path(options.results).parent / "failed" / f"{case.name}-{kind.name}")
    remove(folder)
    return {**run.line, "ok": error is None, "error": error, "at": int(began)}, run


def keep_logs(folder, place):
    """Copies what programs said to where it stays."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for path in [*folder.glob("*.log"), *folder.glob("*.log.jsonl")]:
        shutil.copy(path, place)


# What this program is made of: commits elsewhere do not change its figures.
PROGRAM = ("src/engine", "src/cli", "Cargo.toml", "Cargo.lock")


def machine(top):
    """What the figures of this machine depend on; a `+` says that something was not committed."""
    def git(*argv):
        done = subprocess.run(["git", "-C", str(top), *argv], capture_output=True, text=True, check=False)
        return done.stdout.strip()
    changed = "+" if git("status", "--porcelain", "--untracked-files=no", "--", *PROGRAM) else ""
    return {"commit": git("rev-parse", "--short=12", "HEAD"), "cores": os.cpu_count(),
            "program": git("log", "-1", "--format=%h", "--abbrev=12", "--", *PROGRAM) + changed,
            "kernel": ".".join(platform.release().split(".")[:2])}
