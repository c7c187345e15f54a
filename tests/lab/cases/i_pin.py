"""A session with a PIN admits those who know it."""
from lib.case import Failed, case

PIN = "314159"
REFUSED = 4


def refused(lab, student, *words):
    """A student's program ends because of the PIN, and says so."""
    status = student.wait_end()
    said = student.tail()
    if status != REFUSED or not all(word in said for word in words):
        raise Failed(f"{student.name} ended with {status}, not {REFUSED} and {words}\n{said}")
    lab.nothing_half(student.name)


@case("a PIN lets in who knows it and nobody else, also after the teacher's program was killed")
def pin(lab):
    _, (desk, *hosts) = lab.net.classroom(["teacher", "s1", "s2", "wrong", "without", "late"])
    one, two, wrong, without, late = hosts
    teacher = lab.teacher(desk, f"--pin={PIN}")
    students = [lab.student(host, "--pin", "314 159") for host in (one, two)]
    lab.joined(students)
    refused(lab, lab.student(wrong, "--pin", "314158"), "not its PIN", "--pin")
    refused(lab, lab.student(without), "asks for a PIN", "--pin")
    path = lab.file("exam.pdf", 1 << 20)
    teacher.type(f"/share {path}")
    lab.saved(students, path)
    teacher.kill()
    lab.everybody(students, "session", timeout=40, state__state="teacher-away")
    again = lab.teacher(desk, "--resume", name="teacher")
    if again.has("started")["pin"] != PIN:
        raise Failed(f"the PIN is another one: {again.has('started')}")
    again.type("here again")
    lab.told(students, "here again", timeout=30)
    other = lab.student(late, "--pin", PIN)
    lab.saved([other], path)


@case("a PIN that is none is refused before anything is started; one that is made up has six digits")
def pin_input(lab):
    _, (desk, host) = lab.net.classroom(["teacher", "s1"])
    bad = lab.teacher(desk, "--pin=12a4", wait=False)
    if bad.wait_end() != 2 or "4 to 12 digits" not in bad.tail():
        raise Failed(f"a bad PIN was not refused\n{bad.tail()}")
    teacher = lab.teacher(desk, "--pin")
    made = teacher.has("started")["pin"]
    if len(made) != 6 or not made.isdigit():
        raise Failed(f"the PIN is {made!r}")
    lab.joined([lab.student(host, "--pin", made)])
