"""docs/BENCHMARKS.md, its figures and its curves, from the lines of the results. Nothing in there is written by hand."""
import json

from . import cases, chunks, figures, summary, svg, table

HEADER = """# Benchmarks

Written by `build-aux/bench --docs` from the lines in `docs/benchmarks.json`: change nothing here by hand.

Computers are network namespaces at one switch, every cable shaped in both directions (token bucket, 8 ms of burst; the switch keeps
{queue} KiB for each port). Files are in memory. Time runs from the share command, with everyone already in the session, to a student's
last verified byte under its final name; every copy is compared afterwards. **F/u_s**, the bound of every scheme on equal links, is the
time of one plain TCP copy over the same shaped link in the same run: a ratio of 1 cannot be beaten. CPU seconds are those of all of a
system's programs, by control group; peak memory is the largest single program's, files it has mapped into memory included. Copies are
the bytes that left the teacher's cable, over the file's. Figures are medians of as many runs as the tables say.

The other systems run at the best settings that were found: `tests/bench/systems` has them. None of them encrypts. Their times include
their own start. On shaped links nginx hands out 4 MiB whatever the case's size: a star takes N times as long at any.

A run in which more than {void:.0%} of the machine's processors were busy (work of lower priority not counted) says nothing about the
network. Where there is no other run, its figures stand here with a {mark} and no bar counts as measured. Where a bar is about a part of
the run, as about the class beside slow students, that part counts.
"""
REPEAT = """## Repeat it

```sh
build-aux/bench --quick                # a few cases, each once: at most 15 minutes
build-aux/bench --list                 # all cases and systems
build-aux/bench                        # everything, three times: hours; go on at any time with the same command
build-aux/bench --case five-die        # one case
build-aux/bench --case equal-24-32 --only handout --timeline --again
build-aux/bench --chunks               # the simulated curve
build-aux/bench --report               # the tables of what is there
build-aux/bench --docs                 # writes this page
```

Nothing else should run on the machine meanwhile. Lines are added to `artefacts/bench/results.jsonl`, one for each run, with the
commit and the conditions; what is there, neither failed nor void, is not run again (this program is, when its commit has changed).
`tests/bench/README.md` tells how a run is made.
"""


def conditions(lines):
    """One sentence about the machine."""
    own = [line for line in lines if line["system"] == "handout"]
    if not own:
        return ""
    return (f"Measured on {own[-1]['cores']} cores, Linux {own[-1]['kernel']}, TCP with {own[-1]['network']['congestion']}. Each case says "
            f"which state of Handout it measured.\n")


def page(lines, queue, void, pictures):
    """The text of the page."""
    rows, programs = summary.summarise(lines), summary.programs(lines)
    parts = [HEADER.format(queue=queue, void=void, mark=table.VOID), conditions(lines), "## What must be reached\n",
             table.markdown(("case", "what", "bar", "measured", "met"), table.of_bars(rows), words=2), "\n## Beside other systems"]
    for case in cases.CASES:
        body = table.of_case(rows, case.name)
        if body and case.size and not case.name.startswith("curve"):
            parts.append(f"\n### {case.what[:1].upper()}{case.what[1:]}\n\n"
                         + (f"{case.mbit:g} Mbit/s. " if case.mbit else "") + f"`--case {case.name}`, Handout at `{programs.get(case.name, '–')}`\n\n"
                         + table.markdown(table.HEAD, body))
    if pictures:
        parts.append("\n## Curves\n\n" + "\n\n".join(f"![{title}](images/{name})" for name, title in pictures))
    parts.append("\nThe size of a chunk follows from the total and the number of students (`layout::chunk_size`) and cannot be chosen: its curve is\n"
                 "simulated.\n")
    parts.append(REPEAT)
    return "\n".join(parts)


def curves(rows):
    """Time against N at one rate, as ratio to one copy; a star's is N."""
    series = []
    for system in ("handout", "libtorrent"):
        points = [(case.students, rows[case.name, system].values["ratio"]) for case in cases.CASES
                  if case.name.startswith("curve") and (case.name, system) in rows and rows[case.name, system].values["ratio"]]
        if len(points) > 1:
            series.append(svg.Series(table.TITLES[system], points))
    if not series:
        return None
    students = [x for x, _ in series[0].points]
    top = max(y for each in series for _, y in each.points)
    star = [(x, float(x)) for x in students if x <= top * 1.2]
    series += [svg.Series("a star", star)] if len(star) > 1 else []
    series.append(svg.Series("the bound", [(students[0], 1.0), (students[-1], 1.0)], markers=False))
    said = "; ".join(f"{each.name}: " + ", ".join(f"{x:g} students {y:.2f}" for x, y in each.points) for each in series)
    return svg.chart("Time to the last student", f"Time over one copy's time against the number of students. {said}.",
                     "students, 16 MiB at 8 Mbit/s", "time over one copy's time", series)


def timeline(path):
    """What happened in one run."""
    with open(path, encoding="utf-8") as file:
        run = json.load(file)
    rows = [row for row in run["rows"] if row["t"] >= 0]
    share = [("the teacher sends", [row["teacher_sent"] / run["mbit"] for row in rows]),
             ("a student receives", [figures.median(row["received"][1:]) / run["mbit"] for row in rows]),
             ("verified, first", [max(row["verified"]) for row in rows]), ("verified, median", [figures.median(row["verified"]) for row in rows]),
             ("verified, last", [min(row["verified"]) for row in rows])]
    series = [svg.Series(name, [(row["t"], min(value, 1.2)) for row, value in zip(rows, values)], markers=False) for name, values in share]
    last = max(run["times"].values(), default=0) if run["times"] else 0
    return svg.chart(f"One run: {next(case.what for case in cases.named(run['case']))}",
                     f"Share of the link's rate that the teacher sends and the median student receives, and share of the file that students "
                     f"had verified, against time. One plain copy takes {run['plain_s']:.1f} s; the last student was done after {last:.1f} s.",
                     "seconds since the share command", "share of the link, share of the file", series)


def write(top, lines, queue, void, timeline_of):
    """Writes page, figures and pictures."""
    pictures, images = [], top / "docs" / "images"
    images.mkdir(exist_ok=True)
    drawn = curves(summary.summarise(lines))
    if drawn:
        (images / "bench-students.svg").write_text(drawn, encoding="utf-8")
        pictures.append(("bench-students.svg", "Time to the last student against the number of students"))
    drawn = chunks.curve(summary.summarise(lines))
    if drawn:
        (images / "bench-chunks.svg").write_text(drawn, encoding="utf-8")
        pictures.append(("bench-chunks.svg", "Simulated time over the bound against the size of a chunk"))
    if timeline_of:
        (images / "bench-timeline.svg").write_text(timeline(timeline_of), encoding="utf-8")
    # Where no run was drawn, the picture of an earlier one stays.
    if (images / "bench-timeline.svg").exists():
        pictures.append(("bench-timeline.svg", "One run: rates and verified bytes against time"))
    (top / "docs" / "BENCHMARKS.md").write_text(page(lines, queue, void, pictures), encoding="utf-8")
    kept = [{key: each for key, each in line.items() if key not in ("error", "times")} for line in lines]
    text = "[\n" + ",\n".join(json.dumps(line, ensure_ascii=False) for line in kept) + "\n]\n"
    (top / "docs" / "benchmarks.json").write_text(text, encoding="utf-8")
