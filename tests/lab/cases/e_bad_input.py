"""Bad input: each has a message that says what, where and what to do; everybody else goes on."""
import os
import shutil
import subprocess
import sys

from lib import faults, files
from lib.case import Failed, case

HOLD_PORT = """
import json, socket, sys, time
held = []
for kind in sys.argv[2:]:
    one = socket.socket(socket.AF_INET, getattr(socket, kind))
    one.bind(("0.0.0.0", int(sys.argv[1])))
    if kind == "SOCK_STREAM":
        one.listen()
    held.append(one)
print(json.dumps({"event": "held"}), flush=True)
sys.stdin.read()
"""


def says(text, *words):
    """Checks that a message names what it is about."""
    missing = [word for word in words if word.lower() not in text.lower()]
    assert not missing, f"{missing} not in: {text}"


def goes_on(lab, teacher, students, text="still here"):
    """The session goes on for these."""
    teacher.type(text)
    lab.told(students, text)


@case("an unreadable file is left out and named; the rest arrives; the session goes on")
def unreadable_file(lab):
    _, (desk, host) = lab.net.classroom(["teacher", "s1"])
    good, closed = lab.file("good.txt", 5000, 1), lab.file("closed.txt", 5000, 2)
    closed.chmod(0)
    teacher = lab.teacher(desk)
    student = lab.student(host)
    lab.joined([student])
    teacher.type(f"/share {closed}")
    says(teacher.wait("error")["text"], "closed.txt", "permission")
    teacher.type(f"/share {lab.folder / 'nowhere.zip'}")
    says(teacher.wait("error", count=2)["text"], "nowhere.zip")
    folder = lab.folder / "given"
    teacher.type(f"/share {folder}")
    shared = teacher.wait("shared")
    assert [os.path.basename(path) for path, _ in shared["skipped"]] == ["closed.txt"], shared
    says(shared["skipped"][0][1], "permission")
    saved = student.wait("item", progress__progress="saved")
    assert [os.path.basename(path) for path in files.below(saved["progress"]["path"])] == [b"good.txt"]
    lab.same(good, os.path.join(saved["progress"]["path"], "good.txt"), "s1")
    goes_on(lab, teacher, [student])


@case("a folder that disappears while it is handed out")
def vanishing_folder(lab):
    _, (desk, *hosts) = lab.net.classroom(["teacher", "s1", "s2"])
    desk.slow(80)
    folder = lab.folder / "given" / "project"
    folder.mkdir(parents=True)
    for number in range(12):
        files.write(folder / f"part{number}.bin", 4 << 20, number)
    kept = lab.folder / "kept"
    shutil.copytree(folder, kept)
    teacher = lab.teacher(desk)
    students = [lab.student(host) for host in hosts]
    lab.joined(students)
    teacher.type(f"/share {folder}")
    shared = teacher.wait("shared")
    lab.everybody(students, "item", progress__progress="receiving")
    shutil.rmtree(folder)
    # What was open stays readable; what is not leads to a withdrawal with its reason.
    lab.wait(lambda: teacher.has("warning", kind="source-changed")
             or all(student.has("item", progress__progress="saved") for student in students),
             60, lambda: f"neither a warning nor all copies\n{teacher.tail()}")
    if warning := teacher.has("warning", kind="source-changed"):
        says(warning["text"], "project")
        lab.everybody(students, "posted", content__kind="withdrawn", content__item=shared["item"])
        lab.note(withdrawn=True)
    for student in students:
        for path in files.visible(lab.saves(student.name)):
            original = kept / os.path.basename(os.fsdecode(path))
            lab.same(original, os.fsdecode(path), student.name)
    goes_on(lab, teacher, students)
    again = lab.file("again.txt", 100_000)
    teacher.type(f"/share {again}")
    item = teacher.wait("shared", count=2)["item"]
    for student in students:
        saved = student.wait("item", item=item, progress__progress="saved")
        lab.same(again, saved["progress"]["path"], student.name)


@case("a disk that is too small: the teacher sees why, nothing half stands there, retrying works")
def full_disk(lab):
    _, (desk, small_host, host) = lab.net.classroom(["teacher", "small", "s1"])
    folder = lab.disk("small", 120 << 20)
    filler = folder / "home work.bin"
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 80 << 20)
    path = lab.file("data.bin", 32 << 20)
    teacher = lab.teacher(desk, path)
    small, other = lab.student(small_host), lab.student(host)
    failed = small.wait("item", timeout=20, progress__progress="failed")
    assert failed["progress"]["reason"] == "disk-full", failed
    says(failed["progress"]["text"], str(folder), "full")
    device = small.has("ready")["device"]
    teacher.wait("delivery", device=device, progress__progress="failed", progress__reason="disk-full")
    lab.saved([other], path)
    os.remove(filler)
    small.type("/retry 1")
    lab.saved([small], path)
    teacher.wait("delivery", device=device, progress__progress="saved")
    goes_on(lab, teacher, [small, other])


def fill(path):
    """Fills a disk with one file, as somebody else does while a transfer runs."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 20))
        except OSError:
            pass


@case("a disk that fills up during the transfer")
def disk_fills_up(lab):
    _, (desk, small_host, host) = lab.net.classroom(["teacher", "small", "s1"])
    desk.slow(200)
    folder = lab.disk("small", 200 << 20)
    path = lab.file("data.bin", 64 << 20)
    teacher = lab.teacher(desk, path)
    small, other = lab.student(small_host), lab.student(host)
    lab.wait(lambda: any(line["bytes"] > 8 << 20 for line in small.all("item")), 20,
             lambda: f"8 MiB received\n{small.tail()}")
    fill(folder / "home work.bin")
    failed = small.wait("item", timeout=20, progress__progress="failed")
    assert failed["progress"]["reason"] == "disk-full", failed
    os.remove(folder / "home work.bin")
    lab.nothing_half("small")
    device = small.has("ready")["device"]
    teacher.wait("delivery", device=device, progress__progress="failed", progress__reason="disk-full")
    lab.saved([other], path)
    goes_on(lab, teacher, [small, other])


@case("a TCP port that is taken: another one is used; a UDP port that is taken: a clear message")
def port_taken(lab):
    _, (desk, host) = lab.net.classroom(["teacher", "s1"])
    holder = lab.program("holder", [sys.executable, "-c", HOLD_PORT, "47800", "SOCK_STREAM"], host)
    holder.wait("held")
    teacher = lab.teacher(desk, "-m", "hello class")
    student = lab.student(host)
    lab.joined([student])
    lab.told([student], "hello class")
    assert student.has("ready")["port"] != 47800
    says(student.wait("warning", kind="port-taken")["text"], "47800")
    student.interrupt()
    student.wait_end()
    holder.kill()
    holder = lab.program("holder2", [sys.executable, "-c", HOLD_PORT, "47800", "SOCK_DGRAM"], host)
    holder.wait("held")
    again = lab.student(host)
    error = again.wait("error")
    says(error["text"], "udp", "47800")
    says(error["hint"], "--port")
    assert again.wait_end() == 1
    goes_on(lab, teacher, [])


@case("no usable interface: said so; a cable that is plugged in later works")
def no_interface(lab):
    room, (desk,) = lab.net.classroom(["teacher"])
    lonely = lab.net.host("lonely")
    doctor = lab.start("doctor", "doctor", "--seconds", "1", host=lonely)
    assert doctor.wait_end() == 3, doctor.tail()
    assert doctor.has("diagnosis"), doctor.tail()
    short = lab.start("short", "join", "--wait", "1", "--save", lab.saves("short"), host=lonely)
    says(short.wait("warning", kind="no-interface")["text"], "interface")
    assert short.wait_end() == 3, short.tail()
    path = lab.file("lab3.zip", 100_000)
    lab.teacher(desk, "-m", "hello class", path)
    student = lab.student(lonely, name="lonely")
    student.wait("warning", kind="no-interface")
    lonely.plug(room, "10.60.0.9/24")
    lab.joined([student], timeout=15)
    lab.saved([student], path)
    lab.told([student], "hello class")


@case("a broken certificate, a foreign one, and a wrong passphrase are refused with the reason")
def broken_certificate(lab):
    lab.make_teacher()
    certificate = lab.folder / "teacher.cert"
    broken = lab.folder / "broken.cert"
    text = certificate.read_bytes()
    middle = len(text) // 2
    changed = text[:middle] + (b"A" if text[middle:middle + 1] != b"A" else b"B") + text[middle + 1:]
    for damage in (text[:middle], changed, b"", b"hello\n", os.urandom(4000)):
        broken.write_bytes(damage)
        done = subprocess.run([lab.binary, "--data-dir", lab.data("teacher"), "keys", "teacher", "import", broken],
                              capture_output=True, text=True, check=False)
        assert done.returncode in (1, 4), done
        says(done.stderr, str(broken))
    said = lab.cli("keys", "teacher", "import", certificate, expect=4, data=lab.data("other"))
    says(said, "teacher", "not on this computer")
    secret, wrong = lab.folder / "secret", lab.folder / "wrong"
    secret.write_text("correct horse\n")
    wrong.write_text("battery staple\n")
    lab.cli("keys", "teacher", "create", "Dr Locked", "--passphrase-file", secret, data=lab.data("locked"))
    said = lab.cli("teach", "--passphrase-file", wrong, expect=4, data=lab.data("locked"))
    says(said, "wrong passphrase", str(lab.data("locked")))
    _, (desk, host) = lab.net.classroom(["teacher", "s1"])
    teacher = lab.start("locked", "teach", "--title", "Lab", "--passphrase-file", secret, "--stdin", host=desk)
    teacher.wait("started")
    student = lab.student(host, "--trust-any", trust=False)
    lab.joined([student])
    goes_on(lab, teacher, [student])


@case("a certificate that was withdrawn no longer counts, also for a running session")
def revoked_certificate(lab):
    _, (desk, told_host, untold_host) = lab.net.classroom(["teacher", "told", "untold"])
    lab.make_teacher()
    listed = lab.folder / "list.revocation"
    lab.cli("keys", "revoke", "1", "--out", listed, "--no-passphrase", data=lab.data("school"))
    lab.cli("keys", "trust", "add", lab.school(), data=lab.data("told"))
    lab.cli("keys", "trust", "add", listed, data=lab.data("told"))
    teacher = lab.teacher(desk, "-m", "hello class")
    told, untold = lab.student(told_host, "--wait", "3"), lab.student(untold_host)
    lab.joined([untold])
    assert told.wait_end() in (3, 4), told.tail()
    refused = told.wait("warning", kind="refused")
    says(refused["text"], "withdrawn")
    goes_on(lab, teacher, [untold])


@case("clocks that are years off: warned about, and everything works")
def clocks_far_off(lab):
    _, (desk, past_host, future_host, host) = lab.net.classroom(["teacher", "past", "future", "s1"])
    path = lab.file("lab3.zip", 1 << 20)
    teacher = lab.teacher(desk, "-m", "hello class", path)
    past = lab.student(past_host, env=faults.clock(lab, -9))
    future = lab.student(future_host, env=faults.clock(lab, 9))
    exact = lab.student(host)
    everyone = [past, future, exact]
    lab.joined(everyone)
    lab.saved(everyone, path)
    lab.told(everyone, "hello class")
    for wrong in (past, future):
        says(wrong.wait("warning", kind="clock")["text"], "clock")
    assert not exact.has("warning", kind="clock")
    future.type("from the future")
    teacher.wait("posted", content__text="from the future")
    goes_on(lab, teacher, everyone)


GARBAGE = """
import json, os, random, socket, struct, sys
address, port = sys.argv[1], int(sys.argv[2])
random.seed(7)
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
head = lambda major, kind: b"HDO1" + bytes([major, 0, kind, 0]) + struct.pack("!H", 47800) + bytes(32) + bytes(4)
for _ in range(300):
    for packet in (random.randbytes(random.randrange(1400)), head(1, 1) + random.randbytes(700), head(1, 2) + b"[" * 900,
                   head(1, 9), head(9, 1) + random.randbytes(300), b"HDO1", b""):
        out.sendto(packet, ("10.60.0.255", 47800))
for number in range(8):
    link = socket.create_connection((address, port), 2)
    link.settimeout(2)
    try:
        link.sendall([random.randbytes(5000), b"GET / HTTP/1.1\\r\\n\\r\\n", bytes.fromhex("1603010200010001fc0303"),
                      b"\\xff" * 70000][number % 4])
        link.recv(100)
    except OSError:
        pass
print(json.dumps({"event": "thrown"}), flush=True)
"""


@case("foreign and garbled packets, and another protocol version, are ignored, counted and named")
def garbled_packets(lab):
    _, (desk, rogue, *hosts) = lab.net.classroom(["teacher", "rogue", "s1", "s2", "watcher"])
    teacher = lab.teacher(desk, "-m", "hello class")
    first = lab.student(hosts[0])
    lab.joined([first])
    before = {each: each.memory() for each in (teacher, first)}
    doctor = lab.start("doctor", "doctor", "--seconds", "4", host=hosts[2])
    doctor.wait("ready")
    port = str(teacher.has("ready")["port"])
    thrower = lab.program("thrower", [sys.executable, "-c", GARBAGE, "10.60.0.1", port], rogue)
    path = lab.file("lab3.zip", 2 << 20)
    second = lab.student(hosts[1])
    teacher.type(f"/share {path}")
    lab.joined([second])
    lab.saved([first, second], path)
    thrower.wait("thrown", timeout=60)
    goes_on(lab, teacher, [first, second])
    doctor.wait_end()
    warning = first.wait("warning", kind="other-version")
    says(warning["text"], "version 9", "install")
    refused = [line["reason"] for line in doctor.wait("diagnosis")["refused"]]
    assert any("version 9" in reason for reason in refused), refused
    grown = {each.name: (each.memory() - before[each]) >> 20 for each in before}
    lab.note(**{f"{name}_grew_mib": mib for name, mib in grown.items()})
    if max(grown.values()) > 16:
        raise Failed(f"memory grew: {grown}")

