"""Send to Session in the menu of Files (Nautilus) and Caja, by nautilus-python and python-caja.

Installed as SHARE/nautilus-python/extensions/handout.py and SHARE/caja-python/extensions/handout.py: which of the two it is,
it sees by its folder. What it calls is SHARE/handout-send/send-to-session. Without Handout there is no entry.
"""

import gettext as translations
import importlib
import subprocess
from pathlib import Path

from gi.repository import GLib, GObject

HERE = Path(__file__).absolute()
SHARE = HERE.parents[2]
SEND = SHARE / "handout-send" / "send-to-session"
FileManager = importlib.import_module("gi.repository." + ("Caja" if "caja" in HERE.parents[1].name else "Nautilus"))
# Where the program itself has put the entry, it may write no other folder.
LOCALE = next(filter(Path.exists, [SEND.parent / "locale"]), SHARE / "locale")
gettext = translations.translation("handout", LOCALE, fallback=True).gettext


def send(_item, paths):
    """Hands the files over, and lets the system forget the process when it has ended."""
    process = subprocess.Popen([SEND, *paths], start_new_session=True)
    GLib.child_watch_add(GLib.PRIORITY_DEFAULT, process.pid, lambda *_ended: None)


def is_there():
    """Whether there is a Handout to hand files to."""
    try:
        return subprocess.run([SEND, "--check"], check=False).returncode == 0
    except OSError:
        return False


class HandoutMenu(GObject.GObject, FileManager.MenuProvider):
    """The entry in the menu of the selected files."""

    def get_file_items(self, *given):
        """One entry, where all files have a path. Caja, and Nautilus before 43, give their window first."""
        paths = [file.get_location().get_path() for file in given[-1]]
        if not paths or None in paths or not is_there():
            return []
        item = FileManager.MenuItem(
            name="Handout::send",
            label=gettext("Send to Session"),
            tip=gettext("Share the selected files and folders in the running session"),
        )
        item.connect("activate", send, paths)
        return [item]
