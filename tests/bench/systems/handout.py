"""This program: a session that everyone is in, and one `/share`."""
import time

from lab.lib.case import Lab
from lab.lib.program import Failed

from .base import System

JOIN_SECONDS = 60
# State of a connection in /proc/net/tcp.
ESTABLISHED = "01"


def connections(process):
    """How many connections the computer of a process has."""
    count = 0
    for kind in ("tcp", "tcp6"):
        with open(f"/proc/{process}/net/{kind}", encoding="ascii") as lines:
            count += sum(line.split()[3] == ESTABLISHED for line in list(lines)[1:])
    return count


class Class(Lab):
    """A lab of the test suite in a room of ours, with programs that do not write down what they do."""
    wordy = ()

    def __init__(self, room, folder, binary, before):
        super().__init__("unused", folder, binary, net=room.net)
        self.before = before


class Handout(System):
    """`handout-cli teach` and one `handout-cli join` for each student, all in the session before the start."""
    name = "handout"

    def __init__(self, room, folder, account, options):
        super().__init__(room, folder, account, options)
        self.lab = Class(room, self.folder, options.bin, account.before())
        self.item = None

    def ready(self, original):
        self.original = original
        self.lab.make_teacher()
        early = [number for number in self.students if number not in self.late]
        for number in early:
            self.join(number)
        self.roles["teacher"] = self.lab.teacher(self.room.hosts[0])
        students = [self.roles[f"s{number}"] for number in early]
        self.lab.joined(students, timeout=JOIN_SECONDS)
        # A message that all have seen: everyone is in the session, by more than his own word.
        self.teacher.type("Good morning")
        self.lab.told(students, "Good morning", timeout=JOIN_SECONDS)
        self.linked(len(early))

    def linked(self, peers):
        """Waits until everybody is connected to everybody, by two connections each: a class that has just been switched on
        still is at that, on one machine for all of them for seconds."""
        end = time.monotonic() + JOIN_SECONDS
        while lacking := [name for name, process in self.processes().items() if connections(process) < 2 * peers]:
            if time.monotonic() > end:
                raise Failed(f"not connected to everybody: {lacking[:5]}")
            time.sleep(0.1)

    def join(self, number):
        """Starts a student's program."""
        student = self.lab.student(self.room.hosts[number], name=f"s{number}")
        self.roles[f"s{number}"] = student
        return student

    @property
    def teacher(self):
        """The teacher's program."""
        return self.roles["teacher"]

    def share(self):
        now = time.time()
        self.teacher.type(f"/share {self.original}")
        return now

    def finish(self, numbers, timeout):
        end, times = time.monotonic() + timeout, {}
        self.item = self.teacher.wait("shared", timeout=60)["item"] if not self.item else self.item
        for number in numbers:
            try:
                line = self.saved(number, max(0.01, end - time.monotonic()))
            except Failed:
                continue
            times[number] = line["t"] / 1000
        return times

    def saved(self, number, timeout):
        """Waits for the line that says that a student has everything, verified and under its final name."""
        return self.roles[f"s{number}"].wait("item", timeout=timeout, item=self.item, progress__progress="saved")

    def copy(self, number):
        line = self.roles[f"s{number}"].has("item", item=self.item, progress__progress="saved")
        return line["progress"]["path"] if line else self.place(number) / "nothing"

    def stop(self):
        self.lab.quit()

    def complaints(self):
        return "\n".join(program.tail() for program in [*self.lab.programs[:1], self.teacher])
