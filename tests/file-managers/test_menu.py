"""handout.py, in Nautilus and in Caja: Nautilus with its own introspection, Caja with a double (Debian 13 has it not with us)."""

import importlib.util
import shutil
import sys
import types

import gi
from gi.repository import Gio, GObject

from shared import FILES, Desk


class Selected:
    """A file as the file managers hand it to extensions."""

    def __init__(self, path=None, address=None):
        self.location = Gio.File.new_for_path(path) if path else Gio.File.new_for_uri(address)

    def get_location(self):
        return self.location


class Item(GObject.Object):
    """Caja's item of a menu."""

    __gsignals__ = {"activate": (GObject.SignalFlags.RUN_LAST, None, ())}

    def __init__(self, name, label, tip):
        super().__init__()
        self.props_given = (name, label, tip)


class Provider(GObject.GInterface):
    """Caja's interface."""


class Menu:
    """The tests that both file managers pass."""

    FOLDER = ""

    def setUp(self):
        super().setUp()
        place = self.share / self.FOLDER / "extensions/handout.py"
        place.parent.mkdir(parents=True)
        shutil.copy2(FILES / "handout.py", place)
        spec = importlib.util.spec_from_file_location(f"handout_{type(self).__name__}_{id(self)}", place)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.menu = module.HandoutMenu()

    def test_sends_every_name(self):
        self.program("handout")
        (item,) = self.menu.get_file_items([Selected(path) for path in self.odd])
        called = self.recorded(lambda: item.emit("activate"))
        self.assertEqual(called, ["handout", "--", *self.odd])

    def test_takes_the_window_that_older_versions_give(self):
        self.program("handout")
        self.assertEqual(len(self.menu.get_file_items(None, [Selected("/a"), Selected("/b")])), 1)

    def test_has_no_entry_without_the_program(self):
        self.assertEqual(self.menu.get_file_items([Selected("/a")]), [])

    def test_has_no_entry_when_what_it_calls_is_gone(self):
        self.send.unlink()
        self.assertEqual(self.menu.get_file_items([Selected("/a")]), [])

    def test_has_no_entry_for_what_has_no_path(self):
        self.program("handout")
        self.assertEqual(self.menu.get_file_items([Selected("/a"), Selected(address="recent:///x")]), [])
        self.assertEqual(self.menu.get_file_items([]), [])


class Nautilus(Menu, Desk):
    FOLDER = "nautilus-python"

    def setUp(self):
        # As nautilus-python does before it loads extensions, with the version that it was built for.
        known = gi.Repository.get_default().enumerate_versions("Nautilus")
        gi.require_version("Nautilus", known[0])
        super().setUp()


class Caja(Menu, Desk):
    FOLDER = "caja-python"

    def setUp(self):
        double = types.ModuleType("gi.repository.Caja")
        double.MenuProvider, double.MenuItem = Provider, Item
        sys.modules["gi.repository.Caja"] = double
        self.addCleanup(sys.modules.pop, "gi.repository.Caja")
        super().setUp()
