"""The systems that are measured: this program, and what people would use instead."""
import shutil
import subprocess

from .handout import Handout
from .multicast import Udpcast, Uftp
from .plain import Plain
from .star import Star
from .torrent import SYSTEM_PYTHON, Aria2, Libtorrent

ALL = {kind.name: kind for kind in (Plain, Handout, Libtorrent, Aria2, Udpcast, Uftp, Star)}
PEERS = tuple(name for name in ALL if name not in ("plain", "handout"))


def lacks(kind):
    """What of a system is not on this machine."""
    return [need for need in kind.needs if not (importable(need) if need == "libtorrent" else shutil.which(need))]


def importable(module):
    """Whether the system's Python has a module."""
    return subprocess.run([SYSTEM_PYTHON, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0
