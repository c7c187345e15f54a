"""What a system costs: exact CPU seconds of a control group, memory of its processes, how busy the machine was."""
import contextlib
import os
import pathlib
import threading


class Account:
    """Everything that a system's programs use. Without the right to make a control group, CPU seconds are not known."""

    def __init__(self, name):
        self.folder = None
        with contextlib.suppress(OSError, StopIteration):
            folder = own_group() / f"handout-bench-{os.getpid()}-{name}"
            folder.mkdir()
            self.folder = folder

    def before(self):
        """A command that starts the rest of its arguments inside the group."""
        return ["sh", "-c", 'echo $$ >"$0" && exec "$@"', str(self.folder / "cgroup.procs")] if self.folder else []

    def cpu(self):
        """CPU seconds used so far, by user and kernel."""
        if not self.folder:
            return None
        lines = (self.folder / "cpu.stat").read_text().splitlines()
        return int(dict(line.split() for line in lines)["usage_usec"]) / 1e6

    def close(self):
        """Removes the group; its programs have ended."""
        if self.folder:
            with contextlib.suppress(OSError):
                self.folder.rmdir()


def own_group():
    """Folder of the control group that this process is in, of the second hierarchy."""
    with open("/proc/mounts", encoding="ascii") as lines:
        mount = next(fields[1] for fields in map(str.split, lines) if fields[2] == "cgroup2")
    with open("/proc/self/cgroup", encoding="ascii") as lines:
        inside = next(line.rstrip("\n")[3:] for line in lines if line.startswith("0::"))
    return pathlib.Path(mount + inside)


class Busy:
    """How much of the machine's processors was used since it was made, by anything at all but work of lower priority:
    what is nice leaves when it is asked to."""

    def __init__(self):
        self.start = self.read()

    @staticmethod
    def read():
        """All ticks so far, and those that were to be had: idle ones, and those of nice programs."""
        with open("/proc/stat", encoding="ascii") as lines:
            ticks = [int(field) for field in lines.readline().split()[1:9]]
        return sum(ticks), ticks[3] + ticks[4] + ticks[1]

    def share(self):
        """From 0 to 1."""
        (all_before, idle_before), (all_now, idle_now) = self.start, self.read()
        passed = all_now - all_before
        return 1 - (idle_now - idle_before) / passed if passed > 0 else 0.0


def status(process, key):
    """A line of a process's status; `None` when it has ended."""
    try:
        with open(f"/proc/{process}/status", encoding="ascii", errors="replace") as lines:
            return next((int(line.split()[1]) for line in lines if line.startswith(key + ":")), None)
    except OSError:
        return None


class Memory(threading.Thread):
    """The most memory that each of some processes ever held; `processes()` tells their numbers by name. Those that end are
    looked at until then."""

    def __init__(self, processes, interval=0.5):
        super().__init__(daemon=True)
        self.processes, self.interval = processes, interval
        self.peaks = {}
        self.over = threading.Event()
        self.start()

    def look(self):
        """Reads them once."""
        for name, process in self.processes().items():
            peak = status(process, "VmHWM")
            if peak:
                self.peaks[name] = max(peak / 1024, self.peaks.get(name, 0))

    def run(self):
        while not self.over.wait(self.interval):
            self.look()

    def stop(self):
        """MiB of each."""
        self.over.set()
        self.join(5)
        self.look()
        return self.peaks
