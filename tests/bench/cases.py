"""The cases: what is handed to whom, over which links, and what must be reached."""
import dataclasses
import re

from . import runner, situations
from .systems import PEERS

MIB = 1 << 20
UNICAST, TORRENTS = ("libtorrent", "aria2", "nginx"), ("libtorrent", "aria2")
BESIDE = ("handout", *PEERS)
# At most these run with --quick where 50 students are in the room: a star takes fifty copies.
NO_STAR = ("handout", "libtorrent", "aria2", "udpcast", "uftp")
MOST_STUDENTS = 50
EQUAL = re.compile(r"equal-(\d+)-(\d+)(?:-(\d+))?")


@dataclasses.dataclass(frozen=True)
class Bar:
    """What the median of this program's runs must not exceed: a value of its lines, a limit, and what the value is
    measured in, if that is a value of other runs: (case, or nothing for the own, and systems, the least of which counts).
    `busy` says how busy the machine was, where only a part of the run counts."""
    what: str
    value: str
    limit: float
    against: tuple = ()
    below: bool = False
    busy: str = "machine"


@dataclasses.dataclass(frozen=True)
class Case:
    """One case. `mbit` is each link's rate, 0 for none; `size` is in bytes, in `files` files."""
    name: str
    what: str
    students: int
    mbit: float
    size: int
    systems: tuple = ("handout",)
    bars: tuple = ()
    loss: float = 0.0
    slow: tuple = ()
    late: tuple = ()
    files: int = 1
    quick: tuple = ()
    body: object = runner.spread


def usual_rate(students):
    """Mbit/s at which two cores are not the limit."""
    return 64 if students <= 8 else 16 if students <= 24 else 8


def equal(students, mib, *bars, mbit=None, **more):
    """Equal links, nothing else."""
    return Case(f"equal-{students}-{mib}" + (f"-{mbit}" if mbit else ""), f"{mib} MiB to {students} students, equal links",
                students, mbit or usual_rate(students), mib * MIB, bars=bars, **more)


def curve(students):
    """A point of the curve of time against N: always the same rate."""
    return dataclasses.replace(equal(students, 16, mbit=8, systems=("handout", "libtorrent")), name=f"curve-{students}",
                               what=f"16 MiB to {students} students at 8 Mbit/s, for the curve")


def halved(case):
    """A case and what it is measured beside at half the rate, for machines whose processors are the limit at the whole."""
    mbit = case.mbit // 2
    bars = [dataclasses.replace(bar, against=(f"{bar.against[0]}-{mbit}", bar.against[1])) if any(bar.against[:1]) else bar
            for bar in case.bars]
    return dataclasses.replace(case, name=f"{case.name}-{mbit}", what=f"{case.what}, at {mbit} Mbit/s", mbit=mbit, bars=tuple(bars),
                               quick=())


def last(limit):
    """The bar that most cases have."""
    return Bar("last student over F/u_s", "ratio", limit)


FASTER = Bar("last student, over the fastest unicast peer", "ratio", 1.0, ("", UNICAST), below=True)
CHEAPER = Bar("CPU seconds for a GiB, over libtorrent's", "cpu_s_per_gib", 1.0, ("", ("libtorrent",)), below=True)

BESIDE_SLOW = (Bar("last normal student over F/u_s", "ratio", 1.25, busy="class_machine"),
               Bar("slow students over F/d of their own", "slow_ratio", 1.10))

WHOLE = [
    equal(8, 10, last(1.25)),
    equal(8, 32, systems=BESIDE, quick=BESIDE),
    equal(24, 32, FASTER, CHEAPER, systems=BESIDE, quick=BESIDE),
    equal(24, 128, last(1.07)),
    equal(50, 32, last(1.20), FASTER, CHEAPER, systems=BESIDE, quick=NO_STAR),
    equal(50, 128, last(1.10), Bar("copies sent by the teacher", "copies", 1.15)),
    Case("slow-five", "32 MiB to 50 students, five of them at a tenth of the rate", 50, 8, 32 * MIB,
         bars=BESIDE_SLOW,
         slow=tuple((number, 0.8) for number in (5, 15, 25, 35, 45)), body=situations.slow),
    # Half as many bytes a second: beside a class of fifty, two processors are the limit.
    Case("five-slow-24", "32 MiB to 24 students at 8 Mbit/s, five of them at a tenth of the rate", 24, 8, 32 * MIB,
         bars=BESIDE_SLOW,
         slow=tuple((number, 0.8) for number in (3, 8, 13, 18, 23)), body=situations.slow),
    Case("five-die", "32 MiB to 24 students, five killed and cut off at half time", 24, 16, 32 * MIB,
         bars=(Bar("last survivor over F/u_s", "ratio", 1.20),), body=situations.deaths),
    Case("teacher-dies", "32 MiB to 24 students, the teacher killed and cut off once one copy is out", 24, 16, 32 * MIB,
         bars=(Bar("students that did not complete", "lacking", 0),), body=situations.teacher_dies),
    Case("joiner", "32 MiB to 23 students, one more joins when they have nine tenths", 24, 16, 32 * MIB,
         bars=(Bar("the joiner's time from its start, over F/d", "joiner_ratio", 1.25),), late=(24,), body=situations.joiner),
    Case("small-files", "10,000 files of 4 KiB to 24 students", 24, 16, 10_000 * 4096, files=10_000, bars=(last(1.5),)),
    Case("loss", "32 MiB to 24 students, every computer loses 1 % of the frames that reach it", 24, 16, 32 * MIB, loss=0.01,
         systems=("handout", "libtorrent"),
         bars=(Bar("last student, over the same without loss", "last", 1.5, ("equal-24-32", ("handout",))),
               Bar("last student, over libtorrent with the same loss", "last", 1.0, ("", ("libtorrent",)), below=True))),
    Case("one-to-one", "2 GiB to one student, nothing shaped", 1, 0, 2048 * MIB, systems=("handout", *TORRENTS, "nginx"),
         quick=("handout", *TORRENTS),
         bars=(Bar("time, over the fastest BitTorrent client", "last", 0.6, ("", TORRENTS)),
               Bar("CPU seconds, over the cheapest BitTorrent client", "cpu_s", 1.0, ("", TORRENTS), below=True),
               Bar("peak memory of the teacher, MiB", "peak_mib.teacher", 100),
               Bar("peak memory of the student, MiB", "peak_mib.student", 100))),
    Case("messages-busy", "100 messages to 24 students during a transfer at full speed", 24, 16, 48 * MIB,
         bars=(Bar("99 % shown everywhere within, ms", "message_ms.p99", 250),), body=situations.messages),
    Case("messages-idle", "100 messages to 50 students, nothing else running", 50, 8, 0,
         bars=(Bar("99 % shown everywhere within, ms", "message_ms.p99", 30),), body=situations.messages),
    Case("idle", "a session of 50 in which nothing happens for 60 s", 50, 8, 0,
         bars=(Bar("share of a core, the busiest process", "idle_cpu.most", 0.002, below=True),
               Bar("voluntary context switches a second, the busiest process", "idle_switches.most", 20, below=True)),
         body=situations.idle),
]
CASES = [
    *WHOLE,
    *(halved(case) for case in WHOLE if case.name in ("equal-50-32", "small-files", "loss")),
    # What lost frames are measured beside.
    equal(24, 32, mbit=8),
    *(curve(students) for students in (1, 2, 4, 8, 16, 24, 32, 50)),
]


def named(name):
    """The cases of a name, or those that begin so; `equal-STUDENTS-MIB[-MBIT]` is made for the asking."""
    exact = [case for case in CASES if case.name == name]
    found = exact or [case for case in CASES if case.name.startswith(name)]
    made = EQUAL.fullmatch(name)
    if not found and made and 1 <= int(made[1]) <= MOST_STUDENTS:
        found = [equal(int(made[1]), int(made[2]), mbit=int(made[3]) if made[3] else None, systems=BESIDE)]
    return found
