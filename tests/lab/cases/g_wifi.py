"""Wi-Fi cells: the air that all stations share is spared."""
import sys

from lib.case import case
from lib.program import Failed

# Of the air, and the bytes that are handed out.
MBIT, SIZE = 40, 8 << 20
# What headers and confirmations of TCP, encryption and messages add to the bytes of the file.
HEADERS = 1.12
# Copies that it may cost to find out whether the air has room.
TRIES = 1

SEND = """
import socket, sys
with socket.create_connection((sys.argv[1], 5000)) as line:
    line.sendall(bytes(int(sys.argv[2])))
    line.shutdown(socket.SHUT_WR)
    line.recv(1)
print('{"event": "sent"}', flush=True)
"""
RECEIVE = """
import socket
with socket.create_server(("", 5000)) as door:
    print('{"event": "open"}', flush=True)
    for _ in range(2):
        line, _ = door.accept()
        while line.recv(65536):
            pass
        line.close()
"""


def school(lab, wired, stations):
    """A teacher and students on wires, and a cell at the same switch."""
    room, (desk, *plugged) = lab.net.classroom(["teacher", *(f"w{number}" for number in range(wired))])
    cell = lab.net.cell(room, MBIT)
    hosts = []
    for number in range(stations):
        host = lab.net.host(f"s{number}")
        host.enter(cell, f"10.60.0.{100 + number}/24")
        hosts.append(host)
    return desk, plugged, cell, hosts


def hand_out(lab, desk, hosts, cell, copies, limit):
    """Hands a file out; the air may take so many times as long as it takes at least."""
    path = lab.file("lab3.zip", SIZE)
    students = [lab.student(host) for host in hosts]
    lab.everybody(students, "ready")
    teacher = lab.teacher(desk)
    lab.joined(students)
    before = cell.crossed()
    teacher.type(f"/share {path}")
    lab.saved(students, path, timeout=10 * limit * copies * SIZE / cell.rate)
    begin = teacher.wait("posted", content__kind="files")["t"]
    end = max(student.has("item", progress__progress="saved")["t"] for student in students)
    took = (end - begin) / 1000
    least = copies * SIZE / cell.rate
    crossed = (cell.crossed() - before) / SIZE
    lab.note(seconds=round(took, 2), of_least=round(took / least, 2), crossed=round(crossed, 2), copies=copies)
    assert crossed <= copies * HEADERS + TRIES, f"{crossed:.2f} copies crossed the air, {copies} have to"
    assert took <= limit * least, f"took {took:.1f} s, the air alone {least:.1f} s"


@case("a byte from a wire crosses the air of a cell once, one between two stations twice, and stations know what they are")
def the_air(lab):
    desk, _, cell, (one, other) = school(lab, 0, 2)
    receiver = lab.program("receiver", [sys.executable, "-c", RECEIVE], one)
    receiver.wait("open")
    for host, crossings in ((desk, 1), (other, 2)):
        before = cell.crossed()
        lab.program(f"from-{host.name}", [sys.executable, "-c", SEND, "10.60.0.100", str(1 << 20)], host).wait("sent")
        crossed = (cell.crossed() - before) / (1 << 20)
        if not crossings <= crossed <= crossings * HEADERS:
            raise Failed(f"a byte from {host.name} crosses {crossed:.2f} times, not {crossings}")
    for host, kind in ((desk, "wired"), (one, "wireless")):
        doctor = lab.start(f"doctor-{host.name}", "doctor", host=host)
        kinds = {found["name"]: found["kind"] for found in doctor.wait("diagnosis", timeout=20)["interfaces"]}
        assert kinds.get("eth0") == kind, kinds


@case("one cell, the teacher on a wire: about one copy for each student crosses the air")
def one_cell(lab):
    desk, _, cell, hosts = school(lab, 0, 6)
    hand_out(lab, desk, hosts, cell, copies=6, limit=1.4)


@case("half of the students in a cell: they fetch from wires")
def half_a_cell(lab):
    desk, plugged, cell, hosts = school(lab, 4, 4)
    hand_out(lab, desk, [*plugged, *hosts], cell, copies=4, limit=1.4)
