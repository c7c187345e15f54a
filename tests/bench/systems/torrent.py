"""BitTorrent swarms, with the best settings that were found for one seed on a local network."""
import json
import pathlib
import sys

from ..room import address
from .base import DONE, System, Waiting

INSIDE = pathlib.Path(__file__).resolve().parent.parent / "inside"
TRACKER = 6969
# The interpreter that the system's packages of Python modules are for.
SYSTEM_PYTHON = "/usr/bin/python3"


class Swarm(System):
    """A .torrent file and a small tracker at the teacher's."""
    # Pieces in KiB: where links are shaped, and for one big file on a link without bound.
    pieces = (0, 0)

    def torrent(self, original):
        """Makes the .torrent file and starts the tracker; returns the file."""
        self.original = original
        path = self.folder / "shared.torrent"
        self.room.hosts[0].run(sys.executable, "-S", str(INSIDE / "torrent.py"), "make", str(original), str(path),
                               str(self.pieces[not self.room.mbit] << 10), f"http://{address(0)}:{TRACKER}/announce")
        self.program(0, [sys.executable, "-S", INSIDE / "torrent.py", "track", TRACKER], role="tracker")
        self.roles["tracker"].wait("ready")
        return path


class Libtorrent(Swarm):
    """libtorrent: the exemption of local networks off, 3 slots for the seed and 8 for students, pieces of 64 KiB, a request
    queue of 16, no super-seeding; every student knows all others at once. One to one: pieces of 1 MiB, its own queue."""
    name = "libtorrent"
    needs = (SYSTEM_PYTHON, "libtorrent")
    pieces = (64, 1024)
    requests = (16, 500)

    def ready(self, original):
        torrent = self.torrent(original)
        for number in (0, *self.students):
            others = [address(other) for other in range(self.room.students + 1) if other != number]
            settings = {"torrent": str(torrent), "folder": str(original.parent if number == 0 else self.place(number)),
                        "seed": number == 0, "own": address(number), "others": others, "teacher": address(0), "requests": self.requests[not self.room.mbit]}
            path = self.place(number) / "settings.json"
            path.write_text(json.dumps(settings))
            self.program(number, [SYSTEM_PYTHON, INSIDE / "peer.py", path])
        for number in (0, *self.students):
            self.roles["teacher" if number == 0 else f"s{number}"].wait("armed", timeout=60)

    share = Waiting.share


class Aria2(Swarm, Waiting):
    """aria2: tracker, local peer discovery and peer exchange, pieces of 256 KiB, as many peers as there are."""
    name = "aria2"
    needs = ("aria2c",)
    pieces = (256, 1024)

    def ready(self, original):
        torrent = self.torrent(original)
        self.program(0, self.command(torrent, original.parent, "--bt-seed-unverified=true"))
        hook = self.folder / "done"
        hook.write_text(f"#!/bin/sh\n{DONE}\n")
        hook.chmod(0o755)
        self.torrent_file, self.hook = torrent, hook
        self.arm()

    def student(self, number):
        return self.command(self.torrent_file, self.place(number), f"--on-bt-download-complete={self.hook}")

    def arm(self):
        for number in self.students:
            self.waiting(number, self.student(number), when_done=":")
        for number in self.students:
            self.roles[f"s{number}"].wait("armed")

    def command(self, torrent, folder, *more):
        """One client."""
        return ["aria2c", "--no-conf", "--enable-dht=false", "--enable-dht6=false", "--disable-ipv6", "--bt-max-peers=0",
                "--enable-peer-exchange=true", "--bt-enable-lpd=true", "--bt-request-peer-speed-limit=50K",
                "--bt-tracker-interval=5", "--max-overall-upload-limit=0", "--seed-ratio=0.0", "--file-allocation=none",
                "--listen-port=6881", "--summary-interval=0", "--console-log-level=warn", "--show-console-readout=false",
                f"--dir={folder}", *more, torrent]
