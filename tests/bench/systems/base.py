"""What every system can do: get ready, start on a word, say who has everything, end."""
import pathlib
import time

from lab.lib import files
from lab.lib.program import Failed, Heard, Program

# Prints when everything is there, in milliseconds since 1970.
DONE = """echo "{\\"event\\":\\"done\\",\\"t\\":$(date +%s%3N)}" """


class System:
    """One system in one room. Its programs run inside an account."""
    name = ""
    # Programs that it needs, and the bytes that it moves where that is not the case's size.
    needs, size = (), None

    def __init__(self, room, folder, account, options):
        self.room, self.folder, self.account, self.options = room, pathlib.Path(folder), account, options
        self.heard, self.programs, self.roles = Heard(), [], {}
        self.original, self.late = None, ()

    @property
    def students(self):
        """Numbers of the students."""
        return range(1, self.room.students + 1)

    def place(self, number):
        """Folder of a computer."""
        folder = self.folder / f"c{number}"
        folder.mkdir(exist_ok=True, parents=True)
        return folder

    def program(self, number, argv, role=None):
        """Starts a program on a computer."""
        name = role or ("teacher" if number == 0 else f"s{number}")
        program = Program(self.heard, name, list(map(str, argv)), self.folder / f"{name}.log", self.room.hosts[number],
                          before=self.account.before(), folder=self.place(number))
        self.programs.append(program)
        self.roles[name] = program
        return program

    def processes(self):
        """Process numbers by name."""
        return {name: program.process.pid for name, program in list(self.roles.items())}

    def worst(self):
        """Copies' times that it may take."""
        return 4

    # What a system defines.

    def ready(self, original):
        """Starts what runs before the start, and returns once everyone waits for it."""
        raise NotImplementedError

    def share(self):
        """Starts handing out; returns the time in seconds since 1970."""
        raise NotImplementedError

    def finish(self, numbers, timeout):
        """Waits until some students have everything; returns the time of each, in seconds since 1970.
        Those that are not done in time are left out."""
        end, times = time.monotonic() + timeout, {}
        for number in numbers:
            try:
                line = self.roles[f"s{number}"].wait("done", timeout=max(0.01, end - time.monotonic()))
            except Failed:
                continue
            times[number] = line["t"] / 1000
        return times

    def copy(self, number):
        """What a student received."""
        return self.place(number) / self.original.name

    def verify(self, numbers):
        """Compares copies with the original; returns what is wrong, in words."""
        return [wrong for wrong in (files.difference(self.original, self.copy(number)) for number in numbers) if wrong]

    def stop(self):
        """Ends all programs."""
        for program in self.programs:
            program.interrupt()
        for program in self.programs:
            program.end(5)

    def complaints(self):
        """What programs said last, for a failure's text."""
        return "\n".join(program.tail() for program in self.programs[:2])


class Waiting(System):
    """Students' programs wait for a word on their standard input and then start; each says when it is done."""

    def student(self, number):
        """Command of a student."""
        raise NotImplementedError

    def waiting(self, number, argv, when_done=DONE):
        """Starts a program that waits for a word."""
        script = f'echo "{{\\"event\\":\\"armed\\"}}"; read -r word; "$@" && {when_done}'
        return self.program(number, ["sh", "-c", script, "sh", *argv])

    def arm(self):
        """Has all students wait."""
        for number in self.students:
            self.waiting(number, self.student(number))
        for number in self.students:
            self.roles[f"s{number}"].wait("armed")

    def share(self):
        now = time.time()
        for number in self.students:
            self.roles[f"s{number}"].type("go")
        return now
