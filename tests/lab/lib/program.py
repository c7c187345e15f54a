"""Programs on hosts: started, listened to line by line, and ended by their own process id."""
import json
import os
import signal
import subprocess
import threading
import time

from . import space

DROP_RIGHTS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


class Failed(Exception):
    """What a case expected did not happen."""


class Heard(threading.Condition):
    """Wakes up whoever waits for any program of a case."""

    def wait_until(self, true, timeout, what):
        """Waits until `true()` is true; returns what it returned."""
        end = time.monotonic() + timeout
        with self:
            while True:
                result = true()
                if result:
                    return result
                left = end - time.monotonic()
                if left <= 0:
                    raise Failed(f"not within {timeout:g} s: {what() if callable(what) else what}")
                self.wait(left)


def field(line, path):
    """The value at a dotted path of a line, `None` where it lacks."""
    for part in path.split("."):
        line = line.get(part) if isinstance(line, dict) else None
    return line


def matches(line, event, wanted):
    """Whether a line is an event with these values at these dotted paths."""
    return line.get("event") == event and all(field(line, path) == value for path, value in wanted.items())


class Program:
    """A `handout-cli --json` (or any program that prints JSON lines) on a host."""

    def __init__(self, heard, name, argv, log, host=None, user=None, env=None, keep_rights=False, before=(), folder=None):
        self.heard, self.name, self.log = heard, name, str(log)
        self.lines, self.ended_at = [], None
        command = [] if keep_rights else list(DROP_RIGHTS)
        if user:
            command += [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        command += argv
        if host:
            command = ["ip", "netns", "exec", host.space, *host.around, *command]
        command = [*before, *command]
        self.command = argv
        with open(log, "ab") as errors:
            self.started = time.time()
            self.process = subprocess.Popen(  # ended by `kill`
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, cwd=folder,
                preexec_fn=space.begin_program, start_new_session=True, env={**os.environ, **(env or {})})
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with open(self.log + ".jsonl", "ab", buffering=0) as copy:
            for raw in self.process.stdout:
                copy.write(raw)
                try:
                    line = json.loads(raw)
                except ValueError:
                    line = {"event": "text", "text": raw.decode(errors="replace").rstrip()}
                with self.heard:
                    self.lines.append(line)
                    self.heard.notify_all()
        with self.heard:
            self.ended_at = time.time()
            self.heard.notify_all()

    # ---------------------------------------------------------------- what it said

    def all(self, event, **wanted):
        """Every line of a kind so far; `wanted` has `__` for dots."""
        wanted = {path.replace("__", "."): value for path, value in wanted.items()}
        return [line for line in list(self.lines) if matches(line, event, wanted)]

    def has(self, event, **wanted):
        """The first such line, or `None`."""
        found = self.all(event, **wanted)
        return found[0] if found else None

    def wait(self, event, timeout=10, count=1, **wanted):
        """Waits for such a line (or the `count`th one) and returns it."""
        paths = {path.replace("__", "."): value for path, value in wanted.items()}
        read = found = 0

        def look():
            nonlocal read, found
            while read < len(self.lines):
                line = self.lines[read]
                read += 1
                found += matches(line, event, paths)
                if found == count:
                    return line
            if self.ended_at and not self.reader.is_alive():
                raise Failed(f"{self.name} ended while waiting for {event} {wanted or ''}\n{self.tail()}")
            return None
        return self.heard.wait_until(look, timeout, lambda: f"{self.name}: {event} {wanted or ''}\n{self.tail()}")

    def tail(self):
        """What it said last, for a failure's text."""
        said = [json.dumps(line, ensure_ascii=False)[:300] for line in list(self.lines)[-6:]]
        with open(self.log, encoding="utf-8", errors="replace") as errors:
            said += [line.rstrip()[:300] for line in errors.readlines()[-6:]]
        return "\n".join(f"      {self.name}| {line}" for line in said)

    # ---------------------------------------------------------------- what is done to it

    def type(self, line):
        """Types a line."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def kill(self):
        """Kills it on the spot."""
        self._signal(signal.SIGKILL)
        self.process.wait(10)

    def interrupt(self):
        """Presses Ctrl+C."""
        self._signal(signal.SIGINT)

    def freeze(self):
        """Stops it, as a machine does that sleeps: its connections stay, and it answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self):
        """Lets it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number):
        # Its own process group: no program that we did not start can be meant.
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def wait_end(self, timeout=15):
        """Waits until it has ended; returns its exit status."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} did not end within {timeout} s\n{self.tail()}") from None
        self.reader.join(5)
        return status

    def end(self, patience):
        """Ends it; says whether it listened."""
        self.interrupt()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True

    def cpu(self):
        """Seconds of processor time that it has used."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as line:
            user, system = line.read().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def arrived(self, interface="eth0"):
        """Bytes that have come to its computer so far; quick enough to be asked again and again."""
        with open(f"/proc/{self.process.pid}/net/dev", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.strip().startswith(interface + ":"))

    def peak_memory(self):
        """The most memory it ever held, in bytes."""
        return self._status("VmHWM")

    def memory(self):
        """The memory it holds, in bytes."""
        return self._status("VmRSS")

    def _status(self, key):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as lines:
            for line in lines:
                if line.startswith(key):
                    return int(line.split()[1]) * 1024
        raise Failed(f"{self.name}: no {key}")
