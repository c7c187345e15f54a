"""flatpak/check and flatpak/lib/manifest: each rule is shown what breaks it."""

import hashlib
import importlib.machinery
import importlib.util
import json
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def script(path):
    """A script without an ending, as a module."""
    loader = importlib.machinery.SourceFileLoader(path.replace("/", "_"), str(TOP / path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


class Check(unittest.TestCase):
    def setUp(self):
        self.check = script("flatpak/check")
        self.manifest = json.loads((TOP / "flatpak/in.ac.gehu.Handout.json").read_text())

    def test_this_tree_keeps_the_rules(self):
        self.assertEqual(list(self.check.breaches(TOP)), [])

    def test_refuses_permissions_that_are_too_wide(self):
        for one in (
            "--filesystem=host", "--filesystem=home:ro", "--filesystem=xdg-download", "--filesystem=xdg-config:ro", "--filesystem=~/.ssh",
            "--socket=session-bus", "--socket=pulseaudio", "--device=all", "--talk-name=org.freedesktop.*", "--talk-name=org.kde.*",
            "--talk-name=org.freedesktop.Flatpak", "--system-talk-name=org.freedesktop.NetworkManager", "--socket=x11",
            "--own-name=in.ac.gehu.Handout", "--talk-name=org.freedesktop.portal.Documents", "--allow=devel", "--share=network",
        ):
            with self.subTest(one):
                changed = self.manifest | {"finish-args": [*self.manifest["finish-args"], one]}
                self.assertTrue(list(self.check.permissions(changed)))

    def test_refuses_x11_without_wayland(self):
        changed = self.manifest | {"finish-args": ["--socket=fallback-x11", "--share=ipc"]}
        self.assertTrue(list(self.check.permissions(changed)))

    def test_refuses_a_build_with_network_and_a_runtime_without_version(self):
        self.assertTrue(list(self.check.build(self.manifest | {"runtime-version": "master"})))
        self.assertTrue(list(self.check.build(self.manifest | {"build-options": {"build-args": ["--share=network"]}})))

    def test_refuses_an_id_that_is_no_domain(self):
        for app in ("handout", "In.Gehu.Handout", "in.ac-x.Handout"):
            with self.subTest(app):
                self.assertTrue(list(self.check.names(self.manifest | {"id": app}, TOP)))

    def test_refuses_metainfo_without_its_parts(self):
        root = ElementTree.fromstring("<component type='desktop-application'><id>x</id><summary>Ends.</summary></component>")
        said = "\n".join(self.check.metainfo(root))
        for part in ("developer/name", "releases/release", "branding", "content_rating", "no full stop"):
            self.assertIn(part, said)

    def test_refuses_a_desktop_file_that_shows_nothing(self):
        self.assertTrue(list(self.check.desktop("[Desktop Entry]\nName=x\nNoDisplay=true\n")))


class Manifest(unittest.TestCase):
    def setUp(self):
        self.written = script("flatpak/lib/manifest").written
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.archive = Path(folder.name) / "handout-1.tar.gz"
        self.archive.write_bytes(b"sources")
        self.plain = json.loads((TOP / "flatpak/in.ac.gehu.Handout.json").read_text())

    def made(self, *more):
        return json.loads(self.written(json.loads(json.dumps(self.plain)), self.archive, *more))

    def test_names_the_archive_and_its_sum(self):
        (source,) = self.made()["modules"][-1]["sources"]
        self.assertEqual(source["path"], "handout-1.tar.gz")
        self.assertEqual(source["sha256"], hashlib.sha256(b"sources").hexdigest())

    def test_the_public_one_changes_nothing_else(self):
        made = self.made()
        made["modules"][-1]["sources"] = self.plain["modules"][-1]["sources"]
        self.assertEqual(made, self.plain)

    def test_the_stand_in_changes_runtime_and_rust_only(self):
        made = self.made(("org.example.Platform", "org.example.Sdk", "13", "/opt/rust", "/tmp/cargo"))
        self.assertEqual((made["runtime"], made["sdk"], made["runtime-version"]), ("org.example.Platform", "org.example.Sdk", "13"))
        binds = ["--bind-mount=/usr/lib/sdk/rust-stable=/opt/rust", "--bind-mount=/run/cargo-target=/tmp/cargo"]
        self.assertEqual(made["build-options"].pop("build-args"), binds)
        self.assertEqual(made["build-options"]["env"].pop("CARGO_TARGET_DIR"), "/run/cargo-target")
        for key in ("finish-args", "build-options", "command", "cleanup", "add-extensions"):
            self.assertEqual(made[key], self.plain[key])
        self.assertNotIn("sdk-extensions", made)


if __name__ == "__main__":
    unittest.main()
