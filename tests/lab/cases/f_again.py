"""What is on a student's disk already is not fetched again."""
import os

from lib.case import Failed, case

KIB, MIB = 1 << 10, 1 << 20
SIZE = 16 * MIB
SMALL, SMALL_SIZE = 200, 8 * KIB


def folder_of_files(lab):
    """A folder with one large file and many small ones."""
    lab.file("lab3/data.bin", SIZE)
    for number in range(SMALL):
        lab.file(f"lab3/src/{number:03}.c", SMALL_SIZE, seed=100 + number)
    return lab.folder / "given" / "lab3"


def measured(lab, hosts, students, act):
    """Does something that ends in a set being saved by everybody; returns the most bytes that came to one."""
    before = [host.received() for host in hosts]
    done = [len(student.all("item", progress__progress="saved")) for student in students]
    path = act()
    for student, count in zip(students, done):
        line = student.wait("item", 30, count=count + 1, progress__progress="saved")
        lab.same(path, line["progress"]["path"], student.name)
    return max(host.received() - at for host, at in zip(hosts, before))


def at_most(name, came, limit):
    """Fails where more came than that."""
    if came > limit:
        raise Failed(f"{name}: {came / KIB:.0f} KiB came, at most {limit / KIB:.0f} were needed")


@case("a new version: only what changed is fetched, wherever that is")
def changed_only(lab):
    _, (desk, *hosts) = lab.net.classroom(["teacher", "s1", "s2"])
    folder = folder_of_files(lab)
    data = folder / "data.bin"
    teacher = lab.teacher(desk)
    students = [lab.student(host) for host in hosts]
    lab.joined(students)

    def share(command):
        teacher.type(f"{command} {folder}")
        return folder
    whole = measured(lab, hosts, students, lambda: share("/share"))
    assert whole > SIZE + SMALL * SMALL_SIZE, "not all of it came over this network"

    def edit():
        with open(data, "r+b") as file:
            file.seek(5 * MIB)
            file.write(b"here the teacher changed something")
        return share("/replace 1")
    edited = measured(lab, hosts, students, edit)

    def add():
        # Comes first in the order of names: every small file after it is cut elsewhere.
        lab.file("lab3/src/000-new.c", 300 * KIB, seed=7)
        return share("/replace 1")
    added = measured(lab, hosts, students, add)

    def insert():
        content = data.read_bytes()
        data.write_bytes(content[:SIZE // 2] + b"more" + content[SIZE // 2:])
        return share("/replace 1")
    inserted = measured(lab, hosts, students, insert)
    chunk = 512 * KIB
    lab.note(whole_kib=whole >> 10, edited_kib=edited >> 10, added_kib=added >> 10, inserted_kib=inserted >> 10)
    at_most("an edit in place", edited, chunk + 100 * KIB)
    at_most("an added file", added, 300 * KIB + chunk + 100 * KIB)
    # What stands behind an insertion is cut elsewhere and comes again; what is before it does not.
    at_most("an insertion", inserted, SIZE // 2 + 2 * chunk + 100 * KIB)


@case("a file that is on the disk from another set or an earlier session is not fetched again")
def same_again(lab):
    _, (desk, *hosts) = lab.net.classroom(["teacher", "s1", "s2"])
    folder = folder_of_files(lab)
    data = folder / "data.bin"
    teacher = lab.teacher(desk)
    students = [lab.student(host) for host in hosts]
    lab.joined(students)

    def share(path):
        teacher.type(f"/share {path}")
        return path
    whole = measured(lab, hosts, students, lambda: share(data))
    twice = measured(lab, hosts, students, lambda: share(data))
    # In there its chunks are of another size.
    inside = measured(lab, hosts, students, lambda: share(folder))
    for program in (teacher, *students):
        program.interrupt()
        program.wait_end()
    teacher = lab.teacher(desk)
    students = [lab.student(host) for host in hosts]
    lab.joined(students)
    later = measured(lab, hosts, students, lambda: share(folder))
    lab.note(whole_kib=whole >> 10, twice_kib=twice >> 10, inside_kib=inside >> 10, later_kib=later >> 10)
    assert whole > SIZE, "not all of it came over this network"
    at_most("the same file twice", twice, 100 * KIB)
    at_most("the same file in a folder", inside, SMALL * SMALL_SIZE + 100 * KIB)
    at_most("the same folder in another session", later, 100 * KIB)


@case("a new version never overwrites a copy that the student has changed")
def edited_copy(lab):
    _, (desk, host) = lab.net.classroom(["teacher", "s1"])
    folder = folder_of_files(lab)
    teacher = lab.teacher(desk, folder)
    student = lab.student(host)
    saved = student.wait("item", 30, progress__progress="saved")["progress"]["path"]
    mine, data = os.path.join(saved, "src/007.c"), os.path.join(saved, "data.bin")
    for path in (mine, data):
        with open(path, "r+b") as file:
            file.write(b"my own work")
    lab.file("lab3/src/007.c", SMALL_SIZE + 1, seed=9)
    with open(folder / "data.bin", "r+b") as file:
        file.seek(9 * MIB)
        file.write(b"here the teacher changed something")
    before = host.received()
    teacher.type(f"/replace 1 {folder}")
    student.wait("item", 30, version=2, progress__progress="saved")
    came = host.received() - before
    for path in (mine, data):
        with open(path, "rb") as file:
            assert file.read(11) == b"my own work", f"{path} was overwritten"
    lab.same(folder / "src/007.c", os.path.join(saved, "src/007 (version 2).c"), "s1")
    lab.same(folder / "data.bin", os.path.join(saved, "data (version 2).bin"), "s1")
    lab.same(folder / "src/008.c", os.path.join(saved, "src/008.c"), "s1")
    lab.note(came_kib=came >> 10)
    # The chunk that the student changed comes as well, and what shares a chunk with the small file.
    at_most("the new version", came, 4 * 512 * KIB + 100 * KIB)
