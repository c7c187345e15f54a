"""The file of results: one JSON line for each run, only ever added to; what is there is not run again."""
import json
import os

from .figures import rounded

# What changes with our commits.
OWN = ("handout", "simulator")
# What tells one run from another.
KEY = ("case", "system", "repeat")


class Results:
    """Lines of earlier runs and of this one."""

    def __init__(self, path):
        self.path, self.lines = path, []
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self.lines = [line for line in map(parse, file) if line]

    def has(self, line):
        """Whether a run with these properties is there, under the same conditions, and neither failed nor void.

        Other systems do not change with our commits; this program does, with those that touch it.
        """
        return any(same(each, line) for each in self.lines)

    def add(self, line):
        """Writes a line at once: an interruption loses none."""
        line = rounded(line, 4)
        self.lines.append(line)
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
        with open(self.path, "ab+") as file:
            if file.tell() and not ends_whole(file):
                file.write(b"\n")
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


def ends_whole(file):
    """Whether the last line of a file was written to its end."""
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def parse(text):
    """A line; `None` for one that an interruption cut."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and all(key in line for key in (*KEY, "program")) else None


def same(done, wanted):
    """Whether a line makes another run needless."""
    if not done.get("ok") or done.get("void"):
        return False
    keys = KEY + ("conditions",) + (("program",) if wanted["system"] in OWN else ())
    return all(done.get(key) == wanted.get(key) for key in keys)
