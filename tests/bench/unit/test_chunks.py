"""The curve of chunk sizes: what the simulator tells, and what is drawn of it."""

import re
import types
import unittest

from bench import chunks, summary, svg

ONE = chunks.CLASSES[0]


def line(kib, seed, ratio, program="aaa"):
    return {"case": ONE.case(kib), "system": chunks.SYSTEM, "repeat": seed, "program": program, "ok": True, "void": False, "ratio": ratio}


class Told(unittest.TestCase):
    def test_the_ratio_is_read_from_what_the_simulator_prints(self):
        told = "class                 ratio others copies\nown                   1.123   0.00   1.00\n"
        self.assertEqual(chunks.told_of(told), {"ok": True, "ratio": 1.123})

    def test_a_class_that_did_not_end_has_no_ratio(self):
        told = chunks.told_of("class ratio\nown inf\n  host 3 waits for 20 s\n")
        self.assertEqual(told, {"ok": False, "error": "host 3 waits for 20 s"})

    def test_what_is_no_class_is_refused(self):
        with self.assertRaises(ValueError):
            chunks.told_of("class bare\nown 1.1\n")


class Curve(unittest.TestCase):
    def test_nothing_is_drawn_of_nothing(self):
        self.assertIsNone(chunks.curve({}))

    def test_medians_of_the_newest_state_are_drawn_and_told(self):
        lines = [line(16, 1, 9.0, "old"), line(16, 1, 1.5), line(16, 2, 1.2), line(16, 3, 1.3), line(1024, 1, 1.1), line(64, 1, 1.1),
                 line(64, 2, None) | {"ok": False}]
        drawn = chunks.curve(summary.summarise(lines))
        self.assertIn("16 KiB 1.30, 1024 KiB 1.10", drawn)

    def test_each_size_is_as_far_from_the_next(self):
        points = [(kib, 1.0 + kib / 1024) for kib in (16, 32, 64)]
        drawn = svg.chart("a", "b", "c", "d", [svg.Series("e", points)], low=1.0, double=True)
        across = [float(x) for x, _ in re.findall(r"([\d.-]+) ([\d.-]+)", re.search(r'class="line s0" d="M([^"]+)"', drawn)[1])]
        self.assertAlmostEqual(across[1] - across[0], across[2] - across[1], places=0)
        self.assertEqual(across[0], svg.LEFT)


class Runs(unittest.TestCase):
    def test_what_is_there_of_this_state_is_not_simulated_again(self):
        options = types.SimpleNamespace(again=False, sim="/not/there")
        results = types.SimpleNamespace(has=lambda line: line["system"] == chunks.SYSTEM and line["program"] == "aaa")
        self.assertEqual(chunks.run(options, results, {"program": "aaa"}), 0)
        with self.assertRaises(FileNotFoundError):
            chunks.run(options, results, {"program": "bbb"})


if __name__ == "__main__":
    unittest.main()
