"""Multicast: what one sender reaches when the network lets every receiver listen. Without encryption and late-comers."""
import time

from .base import DONE, System, Waiting

# Seconds that a receiver waits for the sender before its run has failed.
PATIENCE = 120


class Multicast(Waiting):
    """The receivers are there first; the sender is started last, and its own start counts."""

    def ready(self, original):
        self.original = original
        self.listening()

    def listening(self):
        """Starts the receivers; returns once all of them listen."""
        self.arm()
        Waiting.share(self)
        self.bound()

    def bound(self):
        """Waits until every student's program has a socket that others can send to."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if all(self.sockets(number) for number in self.students):
                return
            time.sleep(0.05)
        raise TimeoutError("receivers did not get ready")

    def sockets(self, number):
        """Whether a student's computer has an open UDP socket."""
        with open(f"/proc/{self.roles[f's{number}'].process.pid}/net/udp", encoding="ascii") as lines:
            return len(lines.readlines()) > 1

    def sender(self):
        """Command of the teacher."""
        raise NotImplementedError

    def share(self):
        now = time.time()
        self.program(0, self.sender())
        return now


class Udpcast(Multicast):
    """udpcast at 0.96 of the rate, full duplex."""
    name = "udpcast"
    needs = ("udp-sender", "udp-receiver")

    def sender(self):
        pace = ["--max-bitrate", f"{int(0.96 * self.room.mbit * 1000)}k"] if self.room.mbit else []
        return ["udp-sender", "--file", self.original, "--interface", "eth0", "--nokbd", "--no-progress", "--ttl", "1",
                "--full-duplex", "--rexmit-hello-interval", "200", "--min-receivers", self.room.students, *pace]

    def student(self, number):
        return ["udp-receiver", "--file", self.place(number) / self.original.name, "--interface", "eth0", "--nokbd",
                "--no-progress", "--ttl", "1", "--start-timeout", PATIENCE]


class Uftp(Multicast):
    """UFTP at 0.97 of the rate, without its congestion control, blocks of 1,400 bytes."""
    name = "uftp"
    needs = ("uftp", "uftpd")

    def ready(self, original):
        self.original = original
        self.hook = self.folder / "done"
        # A hook has no standard output of its own.
        self.hook.write_text(f"#!/bin/sh\n{DONE} >/proc/$PPID/fd/1\n")
        self.hook.chmod(0o755)
        for number in self.students:
            self.program(number, self.student(number))
        self.bound()

    def sender(self):
        names = ",".join(f"0x{number:08X}" for number in self.students)
        return ["uftp", "-R", int(0.97 * (self.room.mbit or 1000) * 1000), "-b", "1400", "-I", "eth0", "-t", "1",
                "-r", "0.05:0.01:1.0", "-B", "4194304", "-H", names, self.original]

    def student(self, number):
        return ["uftpd", "-d", "-I", "eth0", "-D", self.place(number), "-U", f"0x{number:08X}", "-B", "4194304",
                "-s", self.hook]

    stop = System.stop
