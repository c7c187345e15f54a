"""One plain TCP copy from the teacher to one student: what a link carries, and so the unit of everything else."""
import pathlib
import sys

from .base import System

INSIDE = pathlib.Path(__file__).resolve().parent.parent / "inside"


class Plain(System):
    """`sendfile` into one connection, and a file at its other end."""
    name = "plain"

    @property
    def students(self):
        return range(1, 2)

    def ready(self, original):
        self.original = original
        self.program(1, [sys.executable, "-S", INSIDE / "transfer.py", "receive", self.place(1) / original.name])
        self.roles["s1"].wait("ready")

    def share(self):
        self.program(0, [sys.executable, "-S", INSIDE / "transfer.py", "send", "10.60.0.2", self.original])
        # The start of the interpreter is not the link's.
        return self.roles["teacher"].wait("start", timeout=20)["t"] / 1000
