//! Who is sitting here.

use gtk::glib;
use handout_engine::api::Person;

use crate::settings::{Settings, Text};

/// The longest name in bytes.
const NAME: usize = 64;
/// The longest roll number in bytes.
const ROLL: usize = 32;

/// The person in the settings.
pub fn person(settings: &Settings) -> Person {
    Person {
        name: tidy(&settings.text(Text::Name), NAME),
        roll: tidy(&settings.text(Text::Roll), ROLL),
        machine: tidy(&glib::host_name(), NAME),
    }
}

/// Whether the person has said who they are.
pub fn known(settings: &Settings) -> bool {
    !person(settings).name.is_empty()
}

/// Without white space around it, and not longer than the limit; characters stay whole.
fn tidy(text: &str, bytes: usize) -> String {
    let text = text.trim();
    text[..text.floor_char_boundary(bytes)]
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_between_characters() {
        assert_eq!(tidy("  Asha Rao\n", NAME), "Asha Rao");
        assert_eq!(tidy("अआइ", 7), "अआ");
        assert_eq!(tidy("ab cd", 3), "ab");
    }
}
