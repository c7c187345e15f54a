//! What a typed line means: `/command rest` or a message.

use std::path::PathBuf;

/// A typed line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slash {
    /// Nothing but white space.
    Nothing,
    /// A message.
    Say(String),
    /// Share a file or a folder.
    Share(PathBuf),
    /// Share a link: title (may be empty) and address.
    Link {
        /// Title.
        title: String,
        /// Address.
        url: String,
    },
    /// Share a text file as a snippet.
    Snippet(PathBuf),
    /// Share a new version of an item.
    Replace {
        /// Number of the item, from 1.
        number: usize,
        /// The new file or folder.
        path: PathBuf,
    },
    /// Withdraw an item, with a reason (may be empty).
    Withdraw {
        /// Number of the item, from 1.
        number: usize,
        /// Why.
        reason: String,
    },
    /// Receive an item again; the teacher's: have students do so.
    Retry {
        /// Number of the item, from 1.
        number: usize,
        /// Name or roll number of one student; empty for all where it failed.
        who: String,
    },
    /// Send an item directly to students who have not got it.
    Direct {
        /// Number of the item, from 1.
        number: usize,
        /// Name or roll number of one student; empty for all who lack it.
        who: String,
    },
    /// Let nobody read what a student writes, or let them again.
    Mute {
        /// Name or roll number.
        who: String,
        /// Muted from now on, or no longer.
        muted: bool,
    },
    /// Write attendance and delivery as CSV.
    Export(PathBuf),
    /// By which links students find the session who do not see it.
    Address,
    /// Who is here and who has what.
    Who,
    /// End the session, or leave it.
    End,
    /// What can be typed.
    Help,
    /// It makes no sense; the text says why.
    Wrong(String),
}

impl Slash {
    /// Understands a line. A line that starts with two slashes is a message with one.
    pub fn parse(line: &str) -> Self {
        let line = line.trim_end_matches(['\n', '\r']);
        if line.trim().is_empty() {
            return Self::Nothing;
        }
        let Some(command) = line.strip_prefix('/') else {
            return Self::Say(line.to_owned());
        };
        if command.starts_with('/') {
            return Self::Say(command.to_owned());
        }
        let (word, rest) = split(command);
        match (word, rest) {
            ("share" | "snippet" | "export", "") => Self::Wrong(format!("/{word} needs a path")),
            ("link", "") => Self::Wrong("/link needs an address".to_owned()),
            ("share", path) => Self::Share(path.into()),
            ("snippet", path) => Self::Snippet(path.into()),
            ("export", path) => Self::Export(path.into()),
            ("link", rest) => {
                let (url, title) = split(rest);
                Self::Link {
                    title: title.to_owned(),
                    url: url.to_owned(),
                }
            }
            ("replace", rest) => numbered(word, rest, |number, path| match path {
                "" => Self::Wrong("/replace needs a number and a path".to_owned()),
                path => Self::Replace {
                    number,
                    path: path.into(),
                },
            }),
            ("withdraw", rest) => numbered(word, rest, |number, reason| Self::Withdraw {
                number,
                reason: reason.to_owned(),
            }),
            ("retry", rest) => numbered(word, rest, |number, who| Self::Retry {
                number,
                who: who.to_owned(),
            }),
            ("direct", rest) => numbered(word, rest, |number, who| Self::Direct {
                number,
                who: who.to_owned(),
            }),
            ("mute" | "unmute", "") => {
                Self::Wrong(format!("/{word} needs a name or a roll number"))
            }
            ("mute" | "unmute", who) => Self::Mute {
                who: who.to_owned(),
                muted: word == "mute",
            },
            ("address", _) => Self::Address,
            ("who", _) => Self::Who,
            ("end" | "leave" | "quit", _) => Self::End,
            ("help" | "?", _) => Self::Help,
            (word, _) => Self::Wrong(format!("/{word} is not known: /help lists what is")),
        }
    }
}

/// The first word and what follows it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim()),
        None => (text, ""),
    }
}

/// A command whose first word is an item's number.
fn numbered(word: &str, rest: &str, make: impl FnOnce(usize, &str) -> Slash) -> Slash {
    let (number, rest) = split(rest);
    match number.trim_start_matches('#').parse() {
        Ok(number) if number > 0 => make(number, rest),
        _ => Slash::Wrong(format!("/{word} needs an item's number: /who lists them")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_is_a_message() {
        assert_eq!(
            Slash::parse("  hello /who\n"),
            Slash::Say("  hello /who".into())
        );
        assert_eq!(
            Slash::parse("//etc/hosts is a file"),
            Slash::Say("/etc/hosts is a file".into())
        );
        assert_eq!(Slash::parse(" \t\r\n"), Slash::Nothing);
    }

    #[test]
    fn commands_take_the_rest_of_the_line() {
        assert_eq!(
            Slash::parse("/share my file.zip"),
            Slash::Share("my file.zip".into())
        );
        let link = Slash::Link {
            title: "Slides of today".into(),
            url: "https://a.example/x".into(),
        };
        assert_eq!(
            Slash::parse("/link https://a.example/x Slides of today"),
            link
        );
        let mute = Slash::Mute {
            who: "Asha Rao".into(),
            muted: true,
        };
        assert_eq!(Slash::parse("/mute Asha Rao"), mute);
        assert!(matches!(Slash::parse("/unmute"), Slash::Wrong(_)));
        let retry = Slash::Retry {
            number: 1,
            who: "Asha Rao".into(),
        };
        assert_eq!(Slash::parse("/retry 1 Asha Rao"), retry);
        let direct = Slash::Direct {
            number: 1,
            who: "Asha Rao".into(),
        };
        assert_eq!(Slash::parse("/direct 1 Asha Rao"), direct);
        let withdraw = Slash::Withdraw {
            number: 2,
            reason: "wrong file".into(),
        };
        assert_eq!(Slash::parse("/withdraw #2 wrong file"), withdraw);
        assert_eq!(
            Slash::parse("/END"),
            Slash::Wrong("/END is not known: /help lists what is".into())
        );
    }

    #[test]
    fn what_lacks_is_named() {
        for line in [
            "/share",
            "/export",
            "/link ",
            "/withdraw",
            "/withdraw x",
            "/withdraw 0",
            "/replace 1",
        ] {
            assert!(matches!(Slash::parse(line), Slash::Wrong(_)), "{line}");
        }
    }
}
