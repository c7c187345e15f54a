//! Code among texts: whether a text is some, and in which language. Guesses, for people to correct.
//!
//! Languages are named by the ids of `GtkSourceView`, as on the wire.

/// A language that is told by its looks.
struct Language {
    id: &'static str,
    /// How files in it end; the first one is used for new files.
    endings: &'static [&'static str],
    /// Beginnings of lines that are seldom seen in other languages.
    starts: &'static [&'static str],
    /// Parts of lines that are seldom seen in other languages.
    parts: &'static [&'static str],
}

const LANGUAGES: &[Language] = &[
    Language {
        id: "python3",
        endings: &["py", "pyw"],
        starts: &[
            "def ",
            "import ",
            "from ",
            "elif ",
            "print(",
            "@",
            "with open(",
            "#!/usr/bin/env python",
        ],
        parts: &["__name__", "self.", " in range(", "lambda "],
    },
    Language {
        id: "cpp",
        endings: &["cpp", "cc", "cxx", "hpp"],
        starts: &[
            "using namespace",
            "template <",
            "template<",
            "#include <iostream>",
            "#include <vector>",
        ],
        parts: &["std::", "cout <<", "cin >>", "endl;"],
    },
    Language {
        id: "c",
        endings: &["c", "h"],
        starts: &[
            "#include",
            "#define",
            "int main(",
            "void ",
            "struct ",
            "typedef ",
        ],
        parts: &["printf(", "scanf(", "malloc(", "sizeof("],
    },
    Language {
        id: "java",
        endings: &["java"],
        starts: &["import java", "public class", "package ", "@Override"],
        parts: &[
            "System.out.",
            "public static void",
            "private final",
            " new Scanner(",
        ],
    },
    Language {
        id: "js",
        endings: &["js", "mjs", "ts"],
        starts: &["const ", "let ", "function ", "export ", "import {"],
        parts: &["console.log(", "=> {", "document.", " === "],
    },
    Language {
        id: "html",
        endings: &["html", "htm"],
        starts: &["<!doctype html", "<html", "<head", "<body", "<div", "<p>"],
        parts: &["</div>", "</a>", "</html>"],
    },
    Language {
        id: "css",
        endings: &["css"],
        starts: &["@media", "body {", ":root {"],
        parts: &["px;", "color:", "margin:", "padding:"],
    },
    Language {
        id: "sql",
        endings: &["sql"],
        starts: &[
            "select ",
            "insert into ",
            "create table ",
            "update ",
            "delete from ",
            "alter table ",
            "where ",
        ],
        parts: &[" primary key", " inner join ", " group by "],
    },
    Language {
        id: "sh",
        endings: &["sh", "bash"],
        starts: &[
            "#!/bin/",
            "#!/usr/bin/env bash",
            "echo ",
            "sudo ",
            "export ",
            "$ ",
            "fi",
            "done",
        ],
        parts: &["$(", " | grep ", "; then", "; do"],
    },
    Language {
        id: "rust",
        endings: &["rs"],
        starts: &[
            "fn ",
            "pub fn ",
            "use std::",
            "impl ",
            "let mut ",
            "#[derive(",
        ],
        parts: &["println!(", "-> Result<", "&mut "],
    },
    Language {
        id: "r",
        endings: &["r"],
        starts: &["library("],
        parts: &[" <- ", "data.frame(", "ggplot("],
    },
    Language {
        id: "json",
        endings: &["json", "ipynb"],
        starts: &["{\"", "[{", "\""],
        parts: &["\": {", "\": [", "\": \""],
    },
    Language {
        id: "xml",
        endings: &["xml", "svg", "ui"],
        starts: &["<?xml"],
        parts: &["xmlns="],
    },
    Language {
        id: "matlab",
        endings: &["m"],
        starts: &["clc", "clear all", "% "],
        parts: &["disp(", "linspace(", "fprintf("],
    },
];

/// The language of a text, by the name of its file and by its looks; empty where neither tells.
pub fn language(file: &str, text: &str) -> &'static str {
    let ending = file
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_lowercase());
    let named = ending.and_then(|ending| {
        LANGUAGES
            .iter()
            .find(|language| language.endings.contains(&ending.as_str()))
    });
    if let Some(language) = named {
        return language.id;
    }
    best(text).map_or("", |(language, _)| language.id)
}

/// How a file in a language ends; `txt` where the language is not known.
pub fn ending(language: &str) -> &'static str {
    let known = LANGUAGES.iter().find(|known| known.id == language);
    known.map_or("txt", |known| known.endings[0])
}

/// The languages that are known, in the order in which they are offered.
pub fn languages() -> impl Iterator<Item = &'static str> {
    LANGUAGES.iter().map(|language| language.id)
}

/// Whether a text of several lines is code rather than prose.
pub fn is_code(text: &str) -> bool {
    let lines: Vec<_> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if lines.len() < 2 {
        return false;
    }
    let signs = best(text).map_or(0, |(_, signs)| signs);
    let shaped = lines.iter().filter(|line| looks_shaped(line)).count();
    // Every second line has the shape of code, or every third and words of a language.
    shaped * 2 >= lines.len() || (signs > 0 && (shaped + signs) * 3 >= lines.len())
}

/// The address, where a text is one and nothing else.
pub fn link(text: &str) -> Option<&str> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    let host = ["http://", "https://"]
        .iter()
        .find_map(|scheme| lower.strip_prefix(scheme))?;
    (!host.is_empty() && !text.contains(char::is_whitespace)).then_some(text)
}

/// A line that is indented, or ends as statements and blocks do.
fn looks_shaped(line: &str) -> bool {
    let trimmed = line.trim();
    line.starts_with("    ")
        || line.starts_with('\t')
        || trimmed.ends_with([';', '{', '}'])
        || trimmed.ends_with("):")
        || trimmed.starts_with("//")
        || trimmed.starts_with("#include")
}

/// The language of which most lines have a sign, and how many have one.
fn best(text: &str) -> Option<(&'static Language, usize)> {
    let lower = text.to_lowercase();
    let count = |language: &Language| {
        let has = |line: &&str| {
            let line = line.trim();
            let low = |sign: &&str| sign.to_lowercase();
            language
                .starts
                .iter()
                .any(|sign| line.starts_with(&low(sign)))
                || language.parts.iter().any(|sign| line.contains(&low(sign)))
        };
        lower.lines().filter(has).count()
    };
    let counted = LANGUAGES.iter().map(|language| (language, count(language)));
    // Of several with as many signs, the first one.
    counted
        .filter(|(_, signs)| *signs > 0)
        .rev()
        .max_by_key(|(_, signs)| *signs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PYTHON: &str = "import csv\n\nwith open(\"a.csv\") as file:\n    for row in csv.reader(file):\n        print(row)\n";
    const C: &str =
        "#include <stdio.h>\n\nint main(void) {\n    printf(\"hi\\n\");\n    return 0;\n}\n";
    const CPP: &str =
        "#include <iostream>\nusing namespace std;\nint main() {\n  cout << 1 << endl;\n}\n";
    const JAVA: &str = "public class Main {\n  public static void main(String[] a) {\n    System.out.println(1);\n  }\n}\n";
    const SQL: &str = "SELECT name, roll\nFROM students\nWHERE year = 3\nGROUP BY branch;\n";
    const PROSE: &str = "Please read chapter four before Friday.\nWork in pairs, and write both roll numbers on the first page.\nThe import of data comes next week.\n";

    #[test]
    fn code_is_told_from_prose() {
        for code in [PYTHON, C, CPP, JAVA, SQL] {
            assert!(is_code(code), "{code}");
        }
        for text in [
            PROSE,
            "",
            "print(1)",
            "Hello\nworld",
            "- milk\n- bread\n- tea",
        ] {
            assert!(!is_code(text), "{text}");
        }
    }

    #[test]
    fn the_language_is_guessed_by_name_and_by_looks() {
        assert_eq!(language("", PYTHON), "python3");
        assert_eq!(language("", C), "c");
        assert_eq!(language("", CPP), "cpp");
        assert_eq!(language("", JAVA), "java");
        assert_eq!(language("query", SQL), "sql");
        assert_eq!(language("Main.JAVA", "x"), "java");
        assert_eq!(language("notes", "nothing here"), "");
    }

    #[test]
    fn a_new_file_ends_as_its_language_has_it() {
        assert_eq!(ending("python3"), "py");
        assert_eq!(ending(""), "txt");
        for id in languages() {
            assert_eq!(language(&format!("x.{}", ending(id)), ""), id);
        }
    }

    #[test]
    fn a_link_alone_is_one() {
        assert_eq!(
            link(" https://gehu.ac.in/lab \n"),
            Some("https://gehu.ac.in/lab")
        );
        assert_eq!(link("see https://gehu.ac.in"), None);
        assert_eq!(link("https://"), None);
        assert_eq!(link("file:///etc/passwd"), None);
    }
}
