"""One teacher and eight students at one switch: finding each other, files and messages."""
from lib.case import case

STUDENTS = [f"s{number}" for number in range(1, 9)]
LIMIT_MS = 300


def classroom(lab):
    _, (teacher, *students) = lab.net.classroom(["teacher", *STUDENTS])
    return teacher, students


def works(lab, teacher, students, path):
    """A file and messages reach everybody, and one message comes back."""
    lab.saved(students, path)
    lab.told(students, "hello class")
    students[0].type("hello teacher")
    teacher.wait("posted", content__text="hello teacher", author__teacher=False)
    for student in students:
        teacher.wait("delivery", device=student.has("ready")["device"], progress__progress="saved")


@case("eight students that wait have joined within 300 ms of the session's start")
def waiting_students(lab):
    desk, hosts = classroom(lab)
    path = lab.file("lab3.zip", 8 << 20)
    lab.make_teacher()
    students = [lab.student(host) for host in hosts]
    lab.everybody(students, "ready")
    teacher = lab.teacher(desk, "-m", "hello class", path)
    joined = lab.joined(students)
    start = teacher.has("started")["t"]
    works(lab, teacher, students, path)
    lab.note_join("join", [line["t"] - start for line in joined], LIMIT_MS)


@case("eight students that start after the teacher have joined within 300 ms")
def later_students(lab):
    desk, hosts = classroom(lab)
    path = lab.file("lab3.zip", 8 << 20)
    teacher = lab.teacher(desk, "-m", "hello class", path)
    students, times = [], []
    for host in hosts:
        student = lab.student(host)
        students.append(student)
        times.append(lab.joined([student])[0]["t"] - student.started * 1000)
    works(lab, teacher, students, path)
    lab.note_join("join", times, LIMIT_MS)


@case("a late joiner gets the whole feed, in the teacher's order")
def late_joiner(lab):
    _, (desk, early_host, late_host) = lab.net.classroom(["teacher", "early", "late"])
    first, second = lab.file("first.csv", 300_000, 1), lab.file("second.csv", 300_000, 2)
    code = lab.file("loop.py")
    code.write_text("for i in range(3):\n\tprint(i)  \n")
    teacher = lab.teacher(desk, "-m", "one", first)
    early = lab.student(early_host)
    lab.joined([early])
    for line in ("two", f"/snippet {code}", "/link https://docs.python.org The manual", f"/share {second}", "three"):
        teacher.type(line)
    early.wait("posted", content__text="three")
    lab.saved([early], first)
    lab.saved([early], second)
    late = lab.student(late_host)
    late.wait("posted", content__text="three")
    feeds = [[line["content"] for line in each.all("posted")] for each in (early, late)]
    assert feeds[0] == feeds[1], f"early saw {feeds[0]}\nlate saw {feeds[1]}"
    assert lab.texts(late) == ["one", "two", "three"], lab.texts(late)
    snippet = late.has("posted", content__kind="snippet")["content"]["text"]
    assert snippet == code.read_text(), f"white space changed: {snippet!r}"
    lab.saved([late], first)
    lab.saved([late], second)


@case("two users at one machine both receive everything")
def two_users(lab):
    from lib import space
    _, (desk, shared) = lab.net.classroom(["teacher", "shared"])
    path = lab.file("lab3.zip", 4 << 20)
    users = [1001, 1002] if space.many_users() else [None, None]
    students = [lab.student(shared, name=f"user{number}", user=user) for number, user in enumerate(users, start=1)]
    teacher = lab.teacher(desk, "-m", "hello class", path)
    lab.joined(students)
    works(lab, teacher, students, path)
    ports = {student.has("ready")["port"] for student in students}
    assert len(ports) == 2, f"both accept links on {ports}"
