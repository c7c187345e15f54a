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
                ratio = simulated(options.sim, one, kib, seed)
                results.add(about | {"ok": True, "void": False, "ratio": ratio})
                print(f"{one.case(kib):24} {seed} ratio {ratio:.3f}", flush=True)
    return 0


def simulated(program, one, kib, seed):
    """The last student's time over the bound."""
    words = [program, str(one.students), str(one.mib), str(one.mbit), f"chunk={kib}", f"seed={seed}"]
    told = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
    return ratio_of(told)


def ratio_of(told):
    """The ratio in what the simulator prints of one class: a head, and the class's line."""
    head, line, *more = told.splitlines()
    if more or head.split()[1] != "ratio":
        raise ValueError(f"not one simulated class: {told}")
    return float(line.split()[1])


def curve(rows):
    """The chart, `None` where nothing was simulated."""
    series = []
    for one in CLASSES:
        known = [(kib, rows[one.case(kib), SYSTEM].values["ratio"]) for kib in SIZES if (one.case(kib), SYSTEM) in rows]
        if len(known) > 1:
            series.append(svg.Series(f"{one.students} × {one.mib} MiB, {rate(one.mbit)}", known))
    if not series:
        return None
    said = "; ".join(f"{each.name}: " + ", ".join(f"{x:g} KiB {y:.2f}" for x, y in each.points) for each in series)
    return svg.chart("The size of a chunk", f"Simulated time over the bound against the size of a chunk, medians of {SEEDS} seeds. {said}.",
                     "KiB in a chunk", "time over the bound", series, low=1.0, double=True)


def rate(mbit):
    """A rate as people write it."""
    return f"{mbit} Mbit/s" if mbit < 1000 else f"{mbit / 1000:g} Gbit/s"
