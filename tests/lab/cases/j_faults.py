"""Networks and machines that fail while files are on their way."""
import os
import time

from lib import faults, files
from lib.case import Failed, case

SIZE = 32 << 20
# Mbit/s of every cable: a copy takes two and a half seconds.
RATE = 100


def slowed(lab, names):
    """Computers at one switch, all with slow cables."""
    _, hosts = lab.net.classroom(names)
    for host in hosts:
        host.slow(RATE)
        host.slow_port(RATE)
    return dict(zip(names, hosts))


def sharing(lab, names):
    """A class in which a file has just been shared: computers, the teacher, students by name, and the file."""
    hosts = slowed(lab, names)
    path = lab.file("lab3.zip", SIZE)
    students = {name: lab.student(hosts[name]) for name in names[1:]}
    lab.everybody(students.values(), "ready")
    teacher = lab.teacher(hosts["teacher"])
    lab.joined(students.values())
    teacher.type(f"/share {path}")
    return hosts, teacher, students, path


def received(student):
    """Bytes that a student has of the one item, as told last."""
    told = student.all("item")
    return told[-1]["bytes"] if told else 0


def has(lab, student, part):
    """Waits until a student has a part of the item."""
    lab.wait(lambda: received(student) >= SIZE * part, 30, lambda: f"{part:.0%} at {student.name}\n{student.tail()}")


@case("a class cut in two: both halves go on with what they have, and are whole again when the network is")
def cut_in_two(lab):
    names = ["teacher", "a1", "a2", "b1", "b2"]
    hosts, teacher, students, path = sharing(lab, names)
    for name in ("b1", "b2"):
        has(lab, students[name], 0.4)
    before = {name: received(students[name]) for name in ("b1", "b2")}
    near = [f"10.60.0.{number}" for number in (1, 2, 3)]
    for name in ("b1", "b2"):
        faults.silence(hosts[name], near)
    began = time.monotonic()
    lab.saved([students["a1"], students["a2"]], path, timeout=60)
    teacher.type("meanwhile")
    lab.everybody([students["b1"], students["b2"]], "session", timeout=40, state__state="teacher-away")
    apart = {name: received(students[name]) - before[name] for name in before}
    if not any(apart.values()):
        raise Failed(f"nothing was passed on in the half without the teacher: {before}")
    if students["b1"].has("posted", content__text="meanwhile"):
        raise Failed("the network was not cut")
    for name in ("b1", "b2"):
        faults.heal(hosts[name])
    lab.note(apart_seconds=round(time.monotonic() - began, 1), passed_on_mib=round(sum(apart.values()) / (1 << 20), 1))
    lab.saved([students["b1"], students["b2"]], path, timeout=60)
    lab.told(students.values(), "meanwhile", timeout=40)


@case("a machine that sleeps, one whose line goes dead, one that gets another address: the class goes on, and they are back after it")
def asleep(lab):
    names = ["teacher", "s1", "s2", "sleeper", "silent", "mover"]
    hosts, teacher, students, path = sharing(lab, names)
    for name in ("sleeper", "silent", "mover"):
        has(lab, students[name], 0.2)
    students["sleeper"].freeze()
    faults.silence(hosts["silent"])
    hosts["mover"].ip("addr flush dev eth0 scope global", "addr add 10.60.0.77/24 broadcast 10.60.0.255 dev eth0")
    began = time.monotonic()
    lab.saved([students["s1"], students["s2"]], path, timeout=60)
    lab.note(class_seconds=round(time.monotonic() - began, 1))
    lab.saved([students["mover"]], path, timeout=60)
    lab.note(mover_seconds=round(time.monotonic() - began, 1))
    teacher.type("who was away reads this, too")
    # Both sides have given the link up by then; that nobody else hears of them either takes a minute more.
    for name in ("sleeper", "silent"):
        device = students[name].has("ready")["device"]
        lab.wait(lambda one=device: teacher.all("member", device=one)[-1]["presence"] != "linked", 40, f"{name} is not linked")
    students["sleeper"].thaw()
    faults.heal(hosts["silent"])
    began = time.monotonic()
    lab.saved([students["sleeper"], students["silent"]], path, timeout=60)
    lab.told(students.values(), "who was away reads this, too", timeout=40)
    lab.note(back_seconds=round(time.monotonic() - began, 1))
    for student in students.values():
        if student.has("warning", kind="alarm"):
            raise Failed(f"{student.name} was alarmed\n{student.tail()}")


@case("a network that loses two packets of a hundred loses nothing else")
def packet_loss(lab):
    names = ["teacher", "s1", "s2", "s3"]
    hosts = slowed(lab, names)
    for host in hosts.values():
        host.firewall("table inet fault {\nchain in { type filter hook input priority 0; numgen random mod 50 == 0 drop; }\n}\n")
    path = lab.file("lab3.zip", 8 << 20)
    teacher = lab.teacher(hosts["teacher"], "-m", "hello class", path)
    students = [lab.student(hosts[name]) for name in names[1:]]
    lab.saved(students, path, timeout=60)
    lab.told(students, "hello class", timeout=20)
    for student in students:
        teacher.wait("delivery", timeout=20, device=student.has("ready")["device"], progress__progress="saved")


@case("a receive folder that cannot be written to: the teacher sees why, and trying again works once it can")
def read_only(lab):
    _, (desk, host, other) = lab.net.classroom(["teacher", "locked", "s1"])
    user = 4711
    folder = lab.saves("locked")
    folder.mkdir(parents=True)
    folder.chmod(0o555)
    path = lab.file("data.bin", 1 << 20)
    teacher = lab.teacher(desk, path)
    locked, free = lab.student(host, user=user), lab.student(other)
    failed = locked.wait("item", timeout=20, progress__progress="failed")
    assert failed["progress"]["reason"] == "not-writable", failed
    device = locked.has("ready")["device"]
    teacher.wait("delivery", device=device, progress__progress="failed", progress__reason="not-writable")
    lab.saved([free], path)
    folder.chmod(0o755)
    locked.type("/retry 1")
    lab.saved([locked], path)
    teacher.wait("delivery", device=device, progress__progress="saved")


@case("a file that is edited while it is handed out is taken back and named; the session goes on, and it can be shared again")
def edited_meanwhile(lab):
    hosts = slowed(lab, ["teacher", "s1", "s2"])
    path = lab.file("notes.bin", SIZE)
    teacher = lab.teacher(hosts["teacher"])
    students = [lab.student(hosts[name]) for name in ("s1", "s2")]
    lab.joined(students)
    teacher.type(f"/share {path}")
    has(lab, students[0], 0.1)
    # From the end to the middle: those parts have not been sent yet.
    with open(path, "r+b") as file:
        file.seek(SIZE // 2)
        file.write(os.urandom(SIZE // 2))
    warned = teacher.wait("warning", timeout=30, kind="source-changed")
    assert path.name in warned["text"], warned
    lab.everybody(students, "posted", 20, content__kind="withdrawn")
    lab.nothing_half("s1", "s2")
    # What is written now counts as another item of the same name.
    teacher.type(f"/share {path}")
    for post in lab.everybody(students, "posted", 20, count=2, content__kind="files"):
        lab.everybody(students, "item", 60, item=post["content"]["item"], progress__progress="saved")
    for name in ("s1", "s2"):
        lab.same(path, lab.saves(name) / "Lab" / path.name, name)


@case("the same file shared twice is fetched once")
def twice(lab):
    _, (desk, host) = lab.net.classroom(["teacher", "s1"])
    path = lab.file("lab3.zip", 8 << 20)
    teacher = lab.teacher(desk, path)
    student = lab.student(host)
    lab.saved([student], path)
    before = host.received()
    teacher.type(f"/share {path}")
    student.wait("item", count=2, timeout=20, progress__progress="saved")
    again = host.received() - before
    lab.note(again_kib=again >> 10)
    if again > 1 << 20:
        raise Failed(f"{again >> 10} KiB came for a file that was there")


@case("a byte of what was received goes bad on the disk: it is found when the program starts again, and fetched again")
def one_byte(lab):
    hosts = slowed(lab, ["teacher", "s1"])
    path = lab.file("lab3.zip", SIZE)
    lab.teacher(hosts["teacher"], path)
    student = lab.student(hosts["s1"])
    has(lab, student, 0.5)
    student.kill()
    parts = [one for one in files.below(os.fsencode(lab.saves("s1"))) if os.path.getsize(one) >= SIZE // 4]
    if not parts:
        raise Failed("there is no unfinished file to damage")
    with open(parts[0], "r+b") as file:
        # Of the first half, where something is: a hole that is filled later proves nothing.
        content = file.read(SIZE // 2)
        place = next(place for place in range(len(content)) if content[place])
        file.seek(place)
        file.write(bytes([content[place] ^ 1]))
    student = lab.student(hosts["s1"])
    lab.saved([student], path, timeout=60)
