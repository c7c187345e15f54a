"""A room: a teacher's computer and some students' at one switch, every cable shaped in both directions."""
import ctypes
import json
import os
import threading
import time

from lab.lib.net import Net, run

SUBNET, BITS = "10.60.0.0", 24
BROADCAST = "10.60.0.255"
# What the switch keeps for one port, in KiB.
QUEUE = 128
# What may leave at once: 8 ms of the rate, in seconds. Less, and late timers cost rate; more, and it is no longer smooth.
BURST = 0.008
# A burst holds at least one packet of `PACKET` bytes, which TCP hands over as one: a few frames.
PACKET, SMALLEST_BURST = 12_000, 16_384
CONGESTION = "cubic"
CLONE_NEWNET = 0x40000000


def address(number):
    """IPv4 address of a computer; 0 is the teacher's."""
    return f"10.60.0.{number + 1}"


def hardware(number):
    """Hardware address of a computer."""
    return f"02:00:00:00:00:{number + 1:02x}"


def burst(mbit):
    """What may leave at once at a rate, in bytes."""
    return max(SMALLEST_BURST, int(mbit * 1e6 / 8 * BURST))


class Room:
    """Teacher (computer 0) and students (1 to N). `mbit` is each cable's rate in both directions, 0 for no shaping;
    `slow` gives some students another one. `loss` is the share of frames that each computer loses of what comes in."""

    def __init__(self, name, students, mbit, slow=None, loss=0.0):
        self.students, self.mbit, self.slow, self.loss = students, mbit, slow or {}, loss
        self.net = Net(name)
        try:
            _, self.hosts = self.net.classroom(["t", *(f"s{number}" for number in range(1, students + 1))],
                                               subnet=f"{SUBNET}/{BITS}")
            for number, host in enumerate(self.hosts):
                self._set_up(number, host)
            self._shape_ports()
        except BaseException:
            self.net.remove()
            raise

    def rate(self, number):
        """Mbit/s of a computer's cable."""
        return self.slow.get(number, self.mbit)

    def _set_up(self, number, host):
        lines = [f"link set dev eth0 address {hardware(number)}"]
        if self.loss:  # frames are lost, not packets of several
            lines.append("link set dev eth0 gso_max_segs 1 gso_max_size 1600")
        elif self.mbit:
            lines.append(f"link set dev eth0 gso_max_size {PACKET}")
        # The congestion control that nearly every Linux has by default, whatever this machine's is.
        lines += [f"route replace {SUBNET}/{BITS} dev eth0 proto kernel scope link src {address(number)} congctl {CONGESTION}",
                  "route add 224.0.0.0/4 dev eth0", "route add 255.255.255.255/32 dev eth0"]
        # N² neighbours are more than the kernel keeps for a whole machine; those that are set count not.
        lines += [f"neigh replace {address(other)} lladdr {hardware(other)} nud permanent dev eth0"
                  for other in range(self.students + 1) if other != number]
        host.ip(*lines)
        if self.mbit:
            host.run("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", f"{self.rate(number)}mbit",
                     "burst", str(burst(self.rate(number))), "limit", "4m")
        if self.loss:
            host.firewall("table netdev room {\n chain in {\n  type filter hook ingress device eth0 priority 0;\n"
                          f"  numgen random mod 100000 < {round(self.loss * 100_000)} drop\n }}\n}}\n")

    def _shape_ports(self):
        if self.mbit:
            run("tc", "-n", self.net.space, "-batch", "-", text="".join(
                f"qdisc add dev {host.cables[0]} root tbf rate {self.rate(number)}mbit burst {burst(self.rate(number))} "
                f"limit {QUEUE}k\n" for number, host in enumerate(self.hosts)))

    def conditions(self):
        """What a figure depends on, for its line in the results."""
        told = {"students": self.students, "mbit": self.mbit, "queue_kib": QUEUE if self.mbit else None,
                "loss": self.loss, "congestion": CONGESTION}
        return told | ({"slow": {str(number): rate for number, rate in self.slow.items()}} if self.slow else {})

    def traffic(self):
        """Bytes that each computer has sent and received so far, as the switch sees them."""
        shown = json.loads(run("ip", "-n", self.net.space, "-s", "-j", "link", "show"))
        ports = {link["ifname"]: link["stats64"] for link in shown}
        return [(ports[host.cables[0]]["rx"]["bytes"], ports[host.cables[0]]["tx"]["bytes"]) for host in self.hosts]

    def drops(self):
        """Packets dropped so far: at each switch port, and at each computer's own queue."""
        if not self.mbit:
            return [0] * len(self.hosts), [0] * len(self.hosts)
        own = [sum(queue.get("drops", 0) for queue in json.loads(host.run("tc", "-s", "-j", "qdisc", "show", "dev", "eth0")))
               for host in self.hosts]
        return self.port_drops(), own

    def port_drops(self):
        """Packets dropped so far at each switch port."""
        if not self.mbit:
            return [0] * len(self.hosts)
        shown = json.loads(run("tc", "-n", self.net.space, "-s", "-j", "qdisc", "show"))
        ports = {queue["dev"]: queue.get("drops", 0) for queue in shown if queue.get("root")}
        return [ports.get(host.cables[0], 0) for host in self.hosts]

    def remove(self):
        """Removes everything."""
        self.net.remove()


class Meter(threading.Thread):
    """Reads what each computer has sent and received, and what its port dropped, all `interval` seconds."""

    def __init__(self, room, interval=0.25):
        super().__init__(daemon=True)
        self.room, self.interval = room, interval
        self.samples, self.wrong = [], None
        self.over = threading.Event()

    def run(self):
        try:
            self._enter()
            due = time.time()
            while True:
                self.samples.append((time.time(), self._traffic(), self.room.port_drops()))
                due += self.interval
                if self.over.wait(max(0, due - time.time())):
                    break
        except Exception as error:  # told by `stop`, on the thread that asks
            self.wrong = error

    def _enter(self):
        """Moves this thread, and no other, to where the switch is."""
        libc = ctypes.CDLL(None, use_errno=True)
        space = os.open(f"/run/netns/{self.room.net.space}", os.O_RDONLY)
        try:
            if libc.setns(space, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "cannot look at the switch")
        finally:
            os.close(space)

    def _traffic(self):
        ports = {}
        with open("/proc/thread-self/net/dev", encoding="ascii") as lines:
            for line in lines:
                name, colon, rest = line.partition(":")
                if colon:
                    fields = rest.split()
                    ports[name.strip()] = (int(fields[0]), int(fields[8]))
        return [ports[host.cables[0]] for host in self.room.hosts]

    def stop(self):
        """Ends it; returns the samples: time in seconds since 1970, (sent, received) and drops of each computer."""
        self.over.set()
        self.join(10)
        if self.wrong:
            raise self.wrong
        return self.samples
