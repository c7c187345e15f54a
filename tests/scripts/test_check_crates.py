"""The rules for what comes from others."""

import importlib.machinery
import importlib.util
import unittest
from pathlib import Path

PATH = Path(__file__).resolve().parents[2] / "build-aux/check-crates"
LOADER = importlib.machinery.SourceFileLoader("check_crates", str(PATH))
crates = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_crates", LOADER))
LOADER.exec_module(crates)


def package(name, version="1.0.0", **more):
    """What cargo tells of a crate."""
    registry = "registry+https://github.com/rust-lang/the-index"
    return {"name": name, "version": version, "license": "MIT", "source": registry, "dependencies": []} | more


class Licences(unittest.TestCase):
    def test_an_expression_is_met_by_one_side_of_or_and_both_of_and(self):
        allow = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]
        for good in ("MIT", "MIT OR GPL-2.0-only", "MIT/Apache-2.0", "MIT AND ISC", "(Zlib OR MIT) AND ISC", "Zlib AND BSL-1.0 OR MIT"):
            self.assertTrue(crates.allowed(good, allow), good)
        for bad in ("Zlib", "MIT AND Zlib", "Zlib OR BSL-1.0", "(MIT OR Zlib) AND BSL-1.0", "Apache-2.0"):
            self.assertFalse(crates.allowed(bad, allow), bad)
        self.assertTrue(crates.allowed("Apache-2.0 WITH LLVM-exception", allow))

    def test_what_is_not_allowed_or_not_said_is_named(self):
        rules = {"licenses": {"allow": ["MIT"]}}
        found = list(crates.licences([package("a"), package("b", license="Zlib"), package("c", license=None)], rules))
        self.assertEqual(found, ["b 1.0.0 is under Zlib, which deny.toml does not allow", "c 1.0.0 names no licence"])


class Sources(unittest.TestCase):
    def test_a_fork_is_named(self):
        found = list(crates.sources([package("a"), package("own", source=None), package("b", source="git+https://example.org/b")]))
        self.assertEqual(found, ["b 1.0.0 comes from git+https://example.org/b"])


class Twice(unittest.TestCase):
    def rules(self, *skipped):
        return {"bans": {"skip": [{"crate": one} for one in skipped]}}

    def test_two_versions_need_a_reason(self):
        both = [package("syn", "2.0.1"), package("syn", "3.1.0"), package("one")]
        self.assertEqual(len(list(crates.twice(both, self.rules()))), 1)
        self.assertEqual(list(crates.twice(both, self.rules("syn@2"))), [])

    def test_a_reason_is_for_its_version_alone(self):
        both = [package("syn", "20.0.1"), package("syn", "3.1.0")]
        self.assertEqual(len(list(crates.twice(both, self.rules("syn@2")))), 1)

    def test_a_reason_for_nothing_is_named(self):
        self.assertEqual(len(list(crates.twice([package("syn", "3.1.0")], self.rules("syn@2")))), 1)


class Unused(unittest.TestCase):
    def test_what_no_file_names_is_named(self):
        own = package("own", manifest_path="/x/Cargo.toml", source=None)
        asked = lambda name, rename=None: {"name": name, "rename": rename}  # noqa: E731
        own["dependencies"] = [asked("serde-json"), asked("gtk4", "gtk"), asked("gettext-rs"), asked("rand")]
        text = "use serde_json::Value; use gtk::glib; use gettextrs::gettext; let operand = 1;"
        found = list(crates.unused(own, lambda _folder: text))
        self.assertEqual(found, ["own asks for rand and does not use it"])
        own["metadata"] = {"cargo-machete": {"ignored": ["rand"]}}
        self.assertEqual(list(crates.unused(own, lambda _folder: text)), [])


if __name__ == "__main__":
    unittest.main()
