"""The windows in every form they take: light and dark, large text, from right to left, Hindi and Urdu, narrow. To be looked at.

Not among the stories that are told by themselves: it needs a build with scenes and with the translations, and fonts of these
languages in target/fonts.
build-aux/in-root env HANDOUT_LOCALEDIR="$PWD/target/locale" cargo build --release --locked -p handout --features scenes
build-aux/in-root --no-network tests/desktop/run forms
"""

import gettext
import re
import subprocess

from desk import TOP
from room import Room

LOCALES = TOP / "target/locales"
LARGE = "[Settings]\ngtk-font-name=Inter 16\n"
# What each form sets, and its width in pixels.
FORMS = {
    "light": ({}, 1100),
    "dark": ({"ADW_DEBUG_COLOR_SCHEME": "prefer-dark"}, 1100),
    "contrast": ({"ADW_DEBUG_HIGH_CONTRAST": "1"}, 1100),
    "large": ({}, 1100),
    "rtl": ({"HANDOUT_RTL": "1"}, 1100),
    "hindi": ({"LANG": "hi_IN.UTF-8"}, 1100),
    "urdu": ({"LANG": "ur_PK.UTF-8"}, 1100),
    "narrow": ({}, 360),
}


class Story(Room):
    """A teacher's and a student's window with a made-up class."""

    NUMBER = 15

    def steps(self):
        self.translate()
        return [(f"the windows in the form {form}", lambda form=form: self.form(form)) for form in FORMS]

    def translate(self):
        for po in (TOP / "po").glob("*.po"):
            folder = TOP / "target/locale" / po.stem / "LC_MESSAGES"
            folder.mkdir(parents=True, exist_ok=True)
            subprocess.run(["msgfmt", "-o", folder / "handout.mo", po], check=True)
        for country in ("hi_IN", "ur_PK"):
            LOCALES.mkdir(parents=True, exist_ok=True)
            subprocess.run(["localedef", "-i", country, "-f", "UTF-8", LOCALES / f"{country}.UTF-8"], check=True)

    def shown(self, form, scene):
        """A window with a scene in that form."""
        who = f"{form}-{scene}"
        if form == "large":
            settings = self.desk.folder / who / "large/gtk-4.0"
            settings.mkdir(parents=True)
            (settings / "settings.ini").write_text(LARGE)
        fonts = self.desk.folder / who / ".local/share/fonts"
        fonts.parent.mkdir(parents=True, exist_ok=True)
        fonts.symlink_to(TOP / "target/fonts")
        env, wide = FORMS[form]
        env = env | {"LOCPATH": LOCALES} | ({"XDG_CONFIG_HOME": self.desk.folder / who / "large"} if form == "large" else {})
        program = self.start(who, "--scene", scene, **env)
        program.wait_for(lambda: program.has("button") or program.has("toggle button"), "a window with something in it")
        program.resize(wide, 760)
        return program

    def words(self, form):
        """What a form calls an English text."""
        language = FORMS[form][0].get("LANG", "")[:2]
        return gettext.translation("handout", TOP / "target/locale", [language], fallback=True).gettext

    def pin(self, form):
        """The dialog in which a session with a PIN is started, and the question that a student is asked."""
        words = self.words(form)
        teacher = self.shown(form, "home")
        teacher.find("button", words("Start a Session")).press()
        teacher.find("check box", words("Ask Students for a PIN"))
        teacher.picture(f"form-{form}-start.png")
        teacher.stop()
        student = self.shown(form, "pin")
        student.find("text", words("Your Name")).type("Neha Pant")
        student.find("button", words("Continue")).press()
        student.find("button", re.compile("PIN.*Data Structures – Lab 3|Data Structures – Lab 3.*PIN")).press()
        student.find("text", words("PIN"))
        student.picture(f"form-{form}-pin.png")
        student.stop()
        self.desk.programs.clear()

    def form(self, form):
        self.pin(form)
        program = self.shown(form, "teacher")
        program.find("label", re.compile("Lecture 7"))
        program.picture(f"form-{form}-teacher.png")
        program.keys("ctrl+comma")
        program.wait_for(lambda: program.has("switch") or program.has("check box"), "the preferences")
        program.picture(f"form-{form}-preferences.png")
        program.keys("Escape")
        words = self.words(form)
        program.find("button", words("Details"))
        list(program.every("button", words("Details")))[-1].press()
        program.find("label", words("Delivery"))
        program.picture(f"form-{form}-delivery.png")
        program.stop()
        program = self.shown(form, "student")
        program.find("label", re.compile("Lecture 7"))
        program.picture(f"form-{form}-student.png")
        program.stop()
        self.desk.programs.clear()
