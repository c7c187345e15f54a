"""flatpak/lib/package-tree: a small system, and what of it comes into the tree."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
STATUS = """Package: tool
Status: install ok installed
Depends: libfoo (>= 1), missing | thing, libc:any
Version: 1

Package: libfoo
Status: install ok installed
Pre-Depends: libc
Version: 1

Package: libc
Status: install ok installed

Package: other-thing
Status: install ok installed
Provides: thing (= 2)

Package: unused
Status: install ok installed

Package: gone
Status: deinstall ok config-files
"""
FILES = {
    "tool": ["/.", "/usr", "/usr/bin", "/usr/bin/tool", "/etc/tool.conf", "/usr/share/doc/tool/README", "/usr/bin/alias"],
    "libfoo:amd64": ["/lib/libfoo.so.1"],
    "libc": ["/usr/lib/libc.so"],
    "other-thing": ["/usr/bin/thing.real"],
    "unused": ["/usr/bin/unused"],
}


class PackageTree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root, self.out = Path(folder.name) / "root", Path(folder.name) / "out"
        info = self.root / "var/lib/dpkg/info"
        info.mkdir(parents=True)
        (self.root / "usr/lib").mkdir(parents=True)
        (self.root / "lib").symlink_to("usr/lib")
        (self.root / "var/lib/dpkg/status").write_text(STATUS)
        for package, paths in FILES.items():
            (info / f"{package}.list").write_text("\n".join(paths) + "\n")
            for path in paths:
                place = self.root / path[1:]
                if "." in path or "/bin/" in path:
                    place.parent.mkdir(parents=True, exist_ok=True)
                    if path == "/usr/bin/alias":
                        place.symlink_to("tool")
                    elif path != "/.":
                        place.write_text(path)
        alternatives = self.root / "etc/alternatives"
        alternatives.mkdir(parents=True)
        for name, meant in (("thing", "/usr/bin/thing.real"), ("lost", "/usr/bin/unused")):
            (alternatives / name).symlink_to(meant)
            (self.root / "usr/bin" / name).symlink_to(f"/etc/alternatives/{name}")
        (alternatives / "README").write_text("no link")

    def tree(self, *names):
        listing = self.root / "list"
        listing.write_text("# a comment\n" + "\n".join(names) + "\n")
        done = subprocess.run([TOP / "flatpak/lib/package-tree", self.root, listing, self.out], capture_output=True, text=True, check=False)
        files = {str(path.relative_to(self.out)) for path in self.out.rglob("*") if path.is_symlink() or path.is_file()}
        return done, files

    def test_takes_a_package_and_what_it_needs(self):
        done, files = self.tree("tool")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(files, {
            "usr/bin/tool", "usr/bin/alias", "usr/etc/tool.conf", "usr/lib/libfoo.so.1", "usr/lib/libc.so", "usr/bin/thing.real",
            "usr/bin/thing", "usr/etc/alternatives/thing",
        })
        self.assertEqual(os.readlink(self.out / "usr/bin/alias"), "tool")

    def test_links_instead_of_copying(self):
        self.tree("libc")
        self.assertTrue((self.out / "usr/lib/libc.so").samefile(self.root / "usr/lib/libc.so"))

    def test_says_what_is_not_installed(self):
        done, _ = self.tree("gone")
        self.assertIn("gone is not installed", done.stderr)
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()
