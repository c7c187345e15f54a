"""Medians, percentiles, bounds and ratios."""

import unittest

from bench import figures

MIB = 1 << 20


class Figures(unittest.TestCase):
    def test_a_median_leaves_out_what_is_not_known(self):
        self.assertEqual(figures.median([3, None, 1, 2]), 2)
        self.assertEqual(figures.median([4, 1]), 2.5)
        self.assertIsNone(figures.median([None]))

    def test_a_percentile_is_a_value_that_was_measured(self):
        self.assertEqual(figures.percentile(range(1, 101), 0.99), 99)
        self.assertEqual(figures.percentile(range(1, 201), 0.99), 198)
        self.assertEqual(figures.percentile([5], 0.99), 5)
        self.assertEqual(figures.percentile([2, 1], 0.5), 1)
        self.assertEqual(figures.percentile([3, 1, 2], 1.0), 3)

    def test_on_equal_links_the_bound_is_one_copy(self):
        self.assertEqual(figures.bound(32 * MIB, MIB, [MIB] * 50, [MIB] * 50), 32)

    def test_the_slowest_link_bounds_too(self):
        self.assertEqual(figures.bound(32 * MIB, MIB, [MIB] * 7 + [MIB / 10], [MIB] * 8), 320)

    def test_all_uplinks_together_bound_too(self):
        self.assertEqual(figures.bound(32 * MIB, MIB, [MIB] * 4, [0] * 4), 128)

    def test_cpu_seconds_are_counted_for_what_reached_students(self):
        self.assertEqual(figures.per_gib(6.0, 128 * MIB, 24), 2.0)
        self.assertIsNone(figures.per_gib(None, 128 * MIB, 24))

    def test_a_ratio_needs_both(self):
        self.assertEqual(figures.ratio(3, 2), 1.5)
        self.assertIsNone(figures.ratio(None, 2))
        self.assertIsNone(figures.ratio(3, None))

    def test_figures_are_rounded_inside_of_lists_too(self):
        self.assertEqual(figures.rounded({"a": [1.23456, 2], "b": {"c": 0.00004}, "d": "x"}, 4),
                         {"a": [1.2346, 2], "b": {"c": 0.0}, "d": "x"})
