"""build-aux/check-tree: each rule is shown a tree that breaks it, and one that does not."""

import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
GOOD = {
    "src/engine/lib.rs": "//! The engine.\n#![forbid(unsafe_code)]\n",
    "src/engine/core/feed.rs": "use std::collections::BTreeMap;\nuse std::net::SocketAddr;\n// No HashMap: see std::time::Instant.\n",
    "src/app/window.ui": '<property name="label" translatable="yes">Share</property>\n',
    "po/POTFILES": "src/app/window.ui\n",
}


class CheckTree(unittest.TestCase):
    def says(self, **changed):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["git", "init", "-q", folder], check=True)
            for name, text in {**GOOD, **changed.get("files", {})}.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            done = subprocess.run([TOP / "build-aux/check-tree", folder], capture_output=True, text=True, check=False)
            self.assertEqual(done.stderr, "")
            self.assertEqual(done.returncode, 1 if done.stdout else 0)
            return done.stdout

    def refuses(self, name, text, word):
        said = self.says(files={name: text})
        self.assertIn(word, said)
        self.assertTrue(all(line.startswith(name) or "po/POTFILES" in line for line in said.splitlines()), said)

    def test_a_good_tree_passes(self):
        self.assertEqual(self.says(), "")

    def test_refuses_long_files(self):
        self.refuses("src/app/window.rs", "\n" * 401, "401 lines; at most 400")
        self.refuses("src/engine/net/tcp.rs", "\n" * 601, "601 lines; at most 600")
        self.assertEqual(self.says(files={"src/engine/net/tcp.rs": "\n" * 600}), "")

    def test_refuses_a_core_that_touches_the_world(self):
        for text in (
            "use std::time::Instant;",
            "let now = SystemTime::now();",
            "use std::net::UdpSocket;",
            "std::fs::read(path)",
            "std::thread::spawn(f)",
            "use smol::Timer;",
            "rusqlite::Connection",
            "HashMap::new()",
            "rand::thread_rng()",
        ):
            with self.subTest(text):
                self.refuses("src/engine/core/swarm.rs", text + "\n", "in the pure part of the engine")
                self.refuses("src/engine/sim/net.rs", text + "\n", "in the pure part of the engine")
                self.assertEqual(self.says(files={"src/engine/net/tcp.rs": text + "\n"}), "")

    def test_lets_a_test_of_the_core_read_a_file_but_no_clock(self):
        module = {"src/engine/core/mod.rs": "#[cfg(test)]\nmod examples;\n"}
        name = "src/engine/core/examples.rs"
        self.assertEqual(self.says(files={**module, name: 'std::fs::read("docs/PROTOCOL.md")\n'}), "")
        self.assertIn("a clock", self.says(files={**module, name: "Instant::now()\n"}))
        self.assertIn("a file", self.says(files={"src/engine/core/mod.rs": "mod examples;\n", name: "std::fs::read(p)\n"}))

    def test_refuses_an_engine_that_may_be_unsafe(self):
        self.refuses("src/engine/lib.rs", "//! The engine.\n", "must forbid unsafe")

    def test_refuses_what_is_left_open(self):
        self.refuses("src/cli/main.rs", "fn main() { to" + "do!() }\n", "left open")
        self.refuses("src/cli/main.rs", "#[igno" + "re]\n", "left open")

    def test_refuses_paths_of_one_machine_and_registry_hosts(self):
        self.refuses("README.md", "see /wo" + "rk/main/x\n", "path of one machine")
        self.refuses("README.md", "https://static.crates" + ".io/x\n", "registry")
        self.assertEqual(self.says(files={"README.md": "/home/ada/x, ~/.cache, $XDG/root/y, target/root/z\n"}), "")

    def test_refuses_strings_that_no_translator_sees(self):
        self.refuses("src/app/row.rs", 'let text = gettext("Saved");\n', "not in po/POTFILES")
        self.refuses("src/app/row.ui", '<p translatable="yes">Saved</p>\n', "not in po/POTFILES")
        self.refuses("data/file-managers/menu.py", 'label = gettext("Send")\n', "not in po/POTFILES")
        self.refuses("po/POTFILES", "src/app/window.ui\nsrc/app/gone.ui\n", "not there")
        self.refuses("po/POTFILES", "src/app/window.ui\nsrc/engine/lib.rs\n", "no strings")


if __name__ == "__main__":
    unittest.main()
