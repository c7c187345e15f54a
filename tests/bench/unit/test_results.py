"""The file of results: what is run again and what is not."""

import json
import tempfile
import unittest
from pathlib import Path

from bench.results import Results

DONE = {"case": "equal-8-10", "system": "handout", "repeat": 1, "commit": "aaa", "program": "aaa", "conditions": {"mbit": 64}, "ok": True}


class Resume(unittest.TestCase):
    def setUp(self):
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory())) / "deep" / "results.jsonl"

    def results(self, *lines):
        results = Results(self.path)
        for line in lines:
            results.add(line)
        return Results(self.path)

    def test_a_run_that_is_there_is_not_made_again(self):
        results = self.results(DONE)
        self.assertTrue(results.has(DONE))
        self.assertFalse(results.has(DONE | {"repeat": 2}))
        self.assertFalse(results.has(DONE | {"case": "equal-8-32"}))
        self.assertFalse(results.has(DONE | {"system": "aria2"}))

    def test_a_run_that_failed_or_is_void_is_made_again(self):
        self.assertFalse(self.results(DONE | {"ok": False}).has(DONE))
        self.assertFalse(self.results(DONE | {"void": True}).has(DONE))
        self.assertTrue(self.results(DONE).has(DONE))

    def test_other_conditions_are_another_run(self):
        self.assertFalse(self.results(DONE).has(DONE | {"conditions": {"mbit": 16}}))

    def test_a_change_of_the_program_is_measured_again_and_other_systems_are_not(self):
        other = DONE | {"system": "aria2"}
        results = self.results(DONE, other)
        self.assertFalse(results.has(DONE | {"program": "bbb"}))
        self.assertTrue(results.has(other | {"program": "bbb"}))

    def test_a_commit_elsewhere_changes_nothing(self):
        self.assertTrue(self.results(DONE).has(DONE | {"commit": "bbb"}))

    def test_lines_are_only_added(self):
        self.results(DONE)
        before = self.path.read_bytes()
        self.results(DONE | {"repeat": 2})
        self.assertTrue(self.path.read_bytes().startswith(before))

    def test_a_line_that_was_cut_spoils_no_other(self):
        self.results(DONE)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write('{"case": "equal-8-10", "sys')
        results = self.results(DONE | {"repeat": 2})
        self.assertTrue(results.has(DONE))
        self.assertTrue(results.has(DONE | {"repeat": 2}))
        self.assertEqual(len(results.lines), 2)

    def test_every_line_is_json_of_its_own(self):
        self.results(DONE, DONE | {"repeat": 2, "ratio": 1.123456})
        lines = [json.loads(line) for line in self.path.read_text().splitlines()]
        self.assertEqual(lines[1]["ratio"], 1.1235)
