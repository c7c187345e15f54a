"""The roster of a class: search, problems, a roll number that two students gave."""

import re

import tree
from room import Room


class Story(Room):
    """A teacher and two students who give the same roll number."""

    NUMBER = 2

    def steps(self):
        return [
            ("a teacher and a student meet", self.meet),
            ("without problems the filter says so", self.no_problems),
            ("a roll number that two students gave is flagged", self.duplicate),
            ("the roster is searched with the keyboard", self.search),
            ("a search without result says so", self.nobody),
            ("who joins at the end has the whole feed, in order", self.late),
        ]

    def meet(self):
        self.teacher = self.teaches("people-teacher", "Compilers", "Dr. Iyer")
        self.student = self.comes("people-asha", "Asha Rao", "21BCS001")
        self.trusts(self.student)
        self.teacher.find("list item", re.compile("^Asha Rao · 21BCS001"))

    def no_problems(self):
        self.teacher.find(("toggle button", "radio button"), "Problems").press()
        self.teacher.find("label", "No Problems")
        self.look(self.teacher, "no-problems.png")
        self.teacher.find(("toggle button", "radio button"), "All").press()
        self.teacher.find("list item", re.compile("^Asha Rao"))

    def duplicate(self):
        second = self.comes("people-kabir", "Kabir Singh", "21BCS001")
        self.trusts(second)
        self.teacher.find("list item", re.compile("^Kabir Singh.*Same roll number"))
        self.desk.wait_for(lambda: any("2 here" in words for words in tree.said), "a screen reader is told who is there")
        self.teacher.find("list item", re.compile("^Asha Rao.*Same roll number"))
        self.teacher.find(("toggle button", "radio button"), "Problems (2)").press()
        self.teacher.find("list item", re.compile("^Kabir Singh"))
        self.look(self.teacher, "duplicate.png")
        self.teacher.find(("toggle button", "radio button"), "All").press()

    def search(self):
        self.teacher.keys("ctrl+f")
        search = self.teacher.find(("text", "entry", "search box"), "Find a student")
        self.teacher.wait_for(lambda: any(part.is_in("focused") for part in search.all()), "the search has the keyboard")
        self.teacher.write("kabir 001")
        self.teacher.find("list item", re.compile("^Kabir Singh"))
        self.teacher.wait_for(lambda: not self.teacher.has("list item", re.compile("^Asha Rao")), "only Kabir is shown")

    def nobody(self):
        self.teacher.write("x")
        self.teacher.find("label", "No One Found")
        self.look(self.teacher, "nobody-found.png")
        self.teacher.keys("Escape")
        self.teacher.find("list item", re.compile("^Asha Rao"))

    def late(self):
        lab = self.file("grammar.txt", b"S -> a S b\n" * 500)
        self.say("First: read the grammar.")
        self.teacher.keys("ctrl+o")
        self.teacher.choose("Share Files", lab)
        self.teacher.find("label", lab.name)
        words = f"{lab.name} · All 2 students have it"
        self.desk.wait_for(lambda: any(words in one for one in tree.said), "a screen reader is told that everybody has it")
        self.say("Then write the parser.")
        self.student = self.comes("people-late", "Uma Sen", "21BCS077")
        self.trusts(self.student)
        self.student.find("label", "Saved")
        self.desk.wait_for(lambda: self.received(lab), "the file that was shared before", 30)
        told = [item.name for item in self.student.every("list item")]
        kept = [text for text in told if "grammar" in text or "parser" in text]
        assert len(kept) == 3, told
        assert "First" in kept[0] and lab.name in kept[1] and "Then" in kept[2], kept

    def say(self, text):
        self.teacher.find("text", "Message to all students").type(text)
        self.teacher.find("button", "Send").press()
        self.teacher.find("label", text)
