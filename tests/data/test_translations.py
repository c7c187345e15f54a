"""po/: all strings for people are extracted, and every language has all of them, with their placeholders and plural forms."""

import gettext
import re
import sys
import tempfile
import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from xml.etree import ElementTree

TOP = Path(__file__).resolve().parents[2]
# The forms of the plural that each language has, and the numbers that have the first one. (From gettext's own table.)
PLURALS = {"bn": (2, [1]), "de": (2, [1]), "es": (2, [1]), "fr": (2, [0, 1]), "hi": (2, [1]), "ta": (2, [1]), "ur": (2, [1])}
PLACEHOLDER = r"\{\w*\}|%(?:\d+\$)?[sd]\b"
MARKUP = r"</?\w[^>]*>|&\w+;"
RUST_TEXT = r'r(?P<hashes>#*)"(?P<raw>.*?)"(?P=hashes)|"(?P<text>(?:\\.|[^"\\])*)"'
RUST_TOKEN = RUST_TEXT + r"|'(?:\\.|[^\\'])'|(?P<comment>//[^\n]*|/\*.*?\*/)"
RUST_CALL = r"(?:^|[^\w\"'])(?P<many>n?)(?P<context>p?)gettext(?:_f)?!?\s*\("
RUST_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}


def script(name):
    """A script of build-aux as a module."""
    spec = spec_from_loader(name.replace("-", "_"), SourceFileLoader(name.replace("-", "_"), str(TOP / "build-aux" / name)))
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    spec.loader.exec_module(module)
    sys.dont_write_bytecode = written
    return module


check_tree, translations = script("check-tree"), script("translations")


def rust_value(match):
    """What a literal of Rust stands for."""
    if match["raw"] is not None:
        return match["raw"]

    def meant(escape):
        if escape[0].startswith("\\\n"):
            return ""
        return chr(int(escape[1], 16)) if escape[1] else RUST_ESCAPES.get(escape[2], escape[2])

    return re.sub(r"\\\n\s*|\\u\{([0-9a-fA-F]+)\}|\\(.)", meant, match["text"], flags=re.S)


def without_comments(text):
    """Rust text with its comments blanked, but not what looks like one in a literal: `https://`."""
    return re.sub(RUST_TOKEN, lambda it: re.sub(r"[^\n]", " ", it[0]) if it["comment"] else it[0], text, flags=re.S)


def marked(text):
    """The strings that Rust gives to gettext, as (line, (text, plural or None, context or None)); None where it is no literal."""
    text = without_comments(text)
    for call in re.finditer(RUST_CALL, text, re.M):
        names = ["context"] * bool(call["context"]) + ["text"] + ["many"] * bool(call["many"])
        values, at = {}, call.end()
        for name in names:
            literal = re.compile(rf"\s*,?\s*(?:{RUST_TEXT})", re.S).match(text, at)
            if not literal:
                break
            values[name], at = rust_value(literal), literal.end()
        key = (values["text"], values.get("many"), values.get("context")) if len(values) == len(names) else None
        yield text.count("\n", 0, call.start("many")) + 1, key


def forms_of(header):
    """How many forms of the plural there are by a header, and which one a number has."""
    match = re.search(r"nplurals=(\d+); plural=(.+);", header)
    return (int(match[1]), gettext.c2py(match[2])) if match else (0, lambda n: 0)


def edges(text):
    """The white space around a text."""
    return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :] if text.strip() else ""


def shape(text):
    """What a translation has to keep of a text, but for its placeholders: what it is, and how much of it."""
    return {
        "white space around it": edges(text),
        "markup": sorted(re.findall(MARKUP, text)),
        "the ellipsis": "…" in text,
        "the semicolon at the end": text.endswith(";"),
    }


def wanted(message, form, form_of):
    """The text whose placeholders a translation must have."""
    if message.many is None:
        return message.text
    numbers = [n for n in range(200) if form_of(n) == form]
    return message.text if all(n < 2 for n in numbers) else message.many


def wrong_forms(message, form_of):
    """What is wrong with the translation of one message."""
    for number, form in enumerate(message.forms):
        source = wanted(message, number, form_of)
        if sorted(re.findall(PLACEHOLDER, form)) != sorted(re.findall(PLACEHOLDER, source)):
            yield f"the placeholders of “{source}” are not those of “{form}”"
        for what, kept in shape(source).items():
            if shape(form)[what] != kept:
                yield f"“{source}” and “{form}” differ in {what}"


class Translations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.pot = folder / "handout.pot"
        cls.warnings = translations.extract(cls.pot)
        cls.strings = translations.messages(cls.pot)[1:]
        cls.catalogs = {language: translations.messages(TOP / f"po/{language}.po") for language in translations.languages()}

    def nothing(self, found, remedy):
        """Fails with everything that was found, and what to do about it."""
        found = list(found)
        if found:
            self.fail("\n".join(["", *found, remedy]))

    def each(self):
        """Every translation there is: its language, itself, and which form of the plural a number has."""
        for language, (header, *catalog) in self.catalogs.items():
            _, form_of = forms_of(header.forms[0])
            yield from ((language, message, form_of) for message in catalog if message.done)

    def test_all_files_with_strings_are_listed_and_no_others(self):
        paths = sorted(path.relative_to(TOP) for part in ("data", "src/app") for path in (TOP / part).rglob("*") if path.is_file())
        listed = [line for line in (TOP / "po/POTFILES").read_text().splitlines() if line and not line.startswith("#")]
        expected = list(map(str, check_tree.translatable(TOP, paths)))
        differing = sorted(set(listed) ^ set(expected))
        self.nothing(differing, "po/POTFILES is not what `build-aux/check-tree --potfiles` writes")
        self.assertEqual(listed, expected, "the order of po/POTFILES")

    def test_extraction_has_no_warnings(self):
        self.nothing(self.warnings, "xgettext warns (build-aux/translations --pot FILE)")

    def test_all_marked_strings_are_extracted_as_they_are(self):
        extracted = {(file, message.key) for message in self.strings for file in message.files}
        known, lost = set(), []
        for file in self.listed(".rs"):
            for line, key in marked((TOP / file).read_text()):
                known.add((file, key))
                if key is None:
                    lost.append(f"{file}:{line}: only literals can be extracted")
                elif (file, key) not in extracted:
                    lost.append(f"{file}:{line}: “{key[0]}” is marked and not extracted")
        lost += [f"{file}: “{key[0]}” is extracted and not marked" for file, key in extracted - known if file.endswith(".rs")]
        self.nothing(sorted(lost), "write strings for people as plain literals on one line, without `\\` at its end")

    def test_all_marked_texts_of_widgets_are_extracted(self):
        lost = []
        for file in self.listed(".ui"):
            texts = {message.text for message in self.strings if file in message.files}
            for element in ElementTree.parse(TOP / file).iter():
                if element.get("translatable") in {"yes", "true"} and element.text not in texts:
                    lost.append(f"{file}: “{element.text}”")
        self.nothing(lost, "these are marked and not extracted")

    def test_all_notes_for_translators_arrive(self):
        arrived = {comment for message in self.strings for comment in message.comments}
        lost = []
        for file in self.listed(".rs"):
            for note in re.findall(r"// (Translators: .*)", (TOP / file).read_text()):
                if note not in arrived:
                    lost.append(f"{file}: {note}")
        self.nothing(lost, "a note stands right before the line with the string, or the call that is on one line with it")

    def test_every_language_is_listed_and_named(self):
        self.assertEqual(translations.languages(), sorted(path.stem for path in (TOP / "po").glob("*.po")))
        for language, (header, *_) in self.catalogs.items():
            fields = dict(line.split(": ", 1) for line in header.forms[0].splitlines() if ": " in line)
            self.assertEqual(fields.get("Language"), language)
            self.assertEqual(fields.get("Content-Type"), "text/plain; charset=UTF-8", language)
            self.assertNotRegex(header.forms[0], r"@|FULL NAME|LANGUAGE <|YEAR", f"{language}: no address, nothing unfilled")

    def test_every_string_is_translated_into_every_language(self):
        self.assertGreater(len(self.strings), 300)
        self.nothing(translations.lacks(self.pot), "`build-aux/translations` proposes them in po/; fill them in, and remove `fuzzy`")

    def test_what_is_no_longer_used_does_not_pile_up(self):
        old = {language: (TOP / f"po/{language}.po").read_text().count("\n#~ msgid ") for language in self.catalogs}
        many = [f"po/{language}.po: {n} obsolete strings" for language, n in old.items() if n > 20]
        self.nothing(many, "`build-aux/translations` removes them")

    def test_gettext_accepts_every_language(self):
        for language in self.catalogs:
            # The mnemonic too: where the text has one, so has the translation.
            _, words = translations.run("msgfmt", "--check", "--check-accelerators=_", "-o", "/dev/null", f"po/{language}.po")
            self.assertEqual(words, "", language)

    def test_every_language_has_its_forms_of_the_plural(self):
        wrong = []
        for language, (header, *catalog) in self.catalogs.items():
            count, form_of = forms_of(header.forms[0])
            first = [n for n in range(200) if form_of(n) == 0]
            if (count, first) != PLURALS.get(language):
                wrong.append(f"{language}: Plural-Forms is not what PLURALS here says")
            wrong += [f"{language}: {it} has {len(it.forms)} forms" for it in catalog if it.many and len(it.forms) != count]
        self.nothing(wrong, "every plural has as many forms as its language")

    def test_placeholders_white_space_and_markup_are_kept(self):
        wrong = (f"{language}: {what}" for language, message, form_of in self.each() for what in wrong_forms(message, form_of))
        self.nothing(wrong, "a placeholder is written as in the text; only its place may be another")

    def listed(self, suffix):
        """The files in po/POTFILES that end so."""
        return [line for line in (TOP / "po/POTFILES").read_text().splitlines() if line.endswith(suffix)]


class Readers(unittest.TestCase):
    """The readers above, shown what they must find."""

    def test_literals_of_rust_are_read(self):
        for text, *expected in (
            ('a(gettext("One \\"two\\"")); // gettext("no")', ('One "two"', None, None)),
            ('ngettext_f(\n  "{n} a",\n  "{n} b", n)', ("{n} a", "{n} b", None)),
            ('pgettext("verb", "Open") + gettext("Close")', ("Open", None, "verb"), ("Close", None, None)),
            ("let quote = '\"'; gettext(\"https://x\");", ("https://x", None, None)),
            ('gettext("a \\\n   b")', ("a b", None, None)),
            ('gettext(r#"a "b" \\n"#)', ('a "b" \\n', None, None)),
            ("gettext_f(name)", None),
        ):
            self.assertEqual([key for _, key in marked(text)], expected)

    def test_faults_are_found(self):
        form_of = forms_of("Plural-Forms: nplurals=2; plural=(n != 1);")[1]
        good = ("{path}: {reason}", "{n} files: {path}", "{reason}, {path}", "{path} und {n}"), ("<b>A</b>…", None, "<b>B</b>…")
        bad = (
            ("{n} a", "{n} b", "{n} c", "d"),
            ("{a} {b}", None, "{a} {a}"),
            ("A…", None, "B"),
            (" a", None, "a"),
            ("<b>a</b>", None, "a"),
            ("a;b;", None, "c;d"),
        )
        for text, many, *forms in good:
            self.assertEqual(list(wrong_forms(translations.Message(text, many, forms=forms), form_of)), [], text)
        for text, many, *forms in bad:
            self.assertEqual(len(list(wrong_forms(translations.Message(text, many, forms=forms), form_of))), 1, text)


if __name__ == "__main__":
    unittest.main()
