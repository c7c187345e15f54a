"""The entries of Thunar, Nemo and Dolphin: each one's own command line, run by the file manager's own rules."""

import configparser
import shlex
import subprocess

import gi

gi.require_version("GioUnix", "2.0")
from gi.repository import Gio, GioUnix, GLib  # noqa: E402
from shared import Desk  # noqa: E402


def read(path):
    """A file of groups and keys; case matters, and % is a letter."""
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str
    parser.read(path)
    return parser


class Thunar(Desk):
    def test_sends_every_name(self):
        self.program("handout")
        entry = GioUnix.DesktopAppInfo.new_from_filename(str(self.filled("handout-thunar.desktop")))
        files = [Gio.File.new_for_path(path) for path in self.odd]
        called = self.recorded(lambda: entry.launch(files, None))
        self.assertEqual(called, ["handout", "--", *self.odd])

    def test_takes_files_and_folders_of_every_type(self):
        entry = read(self.filled("handout-thunar.desktop"))["Desktop Entry"]
        self.assertNotIn("MimeType", entry)

    def test_has_no_entry_without_the_program(self):
        path = str(self.filled("handout-thunar.desktop"))
        with self.assertRaises(TypeError):
            GioUnix.DesktopAppInfo.new_from_filename(path)

    def test_is_a_valid_desktop_file(self):
        path = self.filled("handout-thunar.desktop")
        done = subprocess.run(["/usr/bin/desktop-file-validate", path], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))


class Nemo(Desk):
    """Nemo puts addresses for %U, each in the quotes that the action asks for, and then takes the line apart as a shell does."""

    def setUp(self):
        super().setUp()
        self.entry = read(self.filled("handout.nemo_action"))["Nemo Action"]

    def line(self, template, paths):
        quote = {"double": '"', "single": "'"}[self.entry["Quote"]]
        addresses = " ".join(quote + Gio.File.new_for_path(path).get_uri() + quote for path in paths)
        _, words = GLib.shell_parse_argv(template.replace("%U", addresses))
        return words

    def test_sends_every_name(self):
        self.program("handout")
        called = self.recorded(lambda: self.run_entry(self.line(self.entry["Exec"], self.odd)))
        self.assertEqual(called[:2], ["handout", "--"])
        self.assertEqual([Gio.File.new_for_uri(address).get_path() for address in called[2:]], self.odd)

    def test_has_no_entry_without_the_program(self):
        word, command = self.entry["Conditions"].rstrip(";").split(" ", 1)
        self.assertEqual(word, "exec")
        words = self.line(command, [])
        self.assertNotEqual(self.run_entry(words).returncode, 0)
        self.program("handout")
        self.assertEqual(self.run_entry(words).returncode, 0)

    def test_is_shown_for_one_or_many_files_and_folders(self):
        self.assertEqual((self.entry["Selection"], self.entry["Extensions"]), ("notnone", "any;"))


class Dolphin(Desk):
    """KDE takes Exec apart as a shell does, then puts the paths for %F, each one word."""

    def setUp(self):
        super().setUp()
        self.path = self.filled("handout-dolphin.desktop")
        self.menu = read(self.path)

    def test_sends_every_name(self):
        self.program("handout")
        for action in self.menu["Desktop Entry"]["Actions"].rstrip(";").split(";"):
            command = self.menu[f"Desktop Action {action}"]["Exec"]
            words = [part for word in shlex.split(command) for part in (self.odd if word == "%F" else [word])]
            called = self.recorded(lambda words=words: self.run_entry(words))
            self.assertEqual(called, ["handout", "--", *self.odd])

    def test_is_shown_for_local_files_and_folders_of_every_type(self):
        entry = self.menu["Desktop Entry"]
        self.assertEqual((entry["MimeType"], entry["X-KDE-Protocol"]), ("all/all;", "file"))
        self.assertEqual(entry["Type"], "Service")

    def test_does_nothing_without_the_program(self):
        done = self.run_entry([self.send, *self.odd])
        self.assertEqual((done.returncode, done.stderr), (0, b""))
