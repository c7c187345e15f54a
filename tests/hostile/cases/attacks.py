"""One hostile machine beside a class of eight, at 64 Mbit/s each."""
import os
import pathlib
import time

from lib.case import Failed, case

HOSTILE = pathlib.Path(__file__).resolve().parents[3] / "target/release/examples/hostile"
STUDENTS = [f"s{number}" for number in range(1, 9)]
# Mbit/s of every cable, and MiB of the file: without attack a class takes two seconds and a bit.
RATE, SIZE = 64, int(os.environ.get("HANDOUT_HOSTILE_MIB", "16"))
# How much longer the class may take: beside somebody who was admitted, and beside a flood.
MEMBER, FLOOD = 1.3, 1.5
# By how many bytes an attack may make the teacher's program grow.
GROWTH = 48 << 20
BROADCAST = "10.60.0.255"


class Attacked:
    """A class that knows how long it takes undisturbed."""

    def __init__(self, lab, *argv, others=()):
        if not os.access(HOSTILE, os.X_OK):
            raise Failed(f"{HOSTILE} is not there: cargo build --release -p handout-engine --example hostile")
        self.lab = lab
        _, hosts = lab.net.classroom(["teacher", *STUDENTS, "late", "mallory", *others])
        for host in hosts:
            host.slow(RATE)
            host.slow_port(RATE)
        seats, hosts = hosts[1:9], [hosts[0], *hosts[9:]]
        self.desk, self.empty, self.mallory, *self.others = hosts
        self.began = time.monotonic()
        self.teacher = lab.teacher(self.desk, *argv)
        self.students = [lab.student(host) for host in seats]
        lab.joined(self.students, 20)
        self.session = self.teacher.has("started")["session"]
        self.alone = self.share("alone.bin", 1)
        self.before = self.teacher.memory()

    def share(self, name, seed):
        """Shares a file; gives the seconds until the last student has saved it, byte for byte."""
        path = self.lab.file(name, SIZE << 20, seed)
        began = time.monotonic()
        self.teacher.type(f"/share {path}")
        self.lab.saved(self.students, path, 60)
        return time.monotonic() - began

    def attack(self, kind, **words):
        """Starts an attack; returns once it has begun."""
        attacker = self.lab.program("mallory", [str(HOSTILE), kind, *(f"{key}={value}" for key, value in words.items())], self.mallory)
        attacker.wait("ready", 20)
        return attacker

    def intrude(self, kind, **words):
        """Starts an attack by somebody who is admitted; returns once it is linked with everybody."""
        attacker = self.attack(kind, to="10.60.0.1", **words)
        self.lab.wait(lambda: any(line["links"] >= len(STUDENTS) + 1 for line in attacker.all("did")), 20, "links with everybody")
        return attacker

    def newcomer(self):
        """A student who comes during the attack is let in."""
        began = time.monotonic()
        late = self.lab.student(self.empty)
        self.lab.joined([late], 20)
        self.lab.note(newcomer_s=round(time.monotonic() - began, 2))

    def survives(self, attacker, limit, events="did"):
        """The class has a file in nearly the usual time, hears a message, and nothing grows without bound."""
        attacker.wait(events)
        attacked = self.share("attacked.bin", 2)
        began = time.monotonic()
        self.teacher.type("still here")
        self.lab.told(self.students, "still here")
        told = time.monotonic() - began
        self.newcomer()
        attacker.wait(events)
        if attacker.ended_at:
            raise Failed(f"the attack ended by itself\n{attacker.tail()}")
        grown = max(0, self.teacher.memory() - self.before)
        self.lab.note(alone_s=round(self.alone, 2), attacked_s=round(attacked, 2), ratio=round(attacked / self.alone, 2),
                      told_ms=round(told * 1000), grown_mib=round(grown / (1 << 20), 1))
        if attacked > limit * self.alone:
            raise Failed(f"the class took {attacked:.2f} s instead of {self.alone:.2f} s")
        if grown > GROWTH:
            raise Failed(f"the teacher's program grew by {grown >> 20} MiB")
        for one in (self.teacher, *self.students):
            if one.has("warning", kind="alarm"):
                raise Failed(f"{one.name} was alarmed\n{one.tail()}")
        return attacker.all(events)[-1]

    def only_the_real_session(self):
        """Nobody took part in another session."""
        for one in self.students:
            others = [line for line in one.all("session", state__state="joined") if line["session"] != self.session]
            if others:
                raise Failed(f"{one.name} joined {others}")


@case("ten thousand small packets a second to the teacher")
def packet_flood(lab):
    room = Attacked(lab)
    did = room.survives(room.attack("packets", to="10.60.0.1", rate=10_000), FLOOD)
    lab.note(a_second=did["done"] // did["seconds"])


@case("two thousand forged announcements a second to everybody")
def announcement_flood(lab):
    room = Attacked(lab)
    did = room.survives(room.attack("announcements", to=BROADCAST, rate=2_000), FLOOD)
    lab.note(a_second=did["done"] // did["seconds"])
    room.only_the_real_session()


@case("five hundred connections a second from one address")
def connection_flood(lab):
    room = Attacked(lab)
    did = room.survives(room.attack("connect", to="10.60.0.1", rate=500, **{"from": "10.60.0.11"}), FLOOD)
    lab.note(a_second=did["done"] // did["seconds"])


@case("five hundred connections a second from a hundred addresses")
def connection_flood_from_many(lab):
    room = Attacked(lab)
    room.mallory.ip(*(f"addr add 10.60.0.{number}/24 dev eth0" for number in range(100, 200)))
    words = {"to": "10.60.0.1", "rate": 500, "from": "10.60.0.100", "addresses": 100}
    did = room.survives(room.attack("connect", **words), FLOOD)
    lab.note(a_second=did["done"] // did["seconds"])


@case("connections that send what is no handshake")
def garbage(lab):
    room = Attacked(lab)
    room.survives(room.attack("garbage", to="10.60.0.1", rate=200, **{"from": "10.60.0.11"}), FLOOD)


@case("handshakes that go on by a byte a second")
def slow_handshakes(lab):
    room = Attacked(lab)
    room.survives(room.attack("trickle", to="10.60.0.1", rate=100, **{"from": "10.60.0.11"}), FLOOD)


@case("asks are never answered by more bytes than they cost")
def amplification(lab):
    room = Attacked(lab)
    attacker = room.attack("asks", to=BROADCAST, rate=1_000)
    before = room.mallory.sent(), room.mallory.received()
    room.survives(attacker, FLOOD)
    sent, came = (now - then for now, then in zip((room.mallory.sent(), room.mallory.received()), before))
    lab.note(sent_kib=sent >> 10, came_kib=came >> 10)
    if came > sent:
        raise Failed(f"{sent} bytes of asks brought {came} bytes to who asked")


@case("a session of somebody whom nobody trusts is shown, and joined by nobody")
def fake_session(lab):
    room = Attacked(lab)
    attacker = room.attack("fake", to=BROADCAST, name="Dr Nobody", title="Lab")
    room.survives(attacker, MEMBER)
    room.only_the_real_session()
    for one in room.students:
        if not any(line["session"] != room.session for line in one.all("session", state__state="unknown")):
            raise Failed(f"{one.name} never heard of it: nothing was tried")
    if came := attacker.all("came")[-1]["connections"]:
        raise Failed(f"{came} connections came to somebody whom nobody trusts")


@case("a session under a certificate that the institution never signed is not even shown")
def forged_certificate(lab):
    room = Attacked(lab)
    attacker = room.attack("fake", to=BROADCAST, name="Dr Nobody", title="Lab", institution="heard")
    if not room.survives(attacker, MEMBER)["done"]:
        raise Failed("nothing left the attacker: nothing was tried")
    for one in room.students:
        if any(line["session"] != room.session for line in one.all("session")):
            raise Failed(f"{one.name} shows the forged session")


@case("announcements are heard, altered and sent again, also after the end: nobody follows")
def replayed_announcements(lab):
    room = Attacked(lab)
    attacker = room.attack("replay", to=BROADCAST)
    room.survives(attacker, MEMBER)
    room.only_the_real_session()
    room.teacher.type("/end")
    lab.everybody(room.students, "session", 10, state__state="ended")
    ended = [len(one.all("session")) for one in room.students]
    attacker.wait("did", count=len(attacker.all("did")) + 3)
    for one, count in zip(room.students, ended):
        if [line for line in one.all("session")[count:] if line["state"]["state"] in ("joined", "joining")]:
            raise Failed(f"{one.name} went back to a session that had ended\n{one.tail()}")


@case("frames that cannot be, each on a proven link")
def frames(lab):
    room = Attacked(lab)
    attacker = room.attack("frames", to="10.60.0.1")
    room.survives(attacker, FLOOD, "sent")
    attacker.wait("round", 60)


@case("a student writes as the teacher, above a student's rights, altered, replayed and out of order: nobody takes it")
def forged_entries(lab):
    room = Attacked(lab)
    attacker = room.intrude("forge")
    room.survives(attacker, MEMBER)
    for one in (room.teacher, *room.students):
        forged = [line for line in one.all("posted") if "forged" in str(line["content"])]
        if forged or one.has("session", state__state="ended"):
            raise Failed(f"{one.name} took {forged or 'the end'}")
    texts = {one.name: lab.texts(one) for one in room.students}
    if any(shown != ["still here"] for shown in texts.values()):
        raise Failed(f"not every student saw what the teacher wrote, once: {texts}")


def talks(lab, age):
    """Somebody writes without end; as many messages are shown as the rules allow."""
    room = Attacked(lab, "--texts", "all")
    began = time.monotonic()
    did = room.survives(room.intrude("talk", age=age), MEMBER)
    # Five at once, and then one a second, by each device's own clock; those that say that they are old, by the session's age besides.
    most = 5 + (time.monotonic() - began) + 2
    most = 5 + (time.monotonic() - room.began) + most if age else most
    shown = {one.name: sum("nonsense" in text for text in lab.texts(one)) for one in (room.teacher, *room.students)}
    lab.note(sent=did["sent"], shown_most=max(shown.values()))
    if not 1 <= max(shown.values()) <= most:
        raise Failed(f"not between one and {most:.0f} of the messages came through: {shown}")


@case("a student who writes without end is heard at the usual rate, and nobody else waits")
def message_flood(lab):
    talks(lab, 0)


@case("messages that are dated back do not come through faster")
def backdated_flood(lab):
    talks(lab, 3_600)


@case("a student who says that it has everything, and gives nothing")
def staller(lab):
    room = Attacked(lab)
    did = room.survives(room.intrude("lie"), MEMBER)
    lab.note(asked_for=did["asked_for"])


@case("a student who gives other bytes than it was asked for")
def poisoner(lab):
    room = Attacked(lab)
    did = room.survives(room.intrude("poison"), MEMBER)
    lab.note(asked_for=did["asked_for"], given=did["given"])
    if not did["given"]:
        raise Failed("nobody asked it for anything: nothing was tried")


@case("a student who takes everything, again and again, and gives nothing")
def leech(lab):
    room = Attacked(lab)
    room.survives(room.intrude("leech"), MEMBER)
