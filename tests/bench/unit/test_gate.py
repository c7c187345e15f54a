"""What passes the gate."""

import unittest

from bench import gate


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
