"""What else may happen while something is handed out. Each takes a run and fills in its line."""
import os
import time

from lab.lib.program import Failed

from . import figures

# Messages a second, and how many: below the limit of a student, for comparison's sake.
PACE, MESSAGES = 5, 100
# Seconds of a session in which nothing happens, and before that: announcements become rare, everyone has met.
IDLE, SETTLE = 60, 10
JOINER_AT = 0.9


def slow(run):
    """Some students' links are slow; the others must not wait for them."""
    run.begin()
    run.share()
    numbers = list(run.system.students)
    normal = [number for number in numbers if number not in run.room.slow]
    times = run.system.finish(normal, run.patience())
    # The slow ones take ten times as long, and leave the machine nearly idle.
    until_then = run.busy.share()
    times |= run.system.finish([number for number in numbers if number not in normal], run.patience())
    run.end(class_machine=until_then)
    run.times(numbers, times)
    run.costs(len(numbers))
    own = {number: run.line["plain_s"] * run.room.mbit / rate for number, rate in run.room.slow.items()}
    last = max(run.line["times"][str(number)] for number in normal)
    run.line |= {"last": last, "ratio": figures.ratio(last, run.line["plain_s"]),
                 "slow_ratio": max(run.line["times"][str(number)] / best for number, best in own.items())}


def deaths(run):
    """At half of one copy's time five students' programs are killed and their links cut."""
    numbers = list(run.system.students)
    dying = numbers[2::len(numbers) // 5][:5]
    run.begin()
    start = run.share()
    time.sleep(max(0, start + 0.5 * run.size / run.unit - time.time()))
    for number in dying:
        if run.system.roles[f"s{number}"].has("item", progress__progress="saved"):
            raise Failed(f"student {number} had everything before half of the time")
        run.system.roles[f"s{number}"].kill()
        run.room.hosts[number].cut()
    alive = [number for number in numbers if number not in dying]
    times = run.system.finish(alive, run.patience())
    run.end()
    run.times(alive, times)
    run.costs(len(alive))


def teacher_dies(run):
    """The teacher's program is killed and its link cut once it says that one copy is out."""
    run.begin()
    start = run.share()
    teacher = run.system.teacher
    run.system.item = teacher.wait("shared", timeout=60)["item"]
    out = teacher.wait("one-copy-out", timeout=run.patience())
    teacher.kill()
    run.room.hosts[0].cut()
    numbers = list(run.system.students)
    before = sum(1 for number in numbers if run.system.roles[f"s{number}"].has("item", progress__progress="saved"))
    times = run.system.finish(numbers, run.patience())
    run.end(one_copy_out=out["t"] / 1000 - start, complete_before=before)
    run.times(numbers, times)
    run.costs(len(numbers))


def joiner(run):
    """The last student joins when the others have nine tenths; its time runs from its program's start."""
    numbers = list(run.system.students)
    late, others = numbers[-1], numbers[:-1]
    run.begin()
    run.share()
    run.system.item = run.system.teacher.wait("shared", timeout=60)["item"]
    run.system.lab.wait(lambda: figures.median([progress(run, number) for number in others]) >= JOINER_AT, run.patience(),
                        f"{JOINER_AT:.0%} at half of the students")
    student = run.system.join(late)
    times = run.system.finish(numbers, run.patience())
    run.end()
    run.times(numbers, times)
    run.line["last"] = max(run.line["times"][str(number)] for number in others)
    run.costs(len(numbers))
    run.line["joiner_s"] = times[late] - student.started
    run.line["joiner_ratio"] = run.line["joiner_s"] / run.line["plain_s"]


def progress(run, number):
    """Share of the bytes that a student had verified, by its last word."""
    lines = run.system.roles[f"s{number}"].lines
    last = next((line for line in reversed(lines) if line.get("event") == "item"), None)
    return last["bytes"] / run.size if last else 0.0


def messages(run):
    """The teacher writes while something is handed out (or nothing, where the case has no size)."""
    numbers = list(run.system.students)
    run.begin()
    start = run.share() if run.size else time.time()
    typed = {}
    for number in range(MESSAGES):
        time.sleep(max(0, start + 1 + number / PACE - time.time()))
        text = f"message {number}"
        typed[text] = time.time()
        run.system.teacher.type(text)
    during = True
    if run.size:  # all of them were written before anyone had everything
        during = not any(run.system.roles[f"s{number}"].has("item", progress__progress="saved") for number in numbers)
    students = [run.system.roles[f"s{number}"] for number in numbers]
    run.system.lab.told(students, f"message {MESSAGES - 1}", timeout=30)
    run.end()
    shown = everywhere(typed, students)
    run.line |= {"message_ms": {"median": figures.median(shown), "p99": figures.percentile(shown, 0.99), "most": max(shown)},
                 "messages": len(shown), "median": None, "last": None}
    if not during:
        raise Failed("somebody had everything before the last message: hand out more")


def everywhere(typed, students):
    """Milliseconds until each message was shown at every student's."""
    shown = []
    seen = [{line["content"].get("text"): line["t"] for line in student.all("posted")} for student in students]
    for text, at in typed.items():
        lacking = [student.name for student, texts in zip(students, seen) if text not in texts]
        if lacking:
            raise Failed(f"{text!r} was never shown at {lacking[:5]}")
        shown.append(max(texts[text] for texts in seen) - at * 1000)
    return shown


def idle(run):
    """Nobody does anything for a minute."""
    time.sleep(SETTLE)
    processes = run.system.processes()
    run.begin()
    before, at = {name: usage(process) for name, process in processes.items()}, time.monotonic()
    time.sleep(IDLE)
    after, seconds = {name: usage(process) for name, process in processes.items()}, time.monotonic() - at
    run.end()
    cpu = [(after[name][0] - before[name][0]) / seconds for name in processes]
    switches = [(after[name][1] - before[name][1]) / seconds for name in processes]
    run.line |= {"idle_cpu": {"median": figures.median(cpu), "most": max(cpu)},
                 "idle_switches": {"median": figures.median(switches), "most": max(switches)}}


def usage(process):
    """CPU seconds and voluntary context switches of a process so far, over all its threads."""
    seconds = switches = 0
    for thread in os.listdir(f"/proc/{process}/task"):
        with open(f"/proc/{process}/task/{thread}/schedstat", encoding="ascii") as line:
            seconds += int(line.read().split()[0]) / 1e9
        with open(f"/proc/{process}/task/{thread}/status", encoding="ascii", errors="replace") as lines:
            switches += next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
    return seconds, switches
