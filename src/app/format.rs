//! Sizes, counts and states in words.

use gettextrs::{gettext, pgettext};
use gtk::{gio, glib};
use handout_engine::api::{FailReason, Warning, WarningKind};

use crate::i18n::{gettext_f, ngettext_f};
use crate::model::tally::{Counts, Share, Standing};

/// A size such as "12.4 MB".
pub fn size(bytes: u64) -> String {
    glib::format_size(bytes).into()
}

/// A speed such as "3.1 MB/s".
pub fn speed(bytes: u64) -> String {
    // Translators: a speed, such as "3.1 MB/s".
    gettext_f("{size}/s", &[("size", &size(bytes))])
}

/// "12 students".
pub fn students(n: u32) -> String {
    match n {
        0 => gettext("No students yet"),
        n => ngettext_f("{n} student", "{n} students", n, &[]),
    }
}

/// How many are there now, for the roster's header.
pub fn present(n: u32) -> String {
    match n {
        0 => String::new(),
        // Translators: how many students are in the session now.
        n => ngettext_f("{n} here", "{n} here", n, &[]),
    }
}

/// How many students were in a session that is over.
pub fn attended(n: u32) -> String {
    // Translators: how many students were in an earlier session.
    ngettext_f("{n} student", "{n} students", n, &[])
}

/// The button that shows those with problems alone.
pub fn problems(n: u32) -> String {
    match n {
        0 => gettext("Problems"),
        // Translators: a button that shows only the students with problems, and how many there are.
        n => gettext_f("Problems ({n})", &[("n", &n.to_string())]),
    }
}

/// A warning of the engine in the person's language.
pub fn warning(warning: &Warning) -> String {
    match warning.kind {
        WarningKind::NoInterface => gettext(
            "This computer is on no network that Handout can use. Plug in the cable or join the lab’s Wi-Fi.",
        ),
        WarningKind::Clock => {
            gettext("The clock of this computer is wrong. Set it, or times will be misleading.")
        }
        WarningKind::OtherVersion => gettext(
            "Another computer uses a version of Handout that does not fit this one. Update the older of the two.",
        ),
        WarningKind::DuplicateRoll => gettext("Two students gave the same roll number."),
        // These name what and where; a text of their own comes with the diagnosis page.
        _ => warning.text.clone(),
    }
}

/// Facts in a row: "12.4 MB · 3 files".
pub fn joined(parts: &[String]) -> String {
    let mut parts = parts.iter().filter(|part| !part.is_empty());
    let first = parts.next().cloned().unwrap_or_default();
    parts.fold(first, |before, after| {
        gettext_f(
            // Translators: two facts side by side, such as "12.4 MB · 3 files". Keep the order that reads best.
            "{before} · {after}",
            &[("before", &before), ("after", after)],
        )
    })
}

/// What an item consists of.
pub fn contents(bytes: u64, files: u32, version: u32) -> String {
    let count = match files {
        0 | 1 => String::new(),
        n => ngettext_f("{n} file", "{n} files", n, &[]),
    };
    let version = match version {
        0 | 1 => String::new(),
        // Translators: the second, third … version of a shared file.
        n => gettext_f("Version {n}", &[("n", &n.to_string())]),
    };
    joined(&[size(bytes), count, version])
}

/// The teacher's line under an item.
pub fn delivery(counts: Counts) -> String {
    let Counts {
        students,
        saved,
        receiving,
        failed,
        left: seconds,
    } = counts;
    if students == 0 {
        return gettext("Students who join will receive it");
    }
    if saved == students {
        return ngettext_f(
            "The one student has it",
            "All {n} students have it",
            students,
            &[],
        );
    }
    let of = ngettext_f(
        // Translators: how many students have all of an item: "44 of 46 have it".
        "{n} of {students} has it",
        "{n} of {students} have it",
        saved,
        &[("students", &students.to_string())],
    );
    let receiving = match receiving {
        0 => String::new(),
        n => ngettext_f("{n} receiving", "{n} receiving", n, &[]),
    };
    let failed = match failed {
        0 => String::new(),
        n => ngettext_f("{n} failed", "{n} failed", n, &[]),
    };
    let left = seconds.map(left).unwrap_or_default();
    joined(&[of, receiving, failed, left])
}

/// How long something will take: no more exact than a guess can be.
pub fn left(seconds: u32) -> String {
    match seconds {
        0..=5 => gettext("a few seconds left"),
        6..=55 => {
            let n = seconds.div_ceil(10) * 10;
            // Translators: how long something will still take.
            ngettext_f("about {n} second left", "about {n} seconds left", n, &[])
        }
        56..5_400 => {
            let n = seconds.div_ceil(60);
            ngettext_f("about {n} minute left", "about {n} minutes left", n, &[])
        }
        _ => {
            let n = seconds.div_ceil(3_600);
            ngettext_f("about {n} hour left", "about {n} hours left", n, &[])
        }
    }
}

/// A student's state in the roster: its icon and its word.
pub fn standing(standing: Standing) -> (&'static str, String) {
    match standing {
        Standing::Here => ("user-available-symbolic", gettext("Here")),
        Standing::Away => ("user-offline-symbolic", gettext("Away")),
        // Translators: a student waits for what was shared.
        Standing::Waiting => ("content-loading-symbolic", pgettext("student", "Waiting")),
        Standing::Receiving(percent) => (
            "folder-download-symbolic",
            // Translators: how much of a file has come: "45 %".
            gettext_f("{n} %", &[("n", &percent.to_string())]),
        ),
        // Translators: a student has everything that was shared.
        Standing::Complete => ("handout-saved-symbolic", gettext("Complete")),
        Standing::Missing => ("action-unavailable-symbolic", gettext("Not received")),
        Standing::Failed(reason) => ("dialog-warning-symbolic", failure(reason)),
    }
}

/// How a student stands with one item: its icon and its words.
pub fn share(share: Share) -> (&'static str, String) {
    match share {
        Share::Failed(reason) => ("dialog-warning-symbolic", failure(reason)),
        Share::Receiving(percent) => (
            "folder-download-symbolic",
            gettext_f("Receiving, {n} %", &[("n", &percent.to_string())]),
        ),
        Share::Waiting => ("content-loading-symbolic", pgettext("student", "Waiting")),
        Share::Away => (
            "user-offline-symbolic",
            gettext("Away – receives it when back"),
        ),
        Share::Saved => ("handout-saved-symbolic", gettext("Saved and verified")),
        Share::Missing => ("action-unavailable-symbolic", gettext("Not received")),
    }
}

/// What the teacher can do about a failure at a student's.
pub fn help(reason: FailReason) -> String {
    match reason {
        FailReason::DiskFull => {
            gettext("Have the student free some space, then let them try again.")
        }
        FailReason::NotWritable => gettext(
            "Have the student choose another folder in Preferences, then let them try again.",
        ),
        FailReason::DiskError => {
            gettext("Let them try again. If it fails once more, the disk needs a look.")
        }
        FailReason::BadManifest => gettext("Share it again under another name."),
        FailReason::Declined => gettext("The student did not want it, and can still receive it."),
        FailReason::TooLarge => {
            gettext("It is larger than the student accepts. They can still receive it.")
        }
        FailReason::Unknown => gettext("Let them try again."),
    }
}

/// Why an item does not arrive, in a word or two.
pub fn failure(reason: FailReason) -> String {
    match reason {
        FailReason::DiskFull => gettext("Disk full"),
        FailReason::NotWritable => gettext("Folder is read-only"),
        FailReason::DiskError => gettext("Disk error"),
        FailReason::BadManifest => gettext("Not acceptable"),
        FailReason::Declined => gettext("Declined"),
        FailReason::TooLarge => gettext("Too large"),
        FailReason::Unknown => gettext("Failed"),
    }
}

/// What the student can do about it.
pub fn remedy(reason: FailReason) -> String {
    match reason {
        FailReason::DiskFull => gettext("Free some space, then try again."),
        FailReason::NotWritable => gettext("Choose another folder in Preferences, then try again."),
        FailReason::DiskError => gettext("Try again; if it happens once more, tell your teacher."),
        FailReason::BadManifest => gettext("Ask your teacher to share it again."),
        FailReason::Declined | FailReason::TooLarge => gettext("It can still be received."),
        FailReason::Unknown => gettext("Try again."),
    }
}

/// A name for a file about something, without what no file system likes.
pub fn file_name(title: &str, ending: &str) -> String {
    const LONGEST: usize = 100;
    let clean: String = title
        .chars()
        .map(|c| {
            if c.is_control() || "/\\:*?\"<>|".contains(c) {
                '-'
            } else {
                c
            }
        })
        .collect();
    let end = clean.floor_char_boundary(LONGEST);
    let name = clean[..end].trim_matches(|c: char| c.is_whitespace() || c == '.');
    let name = if name.is_empty() { "handout" } else { name };
    if ending.is_empty() || name.to_lowercase().ends_with(&format!(".{ending}")) {
        name.to_owned()
    } else {
        format!("{name}.{ending}")
    }
}

/// The symbolic icon that suits a file of that name.
pub fn icon(title: &str, files: u32) -> &'static str {
    if files != 1 {
        return "folder-symbolic";
    }
    let (kind, _) = gio::content_type_guess(Some(title), None::<&[u8]>);
    let mime = gio::content_type_get_mime_type(&kind).unwrap_or_default();
    let (class, rest) = mime.split_once('/').unwrap_or((&mime, ""));
    match (class, rest) {
        ("image", _) => "image-x-generic-symbolic",
        ("audio", _) => "audio-x-generic-symbolic",
        ("video", _) => "video-x-generic-symbolic",
        ("application", rest) if archive(rest) => "package-x-generic-symbolic",
        ("text", "csv") => "x-office-spreadsheet-symbolic",
        (_, rest) if rest.contains("spreadsheet") || rest.contains("excel") => {
            "x-office-spreadsheet-symbolic"
        }
        (_, rest) if rest.contains("presentation") || rest.contains("powerpoint") => {
            "x-office-presentation-symbolic"
        }
        ("application", rest) if rest.contains("pdf") || rest.contains("document") => {
            "x-office-document-symbolic"
        }
        _ => "text-x-generic-symbolic",
    }
}

fn archive(kind: &str) -> bool {
    ["zip", "tar", "7z", "rar", "xz", "gzip"]
        .iter()
        .any(|word| kind.contains(word))
}

/// The author's clock as "10:42", or with the day where it was another one.
pub fn clock(seconds: u64) -> String {
    let moment = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| glib::DateTime::from_unix_local(seconds).ok());
    let Some(moment) = moment else {
        return String::new();
    };
    let today = glib::DateTime::now_local().is_ok_and(|now| now.ymd() == moment.ymd());
    let form = if today { "%H:%M" } else { "%x, %H:%M" };
    moment.format(form).map(Into::into).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(students: u32, saved: u32, receiving: u32, failed: u32) -> Counts {
        Counts {
            students,
            saved,
            receiving,
            failed,
            left: None,
        }
    }

    #[test]
    fn time_is_told_no_more_exactly_than_it_is_known() {
        assert_eq!(left(3), "a few seconds left");
        assert_eq!(left(23), "about 30 seconds left");
        assert_eq!(left(60), "about 1 minute left");
        assert_eq!(left(61), "about 2 minutes left");
        assert_eq!(left(9_000), "about 3 hours left");
        let counts = Counts {
            left: Some(100),
            ..counts(46, 43, 3, 0)
        };
        assert_eq!(
            delivery(counts),
            "43 of 46 have it · 3 receiving · about 2 minutes left"
        );
    }

    #[test]
    fn an_items_contents_leave_out_what_is_obvious() {
        assert_eq!(contents(12_400_000, 1, 1), "12.4\u{a0}MB");
        assert_eq!(
            contents(12_400_000, 3, 2),
            "12.4\u{a0}MB · 3 files · Version 2"
        );
    }

    #[test]
    fn delivery_is_told_in_numbers_until_all_have_it() {
        assert_eq!(
            delivery(counts(0, 0, 0, 0)),
            "Students who join will receive it"
        );
        assert_eq!(
            delivery(counts(46, 43, 2, 1)),
            "43 of 46 have it · 2 receiving · 1 failed"
        );
        assert_eq!(delivery(counts(46, 1, 0, 0)), "1 of 46 has it");
        assert_eq!(delivery(counts(46, 46, 0, 0)), "All 46 students have it");
    }

    #[test]
    fn an_icon_fits_the_kind_of_file() {
        assert_eq!(icon("lab3.zip", 1), "package-x-generic-symbolic");
        assert_eq!(icon("board.png", 1), "image-x-generic-symbolic");
        assert_eq!(icon("main.py", 1), "text-x-generic-symbolic");
        assert_eq!(icon("anything", 12), "folder-symbolic");
    }

    #[test]
    fn a_file_is_called_after_what_is_in_it() {
        assert_eq!(file_name("DBMS: Lab 3/4", "csv"), "DBMS- Lab 3-4.csv");
        assert_eq!(file_name("main.py", "py"), "main.py");
        assert_eq!(file_name(" .. ", "txt"), "handout.txt");
        assert!(file_name(&"अ".repeat(200), "csv").len() <= 104);
    }

    #[test]
    fn every_failure_has_a_word_and_a_remedy() {
        use FailReason as F;
        for reason in [
            F::DiskFull,
            F::NotWritable,
            F::DiskError,
            F::BadManifest,
            F::Declined,
            F::TooLarge,
            F::Unknown,
        ] {
            assert!(!failure(reason).is_empty() && !remedy(reason).is_empty());
            assert!(!help(reason).is_empty());
        }
    }
}
