"""A session of the benchmark: which runs are to be made, in their order, and what is said about them."""
import json
import os
import time

from lab.lib import files
from lab.lib.case import remove

from . import cases, runner, timeline
from .results import Results
from .room import Room
from .systems import ALL, lacks


def show():
    """Lists cases and systems."""
    for each in cases.CASES:
        print(f"{each.name:16} {each.what}; {', '.join(each.systems)}{'; quick' if each.quick else ''}")
    print(f"systems: {', '.join(ALL)}")
    return 0


def chosen(options):
    """The cases that were asked for."""
    if options.case:
        return [each for name in options.case for each in cases.named(name)]
    return [each for each in cases.CASES if each.quick or not options.quick]


def run(options, folder):
    """Makes all runs that are not there yet; returns the exit status."""
    results, machine = Results(options.results), runner.machine(options.top)
    failed = 0
    for repeat in range(1, options.repeat + 1):
        for case in chosen(options):
            failed += run_case(case, repeat, options, folder, results, machine)
    return 1 if failed else 0


def run_case(case, repeat, options, folder, results, machine):
    """One case once, with all its systems on the same network; returns how many failed."""
    systems = [name for name in case.systems if not options.only or name in options.only]
    about = {"case": case.name, "repeat": repeat, **machine,
             "conditions": {"students": case.students, "mbit": case.mbit, "bytes": case.size, "loss": case.loss,
                            "slow": len(case.slow)}}
    todo = [name for name in systems if options.again or not results.has(about | {"system": name})]
    for name in [name for name in todo if lacks(ALL[name])]:
        print(f"{case.name:16} {repeat} {name:10} left out: {', '.join(lacks(ALL[name]))} is not here", flush=True)
        todo.remove(name)
    if not todo:
        print(f"{case.name:16} {repeat} nothing to do", flush=True)
        return 0
    room = Room("b", case.students, case.mbit, slow=dict(case.slow), loss=case.loss)
    unit, failed, together = None, 0, f"{int(time.time())}"
    try:
        for name in ["plain", *todo]:
            size = ALL[name].size or case.size
            original = folder / "original" / f"{size}.bin"
            if not original.exists():
                original.parent.mkdir(exist_ok=True)
                files.write(original, size, seed=repeat)
            line, done = runner.measure(case, ALL[name], room, folder / name, original, size, unit, options)
            line = about | {"system": name, "run": together, "network": room.conditions()} | line
            results.add(line)
            tell(line)
            failed += not line["ok"]
            if name == "plain":
                if not line["ok"]:
                    break
                unit = case.size / line["last"]
            elif done.samples:
                timeline.tell(case, done, line, os.path.dirname(os.path.abspath(options.results)))
    finally:
        room.remove()
        remove(folder / "original")
    return failed


def tell(line):
    """Prints a run."""
    def shown(key, form):
        value = line.get(key)
        return form.format(value) if value is not None else ""
    print(f"{line['case']:16} {line['repeat']} {line['system']:10}", shown("ratio", "ratio {:.3f} "),
          shown("median", "median {:.2f} s "), shown("last", "last {:.2f} s "), shown("copies", "copies {:.2f} "),
          shown("cpu_s_per_gib", "CPU {:.1f} s/GiB "), shown("machine", "machine {:.0%} "),
          json.dumps({key: round(value, 1) for key, value in line.get("peak_mib", {}).items() if value}),
          "VOID: the processors were the limit" if line.get("void") else "", flush=True)
    if not line["ok"]:
        print("    " + line["error"].replace("\n", "\n    "), flush=True)
