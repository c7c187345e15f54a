"""Switches and hosts: each host is a network namespace, cabled to bridges by veth pairs."""
import ipaddress
import json
import subprocess


class NetError(Exception):
    """A network command failed."""


def run(*argv, text=None):
    """Runs a command, returns what it printed."""
    done = subprocess.run(argv, input=text, text=True, capture_output=True, check=False)
    if done.returncode:
        raise NetError(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


# A switch has no firewall. With the kernel's hooks for one, a class of 24 lost 2,100 packets at its ports instead of 1,450.
NO_HOOKS = 'for hook in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e "$hook" ] || echo 0 > "$hook"; done'


class Net:
    """All switches and hosts of one case."""

    def __init__(self, name):
        self.prefix = name
        self.space = f"{name}.switches"
        self.hosts = []
        self.ports = 0
        run("ip", "netns", "add", self.space)
        run("ip", "netns", "exec", self.space, "sh", "-c", NO_HOOKS)

    def switch(self, name):
        """Makes a switch; returns it."""
        return Switch(self, name)

    def cell(self, switch, mbit):
        """Makes a Wi-Fi cell whose access point hangs on a switch; returns it."""
        return Cell(self, switch, mbit)

    def host(self, name):
        """Makes a computer without any cable; returns it."""
        host = Host(self, name)
        self.hosts.append(host)
        return host

    def classroom(self, names, subnet="10.60.0.0/24", switch="s0"):
        """Computers at one switch, numbered from .1; returns switch and computers."""
        subnet = ipaddress.ip_network(subnet)
        room = self.switch(switch)
        hosts = []
        for number, name in enumerate(names, start=1):
            host = self.host(name)
            host.plug(room, f"{subnet[number]}/{subnet.prefixlen}")
            hosts.append(host)
        return room, hosts

    def remove(self):
        """Removes everything."""
        for name in [host.space for host in self.hosts] + [self.space]:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


class Switch:
    """A bridge, without spanning tree or multicast snooping: a plain switch."""

    def __init__(self, net, name):
        self.net, self.name = net, name
        run("ip", "-n", net.space, "-batch", "-", text=(
            f"link add name {name} type bridge forward_delay 0 stp_state 0 mcast_snooping 0\n"
            f"link set dev {name} addrgenmode none\n"
            f"link set dev {name} up\n"))


class Cell:
    """A Wi-Fi cell: all that its stations send and receive goes through one shaped queue, its air.

    So a byte between a wire and a station crosses the air once, and one between two stations twice.
    """

    # What the access point holds, in bytes.
    QUEUE = 128 << 10

    def __init__(self, net, switch, mbit):
        self.net, self.switch, self.rate = net, switch, mbit * 1e6 / 8
        self.air = f"air{net.ports}"
        net.ports += 1
        run("ip", "-n", net.space, "link", "add", self.air, "up", "type", "ifb")
        run("tc", "-n", net.space, "qdisc", "add", "dev", self.air, "root", "tbf",
            "rate", f"{mbit}mbit", "burst", "16k", "limit", str(self.QUEUE))

    def take(self, port):
        """Sends all that goes through a port of the switch, both ways, through the air."""
        run("tc", "-n", self.net.space, "qdisc", "add", "dev", port, "clsact")
        for way in ("ingress", "egress"):
            run("tc", "-n", self.net.space, "filter", "add", "dev", port, way, "protocol", "all", "u32",
                "match", "u32", "0", "0", "action", "mirred", "egress", "redirect", "dev", self.air)

    def crossed(self):
        """Bytes that have crossed the air so far, with all headers."""
        shown = json.loads(run("tc", "-n", self.net.space, "-s", "-j", "qdisc", "show", "dev", self.air))
        return next(queue["bytes"] for queue in shown if queue["kind"] == "tbf")


class Host:
    """A computer."""

    # The system's folder of interfaces as it is where eth0 is a radio. It is this program's alone.
    RADIO = ("index=$(cat /sys/class/net/eth0/ifindex) && mount -t tmpfs none /sys/class/net && cd /sys/class/net &&"
             " mkdir -p lo eth0/wireless && echo 772 >lo/type && echo 1 >eth0/type &&"
             " echo $index >eth0/ifindex && cd \"$OLDPWD\" && exec \"$@\"")

    def __init__(self, net, name):
        self.net, self.name = net, name
        self.space = f"{net.prefix}.{name}"
        self.cables = []
        # A command around programs that run here.
        self.around = []
        run("ip", "netns", "add", self.space)
        # A computer that has been on for a while: its addresses are not in doubt any more.
        self.run("sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad;"
                             "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; ip link set lo up")

    def run(self, *argv, text=None):
        """Runs a command on this computer."""
        return run("ip", "netns", "exec", self.space, *argv, text=text)

    def ip(self, *lines):
        """Runs lines of `ip -batch` on this computer."""
        return run("ip", "-n", self.space, "-batch", "-", text="\n".join(lines) + "\n")

    def plug(self, switch, address=None, isolated=False):
        """Cables this computer to a switch; returns the interface's name.

        `address` with its prefix length; without one, only IPv6 link-local addresses exist.
        An isolated port sees no other isolated port.
        """
        interface = f"eth{len(self.cables)}"
        port = f"p{self.net.ports}"
        self.net.ports += 1
        self.cables.append(port)
        run("ip", "-n", self.net.space, "link", "add", port, "type", "veth",
            "peer", "name", interface, "netns", self.space)
        lines = [f"link set dev {interface} up"]
        if address:
            address = ipaddress.ip_interface(address)
            lines.insert(0, f"addr add {address} broadcast {address.network.broadcast_address} dev {interface}")
        self.ip(*lines)
        run("ip", "-n", self.net.space, "-batch", "-", text=(
            f"link set dev {port} master {switch.name}\n"
            f"link set dev {port} addrgenmode none\n"
            f"link set dev {port} up\n"))
        if isolated:
            run("bridge", "-n", self.net.space, "link", "set", "dev", port, "isolated", "on")
        return interface

    def enter(self, cell, address):
        """Makes this computer a station of a cell, with no cable: its eth0 is a radio."""
        interface = self.plug(cell.switch, address)
        cell.take(self.cables[-1])
        self.around = ["sh", "-c", self.RADIO, "sh"]
        return interface

    def slow(self, mbit, interface="eth0"):
        """Bounds what this computer sends."""
        self.run("tc", "qdisc", "add", "dev", interface, "root", "tbf",
                 "rate", f"{mbit}mbit", "burst", "64k", "limit", "4m")

    def slow_port(self, mbit, cable=0):
        """Bounds what the switch sends to this computer."""
        run("tc", "-n", self.net.space, "qdisc", "add", "dev", self.cables[cable], "root", "tbf",
            "rate", f"{mbit}mbit", "burst", "64k", "limit", "256k")

    def cut(self, cable=0):
        """Pulls a cable."""
        run("ip", "-n", self.net.space, "link", "set", "dev", self.cables[cable], "down")

    def received(self, interface="eth0"):
        """Bytes that have come in so far."""
        return self._count("rx", interface)

    def sent(self, interface="eth0"):
        """Bytes that have gone out so far."""
        return self._count("tx", interface)

    def _count(self, direction, interface):
        shown = json.loads(run("ip", "-n", self.space, "-s", "-j", "link", "show", "dev", interface))
        return shown[0]["stats64"][direction]["bytes"]

    def firewall(self, rules):
        """Sets a firewall of nftables."""
        self.run("nft", "-f", "-", text=rules)
