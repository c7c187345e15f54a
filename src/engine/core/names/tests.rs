#![allow(clippy::unwrap_used)]

use std::ffi::OsString;

use proptest::prelude::*;

use super::*;

fn clean(parts: &[&str]) -> String {
    SafePath::clean(parts.iter().map(OsStr::new)).to_string()
}

#[test]
fn plain_names_of_many_scripts_are_accepted_as_they_are() {
    for name in [
        "lab3.zip",
        "src/main.c",
        ".gitignore",
        "प्रयोग ३.pdf",
        "क्\u{200d}ष.txt",
        "می\u{200c}خواهم.txt",
        "👨\u{200d}👩\u{200d}👧.png",
        "❤\u{fe0f}\u{200d}🔥",
        "a & b; $(x) 'q' `y`.sh",
        "COMET.txt",
        "com10.txt",
        " leading",
    ] {
        assert_eq!(
            SafePath::parse(name).map(|p| p.to_string()),
            Ok(name.to_owned())
        );
    }
}

#[test]
fn hostile_paths_are_refused() {
    for name in [
        "",
        "/",
        "/etc/passwd",
        "a//b",
        "a/",
        ".",
        "..",
        "../x",
        "a/../b",
        "a\\..\\..\\b",
        "a/.",
        "\\\\host\\share",
        "C:\\x",
        "C:x",
        "c:",
        "a\0b",
        "a\nb",
        "a\u{7f}",
        "a\u{85}b",
        "x\u{202e}gpj.exe",
        "a\u{2066}b",
        "a\u{200f}b",
        "a\u{200b}b",
        "a\u{feff}b",
        "a\u{ad}b",
        "a\u{2028}b",
        "a\u{3164}",
        "a\u{e0041}",
        "ex\u{200d}e.txt",
        "\u{200d}क",
        "क\u{200c}",
        "a\u{fffe}",
        "CON",
        "con",
        "Con.txt",
        "con .txt",
        "aux.tar.gz",
        "NUL",
        "prn.c",
        "COM1",
        "com9.log",
        "COM¹",
        "lpt².txt",
        "LPT³",
        "COM0",
        "CONIN$",
        "conout$.x",
        "a.",
        "a. ",
        "a ",
        "a\u{a0}",
        "a\u{3000}",
        "a./b",
        "a /b",
        "a*b",
        "a?b",
        "a<b",
        "a>b",
        "a|b",
        "a\"b",
        "file:stream",
        ".handout",
        ".Handout/x/journal",
        "a/.handout/b",
    ] {
        assert!(SafePath::parse(name).is_err(), "{name:?} was accepted");
    }
}

#[test]
fn limits_of_length_and_depth_hold_exactly() {
    assert!(SafePath::parse(&"a".repeat(255)).is_ok());
    assert!(SafePath::parse(&"a".repeat(256)).is_err());
    assert!(SafePath::parse(&vec!["a"; 16].join("/")).is_ok());
    assert_eq!(
        SafePath::parse(&vec!["a"; 17].join("/")),
        Err(NameError::TooDeep)
    );
    let long = vec!["a".repeat(204); 5].join("/");
    assert_eq!(long.len(), 1024);
    assert!(SafePath::parse(&long).is_ok());
    assert!(SafePath::parse(&format!("{long}a")).is_err());
}

#[test]
fn two_spellings_of_one_name_become_one() {
    assert_eq!(
        SafePath::parse("cafe\u{301}").unwrap(),
        SafePath::parse("caf\u{e9}").unwrap()
    );
}

#[test]
fn local_names_are_cleaned_for_the_wire() {
    assert_eq!(clean(&["notes."]), "notes_");
    assert_eq!(clean(&["notes. ."]), "notes___");
    assert_eq!(clean(&["a:b", "c\nd"]), "a_b/c_d");
    assert_eq!(clean(&["a\\..\\b"]), "a_.._b");
    assert_eq!(clean(&["CON"]), "_CON");
    assert_eq!(clean(&["aux.c"]), "_aux.c");
    assert_eq!(clean(&["x\u{202e}gpj.exe"]), "x_gpj.exe");
    assert_eq!(clean(&["..", "."]), "__/_");
    assert_eq!(clean(&["", " "]), "_/_");
    assert_eq!(clean(&[".handout", "x"]), "_.handout/x");
    assert_eq!(clean(&[]), "_");
    assert_eq!(clean(&["😀.txt"]), "😀.txt");
}

#[cfg(unix)]
#[test]
fn a_name_that_is_no_text_is_cleaned_too() {
    use std::os::unix::ffi::OsStrExt as _;
    assert_eq!(
        SafePath::clean([OsStr::from_bytes(b"a\xff\xfeb.txt")]).as_str(),
        "a__b.txt"
    );
}

#[test]
fn a_long_name_keeps_its_extension() {
    let name = format!("{}.tar.gz", "न".repeat(90));
    let short = clean(&[&name]);
    assert!(short.len() <= 255 && short.ends_with("न.tar.gz"), "{short}");
    assert!(SafePath::parse(&short).is_ok());
    assert_eq!(numbered(&"a".repeat(255), 12).len(), 255);
    assert!(numbered(&format!("{}.txt", "a".repeat(251)), 2).ends_with("a (2).txt"));
}

#[test]
fn a_suffix_goes_before_the_extension() {
    assert_eq!(numbered("lab.tar.gz", 2), "lab (2).tar.gz");
    assert_eq!(numbered(".bashrc", 2), ".bashrc (2)");
    assert_eq!(versioned("lab3.zip", 2), "lab3 (version 2).zip");
    assert_eq!(
        SafePath::parse("a.b/c").unwrap().numbered(3).as_str(),
        "a.b/c (3)"
    );
}

#[test]
fn a_deep_path_is_folded_into_sixteen_parts() {
    let parts = vec!["d"; 40];
    let path = SafePath::clean(parts.iter().map(OsStr::new));
    assert_eq!(path.parts().count(), 16);
    assert!(SafePath::parse(path.as_str()).is_ok());
}

fn settled(names: &[&str]) -> Vec<String> {
    let mut paths: Vec<_> = names.iter().map(|n| SafePath::parse(n).unwrap()).collect();
    settle_collisions(&mut paths);
    paths.iter().map(ToString::to_string).collect()
}

#[test]
fn names_that_differ_in_case_alone_get_a_number() {
    assert_eq!(
        settled(&["A.txt", "a.txt", "a (2).txt", "a.TXT"]),
        ["A.txt", "a (3).txt", "a (2).txt", "a (4).TXT"]
    );
    assert_eq!(settled(&["Straße", "STRASSE"]), ["Straße", "STRASSE (2)"]);
}

#[test]
fn a_file_never_has_the_name_of_a_folder() {
    assert_eq!(settled(&["a", "A/b"]), ["a (2)", "A/b"]);
}

#[test]
fn twenty_thousand_equal_names_are_settled_quickly() {
    let mut paths = vec![SafePath::parse("same.txt").unwrap(); 20_000];
    settle_collisions(&mut paths);
    let all: BTreeSet<_> = paths.iter().map(SafePath::folded).collect();
    assert_eq!(all.len(), 20_000);
    assert_eq!(paths[19_999].as_str(), "same (20000).txt");
}

#[test]
fn paths_at_the_limit_are_numbered_and_shortened_without_fault() {
    let long = format!("{}/a", vec!["f".repeat(204); 5].join("/").split_at(1022).0);
    let mut paths = vec![SafePath::parse(&long).unwrap(); 3];
    settle_collisions(&mut paths);
    assert!(paths[2].as_str().ends_with("/a (3)"));
    let blank = format!("{}a", " ".repeat(250));
    let path = SafePath::clean([blank.as_str(); 8].map(OsStr::new));
    assert_eq!(SafePath::parse(path.as_str()), Ok(path));
}

fn hostile_part() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        prop::sample::select(vec![
            ".", "..", " ", "CON", "com1", "\u{200d}", "\u{200c}", "क", "क\u{93c}", "\u{202e}", "/", "\\",
            ":", "\n", "\0", "a", "e\u{301}", "👨", "\u{fe0f}", ".handout", "\u{1160}", "\u{1100}",
            "\u{958}", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn every_cleaned_path_is_accepted_unchanged(parts in prop::collection::vec(hostile_part(), 0..20)) {
        let parts: Vec<OsString> = parts.into_iter().map(OsString::from).collect();
        let path = SafePath::clean(parts.iter().map(OsString::as_os_str));
        prop_assert_eq!(SafePath::parse(path.as_str()), Ok(path.clone()));
        prop_assert_eq!(SafePath::clean(path.parts().map(OsStr::new)), path);
    }

    #[test]
    fn an_accepted_path_stays_below_its_folder(text in hostile_part()) {
        if let Ok(path) = SafePath::parse(&text) {
            prop_assert!(path.parts().all(|p| !p.is_empty() && p != "." && p != ".."));
            prop_assert!(!path.as_str().contains(['\\', ':', '\0']));
            prop_assert_eq!(SafePath::parse(path.as_str()), Ok(path));
        }
    }

    #[test]
    fn settled_lists_are_unique_accepted_and_stay_settled(
        names in prop::collection::vec("[aAbB](/[aAbB]){0,2}", 1..30)
    ) {
        let mut paths: Vec<_> = names.iter().map(|n| SafePath::parse(n).unwrap()).collect();
        settle_collisions(&mut paths);
        let folded: BTreeSet<_> = paths.iter().map(SafePath::folded).collect();
        prop_assert_eq!(folded.len(), paths.len());
        for path in &paths {
            prop_assert!(SafePath::parse(path.as_str()).is_ok());
            let inside = format!("{}/", path.folded());
            prop_assert!(!folded.iter().any(|other| other.starts_with(&inside)));
        }
        let again = { let mut again = paths.clone(); settle_collisions(&mut again); again };
        prop_assert_eq!(again, paths);
    }
}
