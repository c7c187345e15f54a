"""Networks of other shapes: two subnets, isolated ports, firewalls, wide nets, IPv6, tunnels."""
import os
import pathlib
import sys

from lib.case import Skipped, case

TUNNEL = pathlib.Path(__file__).resolve().parent.parent / "lib" / "tunnel.py"


@case("two subnets are joined by a student with two interfaces; files, messages and status go both ways")
def two_subnets(lab):
    room_a, (desk, near) = lab.net.classroom(["teacher", "near"], "10.60.0.0/24", "a")
    room_b, far_hosts = lab.net.classroom(["far1", "far2"], "10.61.0.0/24", "b")
    middle_host = lab.net.host("middle")
    middle_host.plug(room_a, "10.60.0.100/24")
    middle_host.plug(room_b, "10.61.0.100/24")
    forwards = middle_host.run("cat", "/proc/sys/net/ipv4/ip_forward").strip()
    assert forwards == "0", "the kernel would forward packets: the test would prove nothing"
    path = lab.file("lab3.zip", 8 << 20)
    teacher = lab.teacher(desk, "-m", "hello class", "--texts", "all", path)
    middle, near, *far = [lab.student(host) for host in (middle_host, near, *far_hosts)]
    everyone = [middle, near, *far]
    lab.joined(everyone)
    lab.saved(everyone, path)
    lab.told(everyone, "hello class")
    far[0].type("hello from afar")
    lab.told([teacher, near, middle, far[1]], "hello from afar")
    for student in far:
        device = student.has("ready")["device"]
        teacher.wait("member", device=device, presence="relayed")
        teacher.wait("delivery", device=device, progress__progress="saved")


@case("a student who can only see another student gets everything through that one")
def hidden_student(lab):
    room = lab.net.switch("s0")
    hosts = {}
    for number, (name, isolated) in enumerate((("teacher", True), ("helper", False), ("hidden", True)), start=1):
        hosts[name] = lab.net.host(name)
        hosts[name].plug(room, f"10.60.0.{number}/24", isolated)
    path = lab.file("lab3.zip", 8 << 20)
    teacher = lab.teacher(hosts["teacher"], "-m", "hello class", path)
    helper, hidden = lab.student(hosts["helper"]), lab.student(hosts["hidden"])
    lab.joined([helper, hidden])
    lab.saved([helper, hidden], path)
    lab.told([helper, hidden], "hello class")
    hidden.type("can you see me?")
    teacher.wait("posted", content__text="can you see me?")
    device = hidden.has("ready")["device"]
    teacher.wait("delivery", device=device, progress__progress="saved")
    assert not teacher.has("member", device=device, presence="linked"), "the ports are not isolated"


@case("a student whose firewall drops everything inbound receives by address, and the cause is named")
def closed_firewall(lab):
    _, (desk, closed_host, other_host) = lab.net.classroom(["teacher", "closed", "open"])
    closed_host.firewall("""
        table inet lab {
            chain in {
                type filter hook input priority 0; policy drop;
                iif lo accept
                ct state established,related accept
            }
        }""")
    path = lab.file("lab3.zip", 8 << 20)
    teacher = lab.teacher(desk, "-m", "hello class", path)
    closed, other = lab.student(closed_host, "10.60.0.1"), lab.student(other_host)
    lab.joined([closed, other])
    lab.saved([closed, other], path)
    lab.told([closed, other], "hello class")
    closed.type("behind a wall")
    teacher.wait("posted", content__text="behind a wall")
    # The cause is named where nothing comes in, and only there.
    doctors = {host.name: lab.start(f"doctor-{host.name}", "doctor", host=host) for host in (closed_host, other_host)}
    for name, doctor in doctors.items():
        used = [one for one in doctor.wait("diagnosis", timeout=20)["interfaces"] if one["used"]]
        assert [("firewall" in one["note"]) for one in used] == [name == "closed"], used
        assert bool(doctor.has("warning", kind="interface-error")) == (name == "closed"), doctor.tail()
        assert doctor.wait_end() == 0, doctor.tail()


@case("a /23: discovery uses the computed broadcast address")
def wide_network(lab):
    room = lab.net.switch("s0")
    hosts = []
    for name, address in (("teacher", "10.60.0.5"), ("low", "10.60.0.200"), ("high", "10.60.1.77")):
        host = lab.net.host(name)
        host.plug(room, f"{address}/23")
        # Broadcast alone has to do: switches that drop multicast are common.
        host.firewall("""
            table inet lab {
                chain out {
                    type filter hook output priority 0; policy accept;
                    ip daddr 224.0.0.0/4 udp dport 47800 drop
                    ip6 daddr ff00::/8 udp dport 47800 drop
                }
            }""")
        hosts.append(host)
    path = lab.file("lab3.zip", 4 << 20)
    lab.teacher(hosts[0], "-m", "hello class", path)
    students = [lab.student(host) for host in hosts[1:]]
    lab.joined(students)
    lab.saved(students, path)
    lab.told(students, "hello class")


@case("no addresses but IPv6 link-local ones")
def link_local_only(lab):
    room = lab.net.switch("s0")
    hosts = [lab.net.host(name) for name in ("teacher", "s1", "s2")]
    for host in hosts:
        host.plug(room)
    path = lab.file("lab3.zip", 4 << 20)
    teacher = lab.teacher(hosts[0], "-m", "hello class", path)
    students = [lab.student(host) for host in hosts[1:]]
    lab.joined(students)
    lab.saved(students, path)
    lab.told(students, "hello class")
    students[0].type("six")
    teacher.wait("posted", content__text="six")


@case("a VPN that takes every route changes nothing, and nothing goes into it")
def tunnel_up(lab):
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        raise Skipped("/dev/net/tun cannot be opened by this user")
    _, (desk, host, plain_host) = lab.net.classroom(["teacher", "vpn", "plain"])
    tunnels = []
    for number, each in enumerate((desk, host), start=2):
        tunnel = lab.program("tunnel-" + each.name, [sys.executable, str(TUNNEL), "tun0"], each, keep_rights=True)
        tunnel.wait("open")
        each.ip("link set tun0 up", f"addr add 10.8.0.{number}/24 dev tun0",
                "route add default dev tun0", "route add 224.0.0.0/4 dev tun0")
        tunnels.append(tunnel)
    path = lab.file("lab3.zip", 4 << 20)
    teacher = lab.teacher(desk, "-m", "hello class", path)
    students = [lab.student(host), lab.student(plain_host)]
    lab.joined(students)
    lab.saved(students, path)
    lab.told(students, "hello class")
    for tunnel in tunnels:
        ours = [line for line in tunnel.all("packet") if line["port"] in (47800, teacher.has("ready")["port"])]
        assert not ours, f"{tunnel.name} carried {ours[:3]}"
