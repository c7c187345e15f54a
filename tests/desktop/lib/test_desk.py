"""The desk itself, tried with a GTK 4 program that is not ours: build-aux/in-root --no-network tests/desktop/lib/run"""

import tempfile
import unittest
from pathlib import Path

from desk import Desk, Failed


class ADesk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.logs = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.desk = cls.enterClassContext(Desk(cls.logs))

    def tearDown(self):
        for program in self.desk.programs:
            program.stop()

    def asks(self, who):
        return self.desk.start(who, "zenity", "--entry", "--text=Course", f"--title={who}")

    def said(self, program):
        self.desk.wait_for(lambda: not program.running(), "the program ends")
        return program.log.read_text()

    def test_finds_types_and_presses(self):
        program = self.asks("ada")
        program.find("text").type("Physics 1")
        self.assertEqual(program.find("text").content, "Physics 1")
        program.find("button", "OK").press()
        self.assertIn("Physics 1", self.said(program))

    def test_two_programs_are_two_people(self):
        ada, bob = self.asks("ada"), self.asks("bob")
        self.assertNotEqual(ada.home, bob.home)
        bob.find("text").type("from bob")
        ada.find("text").type("from ada")
        bob.keys("Return")
        ada.keys("Return")
        self.assertIn("from ada", self.said(ada))
        self.assertIn("from bob", self.said(bob))

    def test_the_keyboard_reaches_the_focused_field(self):
        program = self.asks("ada")
        program.find("button", "OK").focus()
        program.find("text").focus()
        program.write("x & y")
        program.wait_for(lambda: program.find("text").content == "x & y", "the typed text")

    def test_goes_down_a_list_with_the_keyboard(self):
        program = self.desk.start("ada", "zenity", "--list", "--column=Name", "Ada", "Bob", "Eve")
        program.find("label", "Eve")
        program.find("table row", "Eve").focus()
        program.find("button", "OK").press()
        self.assertIn("Eve", self.said(program))

    def test_keeps_a_picture_of_a_window(self):
        program = self.asks("ada")
        program.find("button", "OK")
        program.picture("window.png")
        self.assertEqual((Path(self.logs) / "window.png").read_bytes()[:4], b"\x89PNG")

    def test_says_what_was_there_when_something_is_missing(self):
        program = self.asks("ada")
        program.find("button", "OK")
        with self.assertRaisesRegex(Failed, "(?s)not within 0.2 s: ada: button 'Share'.*button 'OK'"):
            program.find("button", "Share", seconds=0.2)

    def test_says_the_last_words_of_a_program_that_ended(self):
        program = self.desk.start("ada", "sh", "-c", "echo no display >&2; exit 3")
        with self.assertRaisesRegex(Failed, "(?s)ended with 3.*no display"):
            program.find("button", "OK")


if __name__ == "__main__":
    unittest.main()
