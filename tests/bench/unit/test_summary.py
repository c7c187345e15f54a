"""What lines come to: medians, void runs, bars, tables."""

import unittest

from bench import cases, summary, table


def line(system="handout", repeat=1, case="equal-24-32", program="aaa", **more):
    return {"case": case, "system": system, "repeat": repeat, "program": program, "ok": True, "void": False} | more


def judged(lines, case, value):
    case = cases.named(case)[0]
    bar = next(bar for bar in case.bars if bar.value == value)
    return summary.judge(summary.summarise(lines), case, bar)


class Rows(unittest.TestCase):
    def test_medians_are_of_the_runs_that_count(self):
        lines = [line(repeat=1, ratio=1.1), line(repeat=2, ratio=1.3), line(repeat=3, ratio=9.0, void=True),
                 line(repeat=4, ok=False)]
        row = summary.summarise(lines)["equal-24-32", "handout"]
        self.assertEqual((row.values["ratio"], row.runs, row.failed, row.void), (1.2000000000000002, 2, 1, False))

    def test_where_every_run_is_void_the_row_says_so(self):
        row = summary.summarise([line(ratio=2.0, void=True)])["equal-24-32", "handout"]
        self.assertTrue(row.void)
        self.assertIn(table.VOID, " ".join(table.cells(row)))

    def test_a_run_that_was_made_again_counts_once(self):
        row = summary.summarise([line(ratio=9.0, void=True), line(ratio=1.1)])["equal-24-32", "handout"]
        self.assertEqual((row.values["ratio"], row.runs), (1.1, 1))

    def test_only_the_newest_program_counts_in_each_case_and_all_of_the_others(self):
        lines = [line(case="joiner", ratio=1.2), line("aria2", ratio=2.0), line(ratio=9.0), line("aria2", repeat=2, program="bbb", ratio=3.0), line(program="bbb", ratio=1.1)]
        rows = summary.summarise(lines)
        self.assertEqual(rows["equal-24-32", "handout"].values["ratio"], 1.1)
        self.assertEqual(rows["equal-24-32", "aria2"].values["ratio"], 2.5)
        self.assertEqual(rows["joiner", "handout"].values["ratio"], 1.2)

    def test_values_are_found_at_dotted_paths(self):
        self.assertEqual(summary.value({"a": {"b": 3}}, "a.b"), 3)
        self.assertIsNone(summary.value({"a": 1}, "a.b"))


class Bars(unittest.TestCase):
    def test_a_bar_is_met_at_its_limit(self):
        self.assertEqual(judged([line(case="equal-8-10", ratio=1.25)], "equal-8-10", "ratio"), (1.25, True))
        self.assertEqual(judged([line(case="equal-8-10", ratio=1.26)], "equal-8-10", "ratio"), (1.26, False))

    def test_cheaper_means_less(self):
        lines = [line(cpu_s_per_gib=5.0), line("libtorrent", cpu_s_per_gib=5.0)]
        self.assertEqual(judged(lines, "equal-24-32", "cpu_s_per_gib"), (1.0, False))

    def test_the_fastest_of_the_others_counts(self):
        lines = [line(ratio=1.5), line("libtorrent", ratio=2.0), line("aria2", ratio=1.2), line("uftp", ratio=1.0)]
        self.assertEqual(judged(lines, "equal-24-32", "ratio"), (1.25, False))

    def test_where_a_part_of_the_run_counts_it_alone_may_be_void(self):
        lines = [line(case="slow-five", ratio=1.3, slow_ratio=1.05, machine=0.3, class_machine=0.95)]
        self.assertEqual(judged(lines, "slow-five", "ratio"), (1.3, None))
        self.assertEqual(judged(lines, "slow-five", "slow_ratio"), (1.05, True))
        self.assertEqual(judged([lines[0] | {"class_machine": 0.7}], "slow-five", "ratio"), (1.3, False))

    def test_what_was_not_measured_or_is_void_is_neither_met_nor_missed(self):
        self.assertEqual(judged([], "equal-8-10", "ratio"), (None, None))
        self.assertEqual(judged([line(case="equal-8-10", ratio=1.0, void=True)], "equal-8-10", "ratio"), (1.0, None))
        self.assertEqual(judged([line(ratio=1.0)], "equal-24-32", "ratio"), (None, None))

    def test_a_run_that_failed_misses_the_bar(self):
        lines = [line(case="equal-8-10", ratio=1.0), line(case="equal-8-10", repeat=2, ok=False)]
        self.assertEqual(judged(lines, "equal-8-10", "ratio"), (1.0, False))
        self.assertEqual(judged([line(case="equal-8-10", ok=False)], "equal-8-10", "ratio"), (None, False))

    def test_every_bar_is_of_a_value_that_is_kept(self):
        for case in cases.CASES:
            for bar in case.bars:
                self.assertIn(bar.value, summary.FIELDS)
                for other in bar.against[1:2]:
                    self.assertTrue(other)

    def test_a_case_at_half_its_rate_has_the_same_bars_beside_others_at_half_theirs(self):
        whole, half = (cases.named(name)[0] for name in ("loss", "loss-8"))
        self.assertEqual((whole.mbit, half.mbit, whole.loss), (16, 8, half.loss))
        self.assertEqual([bar.limit for bar in half.bars], [bar.limit for bar in whole.bars])
        self.assertEqual([bar.against for bar in half.bars], [("equal-24-32-8", ("handout",)), ("", ("libtorrent",))])
        self.assertTrue(cases.named("equal-24-32-8"))


class Tables(unittest.TestCase):
    def test_a_table_has_a_row_for_each_system_in_the_order_of_the_page(self):
        rows = summary.summarise([line("nginx", ratio=24.0), line("plain", last=17.5), line(ratio=1.1, last=20.0)])
        self.assertEqual([cells[0] for cells in table.of_case(rows, "equal-24-32")],
                         ["Handout", "one plain TCP copy", "nginx, one curl each"])

    def test_what_is_not_known_is_a_dash(self):
        rows = summary.summarise([line(ratio=1.1, last=20.0)])
        self.assertEqual(table.of_case(rows, "equal-24-32")[0], ("Handout", "1.10", "–", "20.0", "–", "–", "–", "1"))

    def test_a_bar_tells_how_few_runs_there_were(self):
        def met(count, **more):
            lines = [line(case="equal-8-10", repeat=number, ratio=1.2, **more) for number in range(count)]
            return next(cells[-1] for cells in table.of_bars(summary.summarise(lines), only_run=True))
        self.assertEqual([met(1), met(2), met(3), met(3, void=True)], ["yes, 1 run", "yes, 2 runs", "yes", table.VOID])

    def test_markdown_has_as_many_columns_in_every_line(self):
        text = table.markdown(("a", "b"), [("1", "2"), ("3", "4")])
        self.assertEqual(text, "| a | b |\n| --- | ---: |\n| 1 | 2 |\n| 3 | 4 |")


class Names(unittest.TestCase):
    def test_every_case_has_its_own_name_and_equal_ones_are_made_for_the_asking(self):
        names = [case.name for case in cases.CASES]
        self.assertEqual(len(names), len(set(names)))
        made = cases.named("equal-12-7-20")[0]
        self.assertEqual((made.students, made.mbit, made.size), (12, 20, 7 << 20))
        self.assertEqual([case.name for case in cases.named("equal-8-10")], ["equal-8-10"])
        self.assertEqual(cases.named("equal-51-1"), [])
        self.assertEqual(cases.named("nothing"), [])
