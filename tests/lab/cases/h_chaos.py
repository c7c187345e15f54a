"""Programs that are killed at random moments, the teacher's among them, on machines that sleep, fall silent and have wrong clocks.
HANDOUT_KILLS and HANDOUT_SEED make it longer or another."""
import os
import pathlib
import random
import time

from lib import faults, files
from lib.case import Failed, case

KILLS = int(os.environ.get("HANDOUT_KILLS", "24"))
SEED = int(os.environ.get("HANDOUT_SEED", "1"))
STUDENTS = [f"s{number}" for number in range(1, 7)]
# Mbit/s of every cable, and MiB of one file: about half a second each.
RATE, SIZE = 100, 6
# A session that was shown is asked for again after so many seconds at the latest.
PATIENCE = 90


class Class:
    """A class whose programs are killed and started again."""

    def __init__(self, lab, chance):
        self.lab, self.chance = lab, chance
        names = ["teacher", *STUDENTS]
        _, hosts = lab.net.classroom(names)
        for host in hosts:
            host.slow(RATE)
            host.slow_port(RATE)
        self.hosts = dict(zip(names, hosts))
        # The calendar of half the class is wrong by a year, and that of the teacher may be.
        wrong = chance.sample(STUDENTS, len(STUDENTS) // 2)
        self.years = {name: chance.choice((-1, 1)) for name in wrong} | {"teacher": chance.choice((-1, 0, 1))}
        self.running, self.shown = {}, {name: set() for name in names}
        self.files, self.said = [], 0
        self.running["teacher"] = lab.teacher(self.hosts["teacher"], env=self.clock("teacher"))
        self.session = self.running["teacher"].has("started")["session"]
        for name in STUDENTS:
            self.running[name] = lab.student(self.hosts[name], env=self.clock(name))
        lab.joined([self.running[name] for name in STUDENTS], 20)

    def clock(self, name):
        """The environment that makes somebody's calendar what it is."""
        return faults.clock(self.lab, self.years.get(name, 0))

    def start(self, name):
        """Starts a killed program again."""
        if name == "teacher":
            program = self.lab.teacher(self.hosts[name], "--resume", name="teacher", env=self.clock(name))
            if program.has("started")["session"] != self.session:
                raise Failed("the teacher's next start began another session")
        else:
            program = self.lab.student(self.hosts[name], env=self.clock(name))
        self.running[name] = program

    def kill(self, name):
        """Kills a program; what it has shown people counts."""
        self.running[name].kill()
        self.look(name)
        for path in files.visible(self.lab.saves(name)) if name != "teacher" else []:
            self.whole(pathlib.Path(os.fsdecode(path)), name)

    def look(self, name):
        """Takes in what a program has shown; nothing is shown twice in one run."""
        texts = self.lab.texts(self.running[name])
        if len(texts) != len(set(texts)):
            raise Failed(f"{name} was shown a message twice: {texts}")
        self.shown[name].update(texts)

    def whole(self, copy, name):
        """A file under its final name is never half."""
        original = next((path for path in self.files if path.name == copy.name), None)
        if original is None:
            raise Failed(f"{name} has {copy}, which nobody shared")
        self.lab.same(original, copy, name)

    def teach(self):
        """The teacher writes something, and shares something now and then."""
        teacher = self.running["teacher"]
        self.said += 1
        teacher.type(f"message {self.said}")
        if self.said % 4 == 1:
            path = self.lab.file(f"part{len(self.files)}.bin", SIZE << 20, seed=100 + len(self.files))
            self.files.append(path)
            teacher.type(f"/share {path}")

    def settle(self):
        """Everybody has everything that the teacher's feed has, and nothing that was ever shown is missing."""
        teacher = self.running["teacher"]
        teacher.type("the end")
        self.lab.told(self.running.values(), "the end", PATIENCE)
        truth = self.lab.texts(teacher)
        shared = {line["content"]["title"] for line in teacher.all("posted", content__kind="files")}
        for name, program in self.running.items():
            self.lab.wait(lambda one=program: set(self.lab.texts(one)) >= set(truth), PATIENCE, lambda one=name: f"all messages at {one}")
            self.look(name)
            lost = self.shown[name] - set(truth)
            if lost:
                raise Failed(f"{name} was shown {lost}, which is gone from the feed")
            if self.lab.texts(program) != truth:
                raise Failed(f"{name} has another order: {self.lab.texts(program)} instead of {truth}")
            if program.has("warning", kind="alarm"):
                raise Failed(f"{name} was alarmed\n{program.tail()}")
        for path in self.files:
            if path.name in shared:
                self.lab.saved([self.running[name] for name in STUDENTS], path, PATIENCE)
        return len(truth), len(shared)


@case("programs are killed, put to sleep and cut off at random, by wrong clocks: nothing is lost, half or told twice")
def chaos(lab):
    chance = random.Random(SEED)
    room = Class(lab, chance)
    killed = {name: 0 for name in room.running}
    asleep = silent = 0
    for _ in range(KILLS):
        sleeper, mute = (chance.choice(STUDENTS) if chance.random() < 0.3 else None for _ in range(2))
        asleep, silent = asleep + bool(sleeper), silent + bool(mute)
        if sleeper:
            room.running[sleeper].freeze()
        if mute:
            faults.silence(room.hosts[mute])
        room.teach()
        time.sleep(chance.uniform(0.05, 1.2))
        some = chance.sample(sorted(room.running), chance.randint(1, 2))
        for name in some:
            room.kill(name)
            killed[name] += 1
        time.sleep(chance.uniform(0, 0.8))
        if mute:
            faults.heal(room.hosts[mute])
        if sleeper and sleeper not in some:
            room.running[sleeper].thaw()
        for name in some:
            room.start(name)
    began = time.monotonic()
    messages, shared = room.settle()
    lab.note(seed=SEED, kills=sum(killed.values()), of_the_teacher=killed["teacher"], asleep=asleep, silent=silent,
             years=room.years, messages=messages, files=shared,
             seconds_after=round(time.monotonic() - began, 1))
    if KILLS >= 20 and not killed["teacher"]:
        raise Failed("chance never met the teacher: take another seed")
