"""The keyboard and the windows as the X server knows them (xdotool)."""

import subprocess


def family(pid):
    """A process and its children, for programs started through a wrapper."""
    out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [pid, *(int(line) for line in out.split())]


def window(pid):
    """The newest visible window of a process, or None."""
    for one in family(pid):
        found = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--pid", str(one)], capture_output=True, text=True, check=False
        ).stdout.split()
        if found:
            return found[-1]
    return None


def activate(pid):
    """Brings the window of a process to the front, with the keyboard."""
    shown = window(pid)
    if shown is None:
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


def do(*words):
    """One xdotool command; gives what it prints."""
    done = subprocess.run(["xdotool", *words], capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        raise RuntimeError(f"xdotool {' '.join(words)}: {done.stderr.strip() or 'failed'}")
    return done.stdout.strip()
