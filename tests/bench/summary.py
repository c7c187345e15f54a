"""What the lines of the results come to: medians, and whether the bars are met. Pure."""
import dataclasses

from . import cases, figures
from .results import OWN
from .runner import VOID

FIELDS = ("ratio", "first", "median", "last", "cpu_s", "cpu_s_per_gib", "peak_mib.teacher", "peak_mib.student", "copies", "plain_s",
          "machine", "class_machine", "own", "slow_ratio", "joiner_s", "joiner_ratio", "one_copy_out", "lacking", "message_ms.median",
          "message_ms.p99", "message_ms.most", "idle_cpu.median", "idle_cpu.most", "idle_switches.median",
          "idle_switches.most", "drops.ports")


@dataclasses.dataclass(frozen=True)
class Row:
    """One system in one case: medians of its runs. Of void runs only where there is no other; it says so."""
    case: str
    system: str
    runs: int
    void: bool
    failed: int
    values: dict


def value(line, path):
    """What is at a dotted path of a line."""
    for part in path.split("."):
        line = line.get(part) if isinstance(line, dict) else None
    return line


def programs(lines):
    """The newest state of this program in each case."""
    return {line["case"]: line["program"] for line in lines if line["system"] in OWN}


def summarise(lines):
    """Rows by (case, system). Of this program only its newest state in each case counts."""
    newest = programs(lines)
    kept = {}
    for line in lines:
        if line["system"] not in OWN or line["program"] == newest[line["case"]]:
            kept.setdefault((line["case"], line["system"]), []).append(line)
    return {key: row(*key, same) for key, same in kept.items()}


def row(case, system, lines):
    """Medians of the runs that count; a later run of the same number stands for an earlier one."""
    lines = list({line["repeat"]: line for line in lines}.values())
    good = [line for line in lines if line["ok"] and not line.get("void")]
    counted = good or [line for line in lines if line["ok"]]
    return Row(case, system, len(counted), bool(counted) and not good, sum(1 for line in lines if not line["ok"]),
               {field: figures.median([value(line, field) for line in counted]) for field in FIELDS})


def least(rows, case, systems, path):
    """The least value of some systems in a case, `None` where it is not known of all that were measured."""
    known = [rows[case, system].values[path] for system in systems if (case, system) in rows and not rows[case, system].void]
    known = [each for each in known if each is not None]
    return min(known, default=None)


def judge(rows, case, bar):
    """What was measured for a bar, and whether it is met: `None` where it was not measured."""
    own = rows.get((case.name, "handout"))
    if own is None or own.values.get(bar.value) is None:
        return None, False if own and own.failed else None
    measured = own.values[bar.value]
    if bar.against:
        measured = figures.ratio(measured, least(rows, bar.against[0] or case.name, bar.against[1], bar.value))
    if measured is None or own.void or busier(own, bar):
        return measured, None
    return measured, not own.failed and (measured < bar.limit if bar.below else measured <= bar.limit)


def busier(row, bar):
    """Whether the processors were the limit in the part of the runs that counts for a bar."""
    return bar.busy != "machine" and (row.values[bar.busy] or 0) > VOID


def bars(rows):
    """Every bar of every case, with what was measured."""
    return [(case, bar, *judge(rows, case, bar)) for case in cases.CASES for bar in case.bars]
