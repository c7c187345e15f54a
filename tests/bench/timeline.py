"""What happened in one run, every quarter of a second: links, drops, and what students had verified."""
import json
import os
import statistics


def rates(samples):
    """Mbit/s sent and received by each computer, and drops at its port, between one sample and the next."""
    for (before, old, lost), (now, new, more) in zip(samples, samples[1:]):
        seconds = now - before
        yield (now, [(b[0] - a[0]) * 8e-6 / seconds for a, b in zip(old, new)],
               [(b[1] - a[1]) * 8e-6 / seconds for a, b in zip(old, new)], [b - a for a, b in zip(lost, more)])


def verified(program, item, until):
    """Bytes that a student had verified at a time, in milliseconds since 1970, by its own word."""
    return max((line["bytes"] for line in program.all("item", item=item) if line["t"] <= until), default=0)


def rows(run):
    """One object for each sample."""
    system, start = run.system, run.started
    students = [system.roles[f"s{number}"] for number in system.students] if getattr(system, "item", None) else []
    for now, sent, received, lost in rates(run.samples):
        row = {"t": now - start, "teacher_sent": sent[0], "students_sent": sum(sent[1:]), "sent": sent, "received": received,
               "drops": lost}
        if students:
            row["verified"] = [verified(program, system.item, now * 1000) / run.size for program in students]
        yield row


def shape(values):
    """Least, middle and most."""
    return f"{min(values):5.1f} {statistics.median(values):5.1f} {max(values):5.1f}"


def tell(case, run, line, folder):
    """Prints it, and writes it whole beside the results."""
    found = list(rows(run))
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"timeline-{case.name}-{run.system.name}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"case": case.name, "system": run.system.name, "plain_s": line.get("plain_s"), "mbit": case.mbit,
                   "times": line.get("times"), "rows": found}, file)
    print("\n       s   teacher  students out (Mbit/s)  students in (Mbit/s)   dropped   verified %"
          "\n              out    min   mid   max          min   mid   max      at ports  min   mid   max")
    for row in found:
        done = shape([100 * share for share in row["verified"]]) if "verified" in row else ""
        print(f"  {row['t']:6.2f}  {row['teacher_sent']:7.1f}  {shape(row['sent'][1:])}      {shape(row['received'][1:])}"
              f"  {sum(row['drops']):8}    {done}")
    (first, sent, lost), (last, sent_after, lost_after) = run.samples[0], run.samples[-1]
    print("\n  computer   sent/F  received/F  dropped at its port  done (s)")
    for number, (before, after) in enumerate(zip(sent, sent_after)):
        done = line.get("times", {}).get(str(number))
        print(f"  {'teacher' if number == 0 else number:>8}  {(after[0] - before[0]) / run.size:7.3f}  "
              f"{(after[1] - before[1]) / run.size:10.3f}  {lost_after[number] - lost[number]:19}  {'' if done is None else f'{done:.2f}'}")
    print(f"  over {last - first:.1f} s; all of it in {path}\n", flush=True)
