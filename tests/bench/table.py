"""Tables of the results, for terminals and for Markdown."""
from . import cases, summary

HEAD = ("system", "ratio to F/u_s", "median student, s", "last student, s", "CPU s/GiB", "peak memory, MiB", "copies sent", "runs")
TITLES = {"handout": "Handout", "plain": "one plain TCP copy", "libtorrent": "libtorrent swarm", "aria2": "aria2 swarm",
          "udpcast": "udpcast multicast", "uftp": "UFTP multicast", "nginx": "nginx, one curl each"}
ORDER = tuple(TITLES)
VOID = "†"
# A median of fewer runs is told with their number.
ENOUGH = 3


def shown(value, form):
    """A value, or a dash where it is not known."""
    return "–" if value is None else format(value, form)


def cells(row):
    """One system's row."""
    values = row.values
    memory = max((each for each in (values["peak_mib.teacher"], values["peak_mib.student"]) if each is not None), default=None)
    runs = f"{row.runs}" + (f" {VOID}" if row.void else "") + (f", {row.failed} failed" if row.failed else "")
    return (TITLES[row.system], shown(values["ratio"], ".2f"), shown(values["median"], ".1f"), shown(values["last"], ".1f"),
            shown(values["cpu_s_per_gib"], ".1f"), shown(memory, ".0f"), shown(values["copies"], ".2f"), runs)


def of_case(rows, case):
    """The rows of one case, in the order of `ORDER`."""
    return [cells(rows[case, system]) for system in ORDER if (case, system) in rows]


def of_bars(rows, only_run=False):
    """Every bar (or those of cases that were run), what was measured, and whether it is met."""
    words = {None: "not measured", True: "yes", False: "**no**"}

    def said(case, measured, met):
        row = rows.get((case.name, "handout"))
        if met is None and measured is not None:
            return VOID
        return words[met] + (f", {row.runs} run{'s' * (row.runs != 1)}" if met is not None and row.runs < ENOUGH else "")
    return [(case.what, bar.what, f"{'<' if bar.below else '≤'} {bar.limit:g}", shown(measured, ".3g"), said(case, measured, met))
            for case, bar, measured, met in summary.bars(rows) if not only_run or (case.name, "handout") in rows]


def markdown(head, body, words=1):
    """A table of Markdown; all columns but the first `words` stand right."""
    lines = [head, [*["---"] * words, *["---:"] * (len(head) - words)], *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def plain(head, body):
    """A table for a terminal."""
    lines = [head, *body]
    wide = [max(len(line[at]) for line in lines) for at in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) if at == 0 else cell.rjust(width)
                               for at, (cell, width) in enumerate(zip(line, wide))) for line in lines)


def show(lines):
    """Prints everything."""
    rows = summary.summarise(lines)
    for case in dict.fromkeys(name for name, system in rows if system in TITLES):
        what = next((each.what for each in cases.named(case)), case)
        print(f"\n{case}: {what}\n{plain(HEAD, of_case(rows, case))}")
    print("\n" + plain(("case", "what", "bar", "measured", "met"),
                       [[cell.replace("*", "") for cell in line] for line in of_bars(rows, only_run=True)]))
    if any(row.void for row in rows.values()):
        print(f"{VOID} the processors were the limit in every run: says nothing about the network")
