"""A session of the benchmark: which runs are to be made, in their order, and what is said about them."""
import json
import os
import pathlib
import time

from lab.lib import files
from lab.lib.case import remove

from . import cases, chunks, document, gate, runner, table, timeline
from .results import Results
from .room import QUEUE, Room
from .systems import ALL, lacks


def show():
    """Lists cases and systems."""
    for each in cases.CASES:
        print(f"{each.name:14} {each.what}; {', '.join(each.systems)}{'; quick' if each.quick else ''}")
    print(f"systems: {', '.join(ALL)}")
    return 0


def report(options):
    """Prints or writes down what is there."""
    lines = Results(options.results).lines
    if not lines:
        print(f"there is nothing in {options.results} yet")
        return 1
    if options.docs:
        timelines = sorted(pathlib.Path(options.results).parent.glob("timeline-*-handout.json"), key=os.path.getmtime)
        document.write(options.top, lines, QUEUE, runner.VOID, timelines[-1] if timelines else None)
    else:
        table.show(lines)
    return 0


def simulate(options):
    """Simulates what the curve of chunk sizes shows."""
    return chunks.run(options, Results(options.results), runner.machine(options.top))


def chosen(options):
    """The cases that were asked for."""
    if options.case:
        return [each for name in options.case for each in cases.named(name)]
    return [each for each in cases.CASES if each.quick or not options.quick]


def run(options, folder):
    """Makes all runs that are not there yet; returns the exit status."""
    results, machine = Results(options.results), runner.machine(options.top)
    if options.gate:
        return gate.run(options, folder, results, machine)
    failed = 0
    for repeat in range(1, options.repeat + 1):
        for case in chosen(options):
            failed += run_case(case, repeat, options, folder, results, machine)
    table.show(results.lines)
    return 1 if failed else 0


def wanted(case, options):
    """The systems of a case that are to be run."""
    systems = case.quick if options.quick and not options.case else case.systems
    return [name for name in systems if not options.only or name in options.only]


def about_case(case, repeat, machine):
    """What every line of a case says."""
    return {"case": case.name, "repeat": repeat, **machine,
            "conditions": {"students": case.students, "mbit": case.mbit, "bytes": case.size, "files": case.files,
                           "loss": case.loss, "slow": len(case.slow)}}


def run_case(case, repeat, options, folder, results, machine):
    """One case once, with all its systems on the same network; returns how many failed."""
    about = about_case(case, repeat, machine)
    todo = [name for name in wanted(case, options) if options.again or not results.has(about | {"system": name})]
    for name in [name for name in todo if lacks(ALL[name])]:
        print(f"{case.name:14} {repeat} {name:10} left out: {', '.join(lacks(ALL[name]))} is not here", flush=True)
        todo.remove(name)
    if not todo:
        print(f"{case.name:14} {repeat} nothing to do", flush=True)
        return 0
    room = Room("b", case.students, case.mbit, slow=dict(case.slow), loss=case.loss)
    about["run"], about["network"] = f"{int(time.time())}", room.conditions()
    unit, void, failed = None, False, 0
    try:
        for name in [*(["plain"] if case.size and case.mbit else []), *todo]:
            line, done = measure(case, name, repeat, room, folder, unit, options)
            # What is measured in a void unit is void too.
            line["void"] = line.get("void", False) or void
            results.add(about | {"system": name} | line)
            tell(results.lines[-1])
            failed += not line["ok"]
            if name == "plain":
                if not line["ok"]:
                    break
                unit, void = case.size / line["last"], line["void"]
            elif done.samples:
                timeline.tell(case, done, line, os.path.dirname(os.path.abspath(options.results)))
    finally:
        room.remove()
        remove(folder / "original")
    return failed


def measure(case, name, repeat, room, folder, unit, options):
    """One system once."""
    kind = ALL[name]
    size = kind.size if kind.size and case.mbit else case.size
    count = case.files if name == "handout" else 1
    original = folder / "original" / f"{size}-{count}"
    if not original.exists():
        original.parent.mkdir(exist_ok=True)
        make(original, size, count, repeat)
    return runner.measure(case, kind, room, folder / name, original, size, unit, options)


def make(path, size, count, seed):
    """Makes a file, or a folder of files, of so many bytes altogether."""
    if count == 1:
        return files.write(path, size, seed)
    path.mkdir()
    for number in range(count):
        files.write(path / f"file {number:05}.bin", size // count, seed=seed * count + number)
    return None


EXTRA = ("slow_ratio", "one_copy_out", "complete_before", "joiner_ratio", "message_ms", "idle_cpu", "idle_switches")


def tell(line):
    """Prints a run."""
    def shown(key, form):
        value = line.get(key)
        return form.format(value) if value is not None else ""
    print(f"{line['case']:14} {line['repeat']} {line['system']:10}", shown("ratio", "ratio {:.3f} "),
          shown("median", "median {:.2f} s "), shown("last", "last {:.2f} s "), shown("copies", "copies {:.2f} "),
          shown("cpu_s_per_gib", "CPU {:.1f} s/GiB "), shown("own", "own {:.0%} "), shown("machine", "of {:.0%} of the machine "),
          json.dumps({key: round(value, 1) for key, value in line.get("peak_mib", {}).items() if value}),
          *(f"{key} {line[key]}" for key in EXTRA if key in line),
          "VOID: the processors were the limit" if line.get("void") else "", flush=True)
    if not line["ok"]:
        print("    " + line["error"].replace("\n", "\n    "), flush=True)
