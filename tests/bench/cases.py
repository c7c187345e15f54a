"""The cases: what is handed to whom, over which links, and what must be reached."""
import dataclasses
import re

from . import runner
from .systems import PEERS

MIB = 1 << 20


@dataclasses.dataclass(frozen=True)
class Bar:
    """What the median of three must reach: a value of this program's lines, and its limit."""
    what: str
    value: str
    limit: float


@dataclasses.dataclass(frozen=True)
class Case:
    """One case. `mbit` is each link's rate, 0 for none; `size` is in bytes."""
    name: str
    what: str
    students: int
    mbit: float
    size: int
    systems: tuple = ("handout",)
    bars: tuple = ()
    loss: float = 0.0
    slow: tuple = ()
    quick: bool = False
    body: object = runner.spread


BESIDE = ("handout", *PEERS)
EQUAL = re.compile(r"equal-(\d+)-(\d+)(?:-(\d+))?")
MOST_STUDENTS = 50


def usual_rate(students):
    """Mbit/s at which two cores are not the limit."""
    return 64 if students <= 8 else 16 if students <= 24 else 8


def equal(students, mib, *bars, mbit=None, **more):
    """Equal links, nothing else."""
    return Case(f"equal-{students}-{mib}" + (f"-{mbit}" if mbit else ""), f"{mib} MiB to {students} students, equal links",
                students, mbit or usual_rate(students), mib * MIB, bars=bars, **more)


def named(name):
    """The cases of a name, or those that begin so; `equal-STUDENTS-MIB[-MBIT]` is made for the asking."""
    exact = [case for case in CASES if case.name == name]
    found = exact or [case for case in CASES if case.name.startswith(name)]
    made = EQUAL.fullmatch(name)
    if not found and made and 1 <= int(made[1]) <= MOST_STUDENTS:
        found = [equal(int(made[1]), int(made[2]), mbit=int(made[3]) if made[3] else None)]
    return found


CASES = [
    equal(8, 10, Bar("last student over F/u_s", "ratio", 1.25)),
    equal(8, 32, systems=BESIDE, quick=True),
    equal(24, 32, systems=BESIDE, quick=True),
    equal(24, 128, Bar("last student over F/u_s", "ratio", 1.07)),
    equal(50, 32, Bar("last student over F/u_s", "ratio", 1.20), systems=BESIDE, quick=True),
    equal(50, 128, Bar("last student over F/u_s", "ratio", 1.10), Bar("copies sent by the teacher", "copies", 1.15),
          systems=BESIDE),
]
