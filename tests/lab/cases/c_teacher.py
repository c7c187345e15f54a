"""The teacher goes away, or is not one."""
import contextlib
import subprocess
import time

from lib.case import Failed, case

NAMES = ["teacher", "s1", "s2", "s3", "s4"]
SIZE = 24 << 20


def half_way(lab):
    """A class in which exactly about one copy has left the teacher; nobody has all of it yet."""
    _, hosts = lab.net.classroom(NAMES)
    for host in hosts:
        host.slow(100)
        host.slow_port(100)
    path = lab.file("lab3.zip", SIZE)
    desk, *rest = hosts
    students = [lab.student(host) for host in rest]
    lab.everybody(students, "ready")
    teacher = lab.teacher(desk, "-m", "hello class")
    lab.joined(students)
    lab.told(students, "hello class")
    teacher.type(f"/share {path}")
    out = teacher.wait("one-copy-out", timeout=60)
    return teacher, desk, students, path, out


def goes_on(lab, students, path, out):
    """Everybody completes without the teacher, and students still find each other."""
    before = sum(1 for student in students if student.has("item", progress__progress="saved"))
    lab.saved(students, path, timeout=60)
    last = max(student.has("item", progress__progress="saved")["t"] for student in students)
    lab.note(complete_before=before, seconds_after=round((last - out["t"]) / 1000, 2))


@case("the teacher is killed once one copy has left: everybody completes")
def teacher_killed(lab):
    teacher, _, students, path, out = half_way(lab)
    teacher.kill()
    goes_on(lab, students, path, out)
    lab.everybody(students, "session", timeout=40, state__state="teacher-away")


@case("the teacher's cable is cut once one copy has left: everybody completes")
def teacher_cut(lab):
    _, desk, students, path, out = half_way(lab)
    desk.cut()
    goes_on(lab, students, path, out)


@case("a student who comes after the teacher was killed still gets everything from the others")
def after_teacher(lab):
    _, (desk, *hosts) = lab.net.classroom(["teacher", "s1", "s2", "late"])
    path = lab.file("lab3.zip", 4 << 20)
    teacher = lab.teacher(desk, "-m", "hello class", path)
    students = [lab.student(host) for host in hosts[:2]]
    lab.saved(students, path)
    lab.told(students, "hello class")
    teacher.kill()
    late = lab.student(hosts[2])
    lab.saved([late], path)
    lab.told([late], "hello class")


@case("a teacher's program that is killed goes on with its session: same feed, same files, same students")
def teacher_resumes(lab):
    _, hosts = lab.net.classroom(["teacher", "s1", "s2", "late"])
    for host in hosts:
        host.slow(100)
        host.slow_port(100)
    path = lab.file("lab3.zip", SIZE)
    desk, *rest, other = hosts
    teacher = lab.teacher(desk, "-m", "hello class")
    students = [lab.student(host) for host in rest]
    lab.joined(students)
    lab.told(students, "hello class")
    teacher.type(f"/share {path}")
    for student in students:
        lab.wait(lambda one=student: any(line["bytes"] > SIZE // 5 for line in one.all("item")), 30, "a fifth received")
    teacher.kill()
    if any(student.has("item", progress__progress="saved") for student in students):
        raise Failed("killed too late: somebody has everything")
    lab.everybody(students, "session", timeout=40, state__state="teacher-away")
    began = time.monotonic()
    again = lab.teacher(desk, "--resume", name="teacher")
    if again.has("started")["session"] != teacher.has("started")["session"]:
        raise Failed("another session was started")
    lab.saved(students, path, timeout=60)
    lab.note(seconds_after=round(time.monotonic() - began, 2))
    again.type("here again")
    lab.told(students, "here again")
    late = lab.student(other)
    lab.saved([late], path)
    lab.told([late], "hello class")
    lab.told([late], "here again")
    for student in (*students, late):
        again.wait("delivery", device=student.has("ready")["device"], progress__progress="saved")
        if student.has("warning", kind="alarm"):
            raise Failed(f"{student.name} was alarmed\n{student.tail()}")


def frozen_class(lab, name):
    """A teacher with one student who answers and one whose machine sleeps."""
    _, (desk, *hosts) = lab.net.classroom([name, f"{name}-awake", f"{name}-asleep"], switch=name)
    teacher = lab.teacher(desk, name=name)
    awake, asleep = (lab.student(host) for host in hosts)
    lab.joined([awake, asleep])
    asleep.freeze()
    return teacher, awake, asleep


@case("Ctrl+C ends a program soon, with its last words delivered; a second one ends it at once")
def goodbye(lab):
    teacher, awake, asleep = frozen_class(lab, "t1")
    teacher.type("last words")
    teacher.wait("posted", content__text="last words")
    began = time.monotonic()
    teacher.interrupt()
    assert teacher.wait_end() == 0, teacher.tail()
    seconds = time.monotonic() - began
    lab.note(goodbye_ms=round(1000 * seconds))
    if seconds > 2:
        raise Failed(f"the teacher took {seconds:.1f} s to end")
    lab.told([awake], "last words")
    awake.wait("session", state__state="ended")
    asleep.thaw()
    lab.told([asleep], "last words")
    teacher, _, asleep = frozen_class(lab, "t2")
    began = time.monotonic()
    while teacher.process.poll() is None and time.monotonic() < began + 10:
        teacher.interrupt()
        with contextlib.suppress(subprocess.TimeoutExpired):
            teacher.process.wait(0.05)
    lab.note(twice_ms=round(1000 * (time.monotonic() - began)))
    assert teacher.wait_end() == 130, teacher.tail()
    assert not teacher.has("finished"), teacher.tail()
    asleep.thaw()


@case("a student's machine that starts a session is refused by everyone")
def no_authority(lab):
    _, (desk, rogue_host, *hosts) = lab.net.classroom(["teacher", "rogue", "s1", "s2", "s3"])
    path = lab.file("virus.sh", 1000)
    rogue_data = lab.data("rogue")
    lab.cli("keys", "trust", "add", lab.school(), data=rogue_data)
    said = lab.cli("teach", "--title", "Lab", "--no-passphrase", expect=1, data=rogue_data)
    assert "no teacher key" in said, said
    rogue = lab.start("rogue", "teach", "--title", "Lab", "--new-key", "Dr teacher", "--no-passphrase", "--stdin",
                      "-m", "obey", path, host=rogue_host)
    rogue.wait("started")
    students = [lab.student(host, "--certified-only", "--wait", "4") for host in hosts]
    for student in students:
        status = student.wait_end()
        assert status == 4, f"{student.name} ended with {status}, not 4\n{student.tail()}"
        for event in ("posted", "item"):
            if student.has(event):
                raise Failed(f"{student.name} took something from the rogue: {student.has(event)}")
        states = {line["state"]["state"] for line in student.all("session")}
        assert not states & {"joining", "joined"}, f"{student.name} went as far as {states}"
    # The real teacher is found beside the rogue one.
    lab.teacher(desk, "-m", "hello class")
    again = [lab.student(host, "--certified-only") for host in hosts]
    lab.joined(again)
    lab.told(again, "hello class")
    assert not any(lab.texts(student) != ["hello class"] for student in again)
