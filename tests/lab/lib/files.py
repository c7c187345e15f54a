"""Files that are handed out, and the comparison of copies."""
import hashlib
import os
import pathlib

BLOCK = 1 << 20


def write(path, size, seed=1):
    """Writes bytes that do not repeat and are the same for the same seed."""
    with open(path, "wb") as file:
        number = 0
        while size > 0:
            block = hashlib.shake_128(f"{seed} {number}".encode()).digest(min(BLOCK, size))
            file.write(block)
            size -= len(block)
            number += 1


def digest(path):
    """Hash of a file's bytes."""
    total = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            total.update(block)
    return total.digest()


def equal(one, other):
    """Whether two files have the same bytes."""
    if os.path.getsize(one) != os.path.getsize(other):
        return False
    with open(one, "rb") as left, open(other, "rb") as right:
        while block := left.read(BLOCK):
            if block != right.read(BLOCK):
                return False
    return True


def below(folder):
    """Paths of all files below a folder."""
    for path, _, names in os.walk(os.fsencode(folder)):
        for name in names:
            yield os.path.join(path, name)


def visible(folder):
    """Paths of the files below a folder that a person would see."""
    start = os.fsencode(folder)
    for path in below(start):
        if not any(part.startswith(b".") for part in os.path.relpath(path, start).split(b"/")):
            yield path


def difference(original, copy):
    """How a copy of a file or folder differs from the original, in words; empty if it does not.

    Names are not compared: a receiver makes some of them safe.
    """
    original, copy = pathlib.Path(original), pathlib.Path(copy)
    if not copy.exists():
        return f"{copy} is not there"
    if original.is_dir() != copy.is_dir():
        return f"{copy} is of another kind than {original}"
    if not original.is_dir():
        return "" if equal(original, copy) else f"{copy} differs from {original}"
    wanted, got = (sorted(digest(path) for path in below(folder)) for folder in (original, copy))
    if wanted == got:
        return ""
    lost = len([each for each in wanted if each not in got])
    return f"{copy} has {len(got)} files, {original} has {len(wanted)}; {lost} are missing or differ"
