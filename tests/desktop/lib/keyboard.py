"""The keyboard and the windows as the X server knows them (xdotool)."""

import subprocess
import time

# Windows of sandboxed programs, whose processes have other numbers inside: the class of the window by the number outside.
classes = {}


def family(pid):
    """A process and its children, for programs started through a wrapper."""
    out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [pid, *(int(line) for line in out.split())]


def window(pid):
    """The newest visible window of a process, or None."""
    if pid in classes:
        return newest("--class", classes[pid])
    shown = (newest("--pid", str(one)) for one in family(pid))
    return next(filter(None, shown), None)


def newest(*wanted):
    """The newest visible window of what is wanted, or None."""
    words = ["xdotool", "search", "--onlyvisible", *wanted]
    found = subprocess.run(words, capture_output=True, text=True, check=False).stdout.split()
    return found[-1] if found else None


def titled(pid, title):
    """The visible window of that title of a process, or of a child of it, or None."""
    for one in family(pid):
        words = ["xdotool", "search", "--onlyvisible", "--pid", str(one)]
        for found in subprocess.run(words, capture_output=True, text=True, check=False).stdout.split():
            named = subprocess.run(["xdotool", "getwindowname", found], capture_output=True, text=True, check=False)
            if named.stdout.strip() == title:
                return found
    return None


def activate(pid):
    """Brings the window of a process to the front, with the keyboard."""
    shown = None
    # What is in the accessible tree already may not be on the screen yet.
    for _ in range(100):
        shown = window(pid)
        if shown is not None:
            break
        time.sleep(0.1)
    else:
        raise RuntimeError(f"process {pid} has no window to bring to the front")
    if do("getwindowfocus") != shown:
        do("windowactivate", "--sync", shown)


def keys(*names):
    """Presses keys: keys("ctrl+o"), keys("Tab", "Return")."""
    do("key", "--clearmodifiers", *names)


def write(text):
    """Types text."""
    do("type", "--clearmodifiers", text)


def resize(pid, wide, high):
    """Gives the window of a process that size in pixels, as far as the window allows."""
    do("windowsize", window(pid), str(wide), str(high))


def size(shown):
    """How wide and high a window is, in pixels."""
    lines = do("getwindowgeometry", "--shell", shown).splitlines()
    at = dict(line.split("=") for line in lines)
    return int(at["WIDTH"]), int(at["HEIGHT"])


def drag(pid, to):
    """Drags with the mouse from the middle of one process's window to the middle of another's."""
    for one, place in ((to, ("300", "100")), (pid, ("10", "300"))):
        activate(one)
        do("windowmove", window(one), *place)
    start, end = middle(window(pid)), middle(window(to))
    do("mousemove", *start)
    do("mousedown", "1")
    # A drag begins after some way, and the windows on the way want to be entered.
    for part in range(1, 21):
        do("mousemove", *(str(int(a) + (int(b) - int(a)) * part // 20) for a, b in zip(start, end, strict=True)))
        time.sleep(0.03)
    time.sleep(0.3)
    do("mouseup", "1")


def middle(shown):
    """The middle of a window on the screen."""
    lines = do("getwindowgeometry", "--shell", shown).splitlines()
    at = {key: int(value) for key, _, value in (line.partition("=") for line in lines)}
    return str(at["X"] + at["WIDTH"] // 2), str(at["Y"] + at["HEIGHT"] // 2)


def do(*words):
    """One xdotool command; gives what it prints."""
    done = subprocess.run(["xdotool", *words], capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        raise RuntimeError(f"xdotool {' '.join(words)}: {done.stderr.strip() or 'failed'}")
    return done.stdout.strip()
