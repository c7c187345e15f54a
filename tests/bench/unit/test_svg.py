"""Charts: well-formed, accessible, inside their frame."""

import re
import unittest
import xml.dom.minidom

from bench import svg


class Charts(unittest.TestCase):
    def setUp(self):
        series = [svg.Series("a & b", [(1, 1.0), (50, 1.5)]), svg.Series("c", [(1, 1.01), (50, 1.49)]), svg.Series("d", [(1, 8.0), (8, 8.0)])]
        self.text = svg.chart("Time", "What it says", "students", "ratio", series)
        self.root = xml.dom.minidom.parseString(self.text).documentElement

    def test_it_has_a_name_a_description_and_text(self):
        self.assertEqual(self.root.getAttribute("role"), "img")
        self.assertEqual(self.root.getElementsByTagName("title")[0].firstChild.data, "Time")
        self.assertEqual(self.root.getElementsByTagName("desc")[0].firstChild.data, "What it says")
        words = [node.firstChild.data for node in self.root.getElementsByTagName("text")]
        for word in ("students", "ratio", "a & b", "c", "d"):
            self.assertIn(word, words)

    def test_it_serves_dark_pages(self):
        self.assertIn("prefers-color-scheme:dark", self.text)

    def test_lines_differ_without_colour(self):
        dashes = re.findall(r"\.s\d\{stroke:#\w+;stroke-dasharray:([^}]+)\}", self.text)
        self.assertEqual(len(dashes), len(set(dashes)))

    def test_everything_is_inside(self):
        for node in self.root.getElementsByTagName("path"):
            if "line" in node.getAttribute("class"):
                for x, y in re.findall(r"([\d.-]+) ([\d.-]+)", node.getAttribute("d")):
                    self.assertTrue(0 <= float(x) <= svg.WIDTH and 0 <= float(y) <= svg.HEIGHT)

    def test_no_name_hides_another(self):
        heights = sorted(svg.labels([100.0, 101.0, 99.0, 340.0, 345.0]))
        self.assertTrue(all(after - before >= 16.9 for before, after in zip(heights, heights[1:])), heights)

    def test_ticks_are_round(self):
        self.assertEqual(svg.ticks(0, 50), [0, 10, 20, 30, 40, 50])
        self.assertEqual(svg.ticks(0, 1.9), [0, 0.5, 1, 1.5])
        self.assertEqual(svg.ticks(0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1])
