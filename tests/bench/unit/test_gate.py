"""What passes the gate."""

import unittest

from bench import cases, gate


class Verdict(unittest.TestCase):
    def test_the_median_counts(self):
        self.assertTrue(gate.verdict([1.2, 9.0, 1.3], 1.3)[0])
        self.assertFalse(gate.verdict([1.2, 1.4, 1.31], 1.3)[0])

    def test_void_runs_do_not_count_and_too_few_fail(self):
        self.assertFalse(gate.verdict([1.0, 1.0], 1.3)[0])
        self.assertFalse(gate.verdict([], 1.3)[0])

    def test_a_run_that_failed_fails(self):
        self.assertFalse(gate.verdict(None, 1.3)[0])

    def test_the_reason_is_told(self):
        self.assertIn("median of 1.200, 1.400, 1.310", gate.verdict([1.2, 1.4, 1.31], 1.3)[1])
        self.assertIn("only 1 runs", gate.verdict([1.0], 1.3)[1])


class Again(unittest.TestCase):
    def test_after_a_void_run_less_is_moved_at_a_time(self):
        first = cases.equal(24, gate.MIB)
        second = gate.slower(first)
        third = gate.slower(second)
        self.assertEqual([case.mbit for case in (first, second, third)], [16, 12, 9])
        self.assertEqual({(case.students, case.size) for case in (first, second, third)}, {(24, gate.MIB << 20)})
        self.assertEqual(third.name, "equal-24-32-9")
