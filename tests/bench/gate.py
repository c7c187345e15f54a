"""The gate: this program against one plain TCP copy of the same run. Prints lines that build-aux/test counts."""
from . import cases, figures, session

# Students, and what the median of `RUNS` runs must not exceed, as last student over F/u_s.
LIMITS = ((8, 1.35), (24, 1.30))
MIB, RUNS = 32, 3
# So many void runs are made again, at this part of the rate: it is chosen so that the processors are not the limit.
AGAIN, SLOWER = 3, 3 / 4


def run(options, folder, results, machine):
    """Makes all runs; returns the exit status."""
    failed = 0
    for students, limit in LIMITS:
        case, ratios, repeat = cases.equal(students, MIB), [], 0
        while len(ratios) < RUNS and repeat < RUNS + AGAIN:
            repeat += 1
            known = len(results.lines)
            session.run_case(case, repeat, options, folder, results, machine)
            lines = [line for line in results.lines[known:] if line["system"] == "handout"]
            if not all(line["ok"] for line in lines):
                ratios = None
                break
            ratios += [line["ratio"] for line in lines if not line["void"]]
            if any(line["void"] for line in lines):
                case = slower(case)
        good, said = verdict(ratios, limit)
        print(f"check {'passed' if good else 'failed'}: {MIB} MiB to {students} students in at most {limit} x one plain copy: {said}",
              flush=True)
        failed += not good
    return 1 if failed else 0


def slower(case):
    """The same case at a lower rate."""
    return cases.equal(case.students, MIB, mbit=int(case.mbit * SLOWER))


def verdict(ratios, limit):
    """Whether some runs pass, and why in words. `None` stands for a run that failed."""
    if ratios is None:
        return False, "not every student had everything"
    if len(ratios) < RUNS:
        return False, f"only {len(ratios)} runs in which the processors were not the limit"
    median = figures.median(ratios)
    return median <= limit, f"{median:.3f}, median of {', '.join(f'{ratio:.3f}' for ratio in ratios)}"
