"""The ratio to the bound against the size of a chunk, by the simulator: the program itself chooses the size."""
import dataclasses
import subprocess

from . import svg

SYSTEM = "simulator"
SIZES = (16, 32, 64, 128, 256, 512, 1024)
SEEDS = 3


@dataclasses.dataclass(frozen=True)
class Class:
    """A class with equal links: students, MiB, Mbit/s."""
    students: int
    mib: int
    mbit: int

    def case(self, kib):
        """The name of its lines with chunks of so many KiB."""
        return f"chunks-{self.students}-{self.mib}-{self.mbit}-{kib}"


CLASSES = (Class(24, 32, 16), Class(50, 128, 8), Class(50, 256, 1000))


def run(options, results, machine):
    """Simulates every class with every size that is not there yet."""
    for one in CLASSES:
        for kib in SIZES:
            for seed in range(1, SEEDS + 1):
                about = {"case": one.case(kib), "system": SYSTEM, "repeat": seed, **machine, "conditions": dataclasses.asdict(one)}
                if not options.again and results.has(about):
                    continue
                told = simulated(options.sim, one, kib, seed)
                line = told_of(told)
                results.add(about | {"void": False} | line)
                print(f"{one.case(kib):24} {seed} {line.get('error') or 'ratio %.3f' % line['ratio']}", flush=True)
    return 0


def simulated(program, one, kib, seed):
    """What the simulator prints of a class."""
    words = [program, str(one.students), str(one.mib), str(one.mbit), f"chunk={kib}", f"seed={seed}"]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def told_of(told):
    """The last student's time over the bound, in what the simulator prints of one class: a head, the class's line, and what went wrong."""
    head, line, *wrong = told.splitlines()
    if head.split()[1] != "ratio":
        raise ValueError(f"not a simulated class: {told}")
    return {"ok": False, "error": wrong[0].strip()} if wrong else {"ok": True, "ratio": float(line.split()[1])}


def curve(rows):
    """The chart, `None` where nothing was simulated."""
    series, rates = [], []
    for one in CLASSES:
        told = {kib: rows[one.case(kib), SYSTEM] for kib in SIZES if (one.case(kib), SYSTEM) in rows}
        # A size with which some class did not end has no ratio.
        known = [(kib, row.values["ratio"]) for kib, row in told.items() if row.runs and not row.failed]
        if len(known) > 1:
            series.append(svg.Series(f"{one.students} × {one.mib} MiB", known))
            rates.append(str(one.mbit))
    if not series:
        return None
    said = "; ".join(f"{each.name}: " + ", ".join(f"{x:g} KiB {y:.2f}" for x, y in each.points) for each in series)
    return svg.chart("The size of a chunk", f"Simulated time over the bound against the size of a chunk, medians of {SEEDS} seeds. {said}.",
                     f"KiB in a chunk; lines of {', '.join(rates)} Mbit/s", "time over the bound", series, low=1.0, double=True)
