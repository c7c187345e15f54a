"""A hostile teacher with a session of its own, and two students who have trusted it, beside a class of eight."""
import contextlib
import os
import threading
import unicodedata

from attacks import MEMBER, Attacked
from lib.case import Failed, case

VICTIMS = ("v1", "v2")
TITLE = "Evil"
# By how many bytes the attack may make a victim's program grow.
GROWTH = 64 << 20
# MiB of a victim's disk that stay free, whatever comes; and how many more it may lack for a moment, for journals and names.
RESERVE, SLACK = 64, 4
# Characters and names that no saved file may have.
BAD_CATEGORIES = ("Cc", "Cf", "Zl", "Zp", "Cs")
BAD_CHARACTERS = set('<>:"|?*\\')
DEVICES = {"con", "prn", "aux", "nul"}


class Victims:
    """Two students of the hostile teacher."""

    def __init__(self, lab, attack, disk=None, **words):
        self.lab = lab
        self.room = Attacked(lab, others=VICTIMS)
        self.honest = lab.file("honest.txt", 100_000, 3)
        self.outside = lab.folder / "outside"
        self.outside.mkdir()
        self.attacker = self.room.attack(attack, title=TITLE, students=len(VICTIMS), honest=self.honest, **words)
        self.disks = [lab.disk(name, disk << 20) for name in VICTIMS] if disk else []
        homes = {name: lab.folder / name / "home" for name in VICTIMS}
        for home in homes.values():
            home.mkdir(parents=True)
        self.before = self.listing()
        self.programs = [lab.start(
            name, "join", TITLE, "--trust-any", "--name", name.title(), "--roll", name, "--stdin",
            "--save", lab.saves(name), host=host, env={"HOME": str(homes[name]), "TMPDIR": str(homes[name])})
            for name, host in zip(VICTIMS, self.room.others)]
        lab.joined(self.programs, 30)
        self.memory = [one.memory() for one in self.programs]
        self.attacker.wait("begun", 30)

    def listing(self):
        """Everything that a victim could change and must not, with its size and time."""
        found = {}
        own = {str(place(name)) for name in VICTIMS for place in (self.lab.saves, self.lab.data)}
        for start in (self.outside, *(self.lab.folder / name for name in VICTIMS)):
            for path, folders, names in os.walk(start):
                folders[:] = [name for name in folders if os.path.join(path, name) not in own]
                for name in folders + names:
                    about = os.lstat(os.path.join(path, name))
                    found[os.path.join(path, name)] = about.st_mode, about.st_size, about.st_mtime_ns
        for path in ("/", "/etc", os.getcwd()):
            with contextlib.suppress(OSError):
                found.update((os.path.join(path, name), None) for name in os.listdir(path))
        # Of others, only the one who comes late is new, and what programs say.
        own = [path for path in self.lab.folder.iterdir() if path.suffix not in (".log", ".jsonl")]
        found.update((str(path), None) for path in own if path.name != self.room.empty.name)
        return found

    def safe(self):
        """The class beside it goes on; the victims live, in bounded memory, and nothing is where it should not be."""
        self.room.survives(self.attacker, MEMBER)
        self.room.only_the_real_session()
        for one, before in zip(self.programs, self.memory):
            if one.ended_at:
                raise Failed(f"{one.name} has ended\n{one.tail()}")
            with open(one.log, encoding="utf-8", errors="replace") as log:
                if panic := [line for line in log if "panicked" in line]:
                    raise Failed(f"{one.name}: {panic[0]}")
            grown = max(0, one.peak_memory() - before)
            self.lab.note(**{f"{one.name}_grown_mib": round(grown / (1 << 20), 1)})
            if grown > GROWTH:
                raise Failed(f"{one.name} grew by {grown >> 20} MiB")
        after = self.listing()
        if changed := {path for path in {*self.before, *after} if self.before.get(path, 0) != after.get(path, 0)}:
            raise Failed(f"outside the folder for received files something changed: {sorted(changed)}")

    def tidy(self, whole, empty="none"):
        """Checks each file that a person would see in a receive folder; those of names that begin like `empty` have no bytes."""
        for name in VICTIMS:
            saves = os.fsencode(self.lab.saves(name))
            for path, folders, names in os.walk(saves):
                folders[:] = [one for one in folders if one != b".handout"]
                for each in folders + names:
                    self.named_well(name, each.decode())
                for each in names:
                    with open(os.path.join(path, each), "rb") as file:
                        found = file.read()
                        if found if each.decode().startswith(empty) else not whole(found):
                            raise Failed(f"{name}: {os.path.join(path, each)} is not whole")

    @staticmethod
    def named_well(who, name):
        """Checks a name."""
        bad = any(unicodedata.category(letter) in BAD_CATEGORIES or letter in BAD_CHARACTERS for letter in name)
        device = name.split(".")[0].lower().rstrip() in DEVICES
        if bad or device or name != name.rstrip(". ") or len(name.encode()) > 255 or name.lower().startswith("escaped"):
            raise Failed(f"{who} has a file of the name {name!r}")

    def arrives(self, timeout=60):
        """The honest file comes, byte for byte."""
        self.lab.saved(self.programs, self.honest, timeout)

    def ends(self, kind, progress, timeout=60, **wanted):
        """Every set whose title begins with a word ends in one way; gives the lines that say so."""
        lines = []
        for one in self.programs:
            posts = [line["content"] for line in one.all("posted", content__kind="files")]
            posts = [post for post in posts if post["title"].startswith(kind)]
            if not posts:
                raise Failed(f"{one.name} has heard of nothing that is to be {kind}")
            for post in posts:
                lines.append(self.one_end(one, post, progress, timeout, wanted))
        self.lab.note(**{kind: len(lines) // len(VICTIMS)})
        return lines

    @staticmethod
    def one_end(one, post, progress, timeout, wanted):
        """How one set ended."""
        paths = {f"progress__{key}": value for key, value in wanted.items()}
        try:
            line = one.wait("item", timeout, item=post["item"], progress__progress=progress, **paths)
        except Failed as failed:
            said = [line["progress"] for line in one.all("item", item=post["item"])]
            raise Failed(f"{one.name}: \"{post['title']}\" is not {progress}, but {said[-3:]}\n{failed}") from None
        if progress == "failed" and len(line["progress"]["text"]) < 10:
            raise Failed(f"{one.name} is not told why \"{post['title']}\" failed: {line}")
        return line


def whole(honest):
    """What tells that a file is whole: the honest one, and those whose end is marked."""
    honest = honest.read_bytes()
    return lambda found: found == honest or (found.startswith(b"whole\n") and found.endswith(b"\nend\n"))


@case("a teacher who shares files whose names leave the folder or mislead: each is refused, and the honest one comes")
def teacher_names(lab):
    victims = Victims(lab, "names", outside=lab.folder / "outside")
    victims.arrives()
    victims.ends("refused", "failed", reason="bad-manifest")
    victims.ends("taken", "saved")
    victims.safe()
    # Those whose long names had to be told apart are empty.
    victims.tidy(whole(victims.honest), empty="s" * 200)


@case("a teacher whose manifests lie: each is refused, what never comes costs nothing, and the honest file comes")
def teacher_manifest(lab):
    victims = Victims(lab, "manifests")
    victims.arrives()
    victims.ends("refused", "failed", reason="bad-manifest")
    victims.ends("taken", "saved")
    for one in victims.programs:
        waiting = [line for line in one.all("posted") if line["content"].get("title", "").startswith("waiting")]
        states = {line["progress"]["progress"] for post in waiting for line in one.all("item", item=post["content"]["item"])}
        if not waiting or states != {"waiting"}:
            raise Failed(f"{one.name}: what never comes is {states}")
    victims.safe()
    good = whole(victims.honest)
    victims.tidy(lambda found: good(found) or found == b"\x55" * (20 << 14))


class Watched:
    """The least room that a disk has had."""

    def __init__(self, folders):
        self.folders, self.over = folders, threading.Event()
        self.least = min(map(self.free, folders))
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    @staticmethod
    def free(folder):
        """Bytes that are free."""
        about = os.statvfs(folder)
        return about.f_bavail * about.f_frsize

    def watch(self):
        """Looks every few milliseconds, until it is over."""
        while not self.over.wait(0.01):
            self.least = min(self.least, *map(self.free, self.folders))


@case("a teacher who shares more than the disk has, and more sets than anybody takes: the disk keeps its reserve")
def teacher_disk(lab):
    victims = Victims(lab, "disk", disk=RESERVE + 16)
    watched = Watched(victims.disks)
    victims.arrives()
    for line in victims.ends("refused", "failed", reason="disk-full"):
        if "MiB are free" not in line["progress"]["text"]:
            raise Failed(f"it is not said how much is free: {line}")
    # Those that fit share what there is: some are saved, then there is no more room.
    for one in victims.programs:
        one.wait("item", 60, progress__progress="failed", progress__reason="bad-manifest")
        full = [line for line in one.all("posted", content__kind="files") if line["content"]["title"].startswith("many")]
        many = {line["content"]["item"] for line in full}
        lab.wait(lambda one=one, many=many: any(
            line["item"] in many for line in one.all("item", progress__reason="disk-full")), 60, "a full disk")
    victims.safe()
    watched.over.set()
    lab.note(least_free_mib=round(watched.least / (1 << 20), 1))
    if watched.least < (RESERVE - SLACK) << 20:
        raise Failed(f"only {watched.least >> 20} MiB were free")
    good = whole(victims.honest)
    victims.tidy(lambda found: good(found) or found == b"\x55" * (128 << 14))


@case("a teacher who contradicts itself, floods, jumps, misdates and writes over screens: it is told, and the honest file comes")
def teacher_entries(lab):
    victims = Victims(lab, "entries")
    victims.arrives()
    for one in victims.programs:
        alarm = one.wait("warning", 20, kind="alarm")
        if "two different entries" not in alarm["text"]:
            raise Failed(f"{one.name} is told something else: {alarm}")
    victims.safe()
    for one in victims.programs:
        texts = lab.texts(one)
        if len([text for text in texts if text.startswith("flood")]) != 10_000:
            raise Failed(f"{one.name} has not got every message of the teacher, once")
        if "one word" not in texts or {"another word", "ahead"} & set(texts) or any(len(text) > 16 << 10 for text in texts):
            raise Failed(f"{one.name} took what contradicts, what is ahead or what is too long")
        for line in one.all("session"):
            shown = line["title"] + line["teacher"]
            if any(unicodedata.category(letter) in BAD_CATEGORIES for letter in shown):
                raise Failed(f"{one.name} shows {shown!r}")
        if one.has("posted", content__kind="announcement"):
            raise Failed(f"{one.name} shows an item with a title of 64 KiB")
    victims.tidy(whole(victims.honest))
