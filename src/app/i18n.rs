//! Translated texts with named placeholders: `gettext_f("Join {course}", &[("course", &title)])`.

use std::sync::atomic::{AtomicBool, Ordering};

use gettextrs::{gettext, ngettext};

/// Around what is filled in, so that it is ordered by itself: first strong isolate, pop directional isolate.
pub const ISOLATES: [char; 2] = ['\u{2068}', '\u{2069}'];

static ISOLATE: AtomicBool = AtomicBool::new(false);

/// Whether what is filled in is kept apart, which texts from right to left need: sizes and names are from left to right.
pub fn isolate(wanted: bool) {
    ISOLATE.store(wanted, Ordering::Relaxed);
}

/// A translated text with its placeholders filled in.
pub fn gettext_f(msgid: &str, args: &[(&str, &str)]) -> String {
    fill(&gettext(msgid), args)
}

/// A translated text that depends on a number; `{n}` is the number itself.
pub fn ngettext_f(one: &str, many: &str, n: u32, args: &[(&str, &str)]) -> String {
    let number = n.to_string();
    let mut all = vec![("n", number.as_str())];
    all.extend_from_slice(args);
    fill(&ngettext(one, many, n), &all)
}

/// Puts values in the place of `{names}`, in one pass: a value that looks like a placeholder stays as it is.
fn fill(template: &str, args: &[(&str, &str)]) -> String {
    fill_in(template, args, ISOLATE.load(Ordering::Relaxed))
}

fn fill_in(template: &str, args: &[(&str, &str)], isolate: bool) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let (before, tail) = rest.split_at(start);
        out.push_str(before);
        let found = tail.find('}').and_then(|end| {
            let value = args.iter().find(|(name, _)| *name == &tail[1..end])?.1;
            Some((value, end + 1))
        });
        let (text, used) = found.unwrap_or(("{", 1));
        if isolate && found.is_some() {
            out.extend([ISOLATES[0]]);
            out.push_str(text);
            out.extend([ISOLATES[1]]);
        } else {
            out.push_str(text);
        }
        rest = &tail[used..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_in_any_order() {
        let args = [("name", "lab3.zip"), ("n", "2")];
        assert_eq!(
            fill("{n} students have {name}", &args),
            "2 students have lab3.zip"
        );
        assert_eq!(fill("{name}: {n}", &args), "lab3.zip: 2");
    }

    #[test]
    fn values_are_kept_apart_where_text_goes_from_right_to_left() {
        let args = [("done", "3 MB"), ("total", "9 MB")];
        assert_eq!(
            fill_in("{done} میں سے {total}", &args, true),
            "\u{2068}3 MB\u{2069} میں سے \u{2068}9 MB\u{2069}"
        );
    }

    #[test]
    fn a_value_with_braces_is_not_filled_again() {
        let args = [("title", "{name}"), ("name", "x")];
        assert_eq!(fill("{title} {name}", &args), "{name} x");
    }

    #[test]
    fn a_faulty_translation_still_shows_its_text() {
        assert_eq!(
            fill("{unknown} and {open", &[("n", "1")]),
            "{unknown} and {open"
        );
        assert_eq!(fill("{ {n}", &[("n", "1")]), "{ 1");
    }

    #[test]
    fn numbers_choose_their_form() {
        assert_eq!(
            ngettext_f("{n} student", "{n} students", 1, &[]),
            "1 student"
        );
        assert_eq!(
            ngettext_f("{n} student", "{n} students", 3, &[]),
            "3 students"
        );
    }
}
