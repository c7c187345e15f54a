//! Attendance and delivery as a table: who was there, from when to when, and what became of each item.
//!
//! [`Report`] is fed with the engine's events and gives the table as CSV in the words of whoever asks.

use std::collections::BTreeMap;

use crate::api::{
    DeliveryView, DeviceId, Event, ItemId, MemberView, Person, Post, PostContent, Presence,
    Progress, UnixTime, Version,
};

/// A column that every student has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Roll number.
    Roll,
    /// Name.
    Name,
    /// Name of the machine.
    Machine,
    /// Whether the student is there now.
    Presence,
    /// When the student was first seen.
    Joined,
    /// When the student was last seen.
    Seen,
    /// What the teacher should look at: a roll number that two students gave.
    Note,
}

/// What stands in one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Whether a student is there.
    Presence(Presence),
    /// Another student gave the same roll number.
    DuplicateRoll,
    /// How far an item is.
    Delivery(&'a Progress, Percent),
    /// A moment of the local clock.
    Time(UnixTime),
}

/// Whole percent, 0 to 100.
pub type Percent = u8;

/// The words of a table.
pub trait Words {
    /// What a column is called.
    fn column(&self, column: Column) -> String;
    /// What a cell says.
    fn cell(&self, cell: Cell<'_>) -> String;
}

#[derive(Debug)]
struct Student {
    person: Person,
    presence: Presence,
    duplicate: bool,
    joined: UnixTime,
    seen: UnixTime,
}

#[derive(Debug)]
struct Item {
    id: ItemId,
    version: Version,
    title: String,
}

/// Who was there and who has what.
#[derive(Debug, Default)]
pub struct Report {
    items: Vec<Item>,
    students: BTreeMap<DeviceId, Student>,
    deliveries: BTreeMap<(DeviceId, ItemId), DeliveryView>,
}

impl Report {
    /// Takes in an event of the own session; `now` is the local clock.
    pub fn apply(&mut self, event: &Event, now: UnixTime) {
        match event {
            Event::Posted(post) => self.posted(post),
            Event::Member(member) if !member.teacher && !member.own => self.member(member, now),
            Event::Delivery(view) => {
                if let Some(student) = self.students.get_mut(&view.device) {
                    student.seen = now;
                }
                self.deliveries
                    .insert((view.device, view.item), view.clone());
            }
            _ => {}
        }
    }

    fn posted(&mut self, post: &Post) {
        let PostContent::Files {
            item,
            version,
            title,
            ..
        } = &post.content
        else {
            return;
        };
        match self.items.iter_mut().find(|known| known.id == *item) {
            Some(known) => (known.version, known.title) = (*version, title.clone()),
            None => self.items.push(Item {
                id: *item,
                version: *version,
                title: title.clone(),
            }),
        }
    }

    fn member(&mut self, member: &MemberView, now: UnixTime) {
        let student = self.students.entry(member.device).or_insert(Student {
            person: Person::default(),
            presence: Presence::Away,
            duplicate: false,
            joined: now,
            seen: now,
        });
        let there = |presence| presence != Presence::Away;
        if there(student.presence) || there(member.presence) {
            student.seen = now;
        }
        student.person = member.person.clone();
        student.presence = member.presence;
        student.duplicate = member.duplicate_roll;
    }

    /// The table as CSV (RFC 4180), one line for each student by roll number and name; `now` is the local clock.
    /// Items that were withdrawn stay in it: some students have them.
    pub fn csv(&self, words: &impl Words, now: UnixTime) -> String {
        let mut rows: Vec<_> = self.students.iter().collect();
        rows.sort_by_cached_key(|(_, student)| {
            (student.person.roll.clone(), student.person.name.clone())
        });
        let columns = [
            Column::Roll,
            Column::Name,
            Column::Machine,
            Column::Presence,
            Column::Joined,
            Column::Seen,
            Column::Note,
        ];
        let head = columns.into_iter().map(|column| words.column(column));
        let titles = self.items.iter().map(|item| item.title.clone());
        // Spreadsheets take a file without this mark for one of an older encoding.
        let mut out = "\u{feff}".to_owned();
        line(&mut out, head.chain(titles));
        for (device, student) in rows {
            let seen = if student.presence == Presence::Away {
                student.seen
            } else {
                now
            };
            let own = [
                student.person.roll.clone(),
                student.person.name.clone(),
                student.person.machine.clone(),
                words.cell(Cell::Presence(student.presence)),
                words.cell(Cell::Time(student.joined)),
                words.cell(Cell::Time(seen)),
                if student.duplicate {
                    words.cell(Cell::DuplicateRoll)
                } else {
                    String::new()
                },
            ];
            let items = self.items.iter().map(|item| self.state(*device, item));
            let items =
                items.map(|(progress, percent)| words.cell(Cell::Delivery(progress, percent)));
            line(&mut out, own.into_iter().chain(items));
        }
        out
    }

    fn state(&self, device: DeviceId, item: &Item) -> (&Progress, Percent) {
        let view = self.deliveries.get(&(device, item.id));
        match view.filter(|view| view.version == item.version) {
            None => (&Progress::Waiting, 0),
            Some(view) => (&view.progress, percent(view.bytes, view.total)),
        }
    }
}

fn percent(bytes: u64, total: u64) -> Percent {
    let whole = u128::from(bytes) * 100 / u128::from(total.max(1));
    Percent::try_from(whole.min(100)).unwrap_or(100)
}

/// One line of a table.
fn line(out: &mut String, cells: impl Iterator<Item = String>) {
    for (number, cell) in cells.enumerate() {
        if number > 0 {
            out.push(',');
        }
        out.push_str(&quoted(&cell));
    }
    out.push_str("\r\n");
}

/// A cell as CSV. What a student typed must not become a formula: such a text is led by an apostrophe.
fn quoted(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r', ';', '\t']) || text.trim() != text {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{AuthorId, AuthorView, FailReason, Seq, SessionId};

    const SESSION: SessionId = SessionId([1; 16]);

    struct English;

    impl Words for English {
        fn column(&self, column: Column) -> String {
            format!("{column:?}")
        }

        fn cell(&self, cell: Cell<'_>) -> String {
            match cell {
                Cell::Presence(presence) => format!("{presence:?}").to_lowercase(),
                Cell::DuplicateRoll => "same roll number".into(),
                Cell::Delivery(Progress::Receiving, percent) => format!("{percent} %"),
                Cell::Delivery(Progress::Failed { reason, .. }, _) => format!("{reason:?}"),
                Cell::Delivery(Progress::Saved { .. }, _) => "saved".into(),
                Cell::Delivery(..) => "waiting".into(),
                Cell::Time(time) => time.0.to_string(),
            }
        }
    }

    fn files(title: &str, version: u32) -> Event {
        Event::Posted(Post {
            session: SESSION,
            author: AuthorView {
                id: AuthorId([9; 32]),
                name: "T".into(),
                roll: String::new(),
                teacher: true,
                own: true,
            },
            seq: Seq(1),
            time: UnixTime(0),
            private: false,
            again: false,
            content: PostContent::Files {
                item: ItemId([7; 16]),
                version: Version(version),
                title: title.into(),
                files: 1,
                bytes: 100,
            },
        })
    }

    fn member(n: u8, name: &str, presence: Presence, duplicate: bool) -> Event {
        Event::Member(MemberView {
            session: SESSION,
            device: DeviceId([n; 32]),
            person: Person {
                name: name.into(),
                roll: format!("21BCS{n:03}"),
                machine: format!("pc{n}"),
            },
            teacher: false,
            own: false,
            presence,
            duplicate_roll: duplicate,
            muted: false,
        })
    }

    fn delivery(n: u8, version: u32, progress: Progress, bytes: u64) -> Event {
        Event::Delivery(DeliveryView {
            session: SESSION,
            item: ItemId([7; 16]),
            version: Version(version),
            device: DeviceId([n; 32]),
            progress,
            bytes,
            total: 100,
        })
    }

    fn table(events: &[(u64, Event)], now: u64) -> Vec<String> {
        let mut report = Report::default();
        for (at, event) in events {
            report.apply(event, UnixTime(*at));
        }
        let text = report.csv(&English, UnixTime(now));
        let text = text.strip_prefix('\u{feff}').expect("a mark of UTF-8");
        text.split_terminator("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn a_table_tells_who_was_there_and_who_has_what() {
        let lines = table(
            &[
                (10, member(2, "Vikram Bisht", Presence::Linked, false)),
                (20, member(1, "Asha Rao", Presence::Relayed, true)),
                (30, files("lab3.zip", 1)),
                (40, delivery(1, 1, Progress::Receiving, 42)),
                (50, delivery(2, 1, Progress::Saved { path: None }, 100)),
                (60, member(2, "Vikram Bisht", Presence::Away, false)),
            ],
            90,
        );
        assert_eq!(
            lines,
            [
                "Roll,Name,Machine,Presence,Joined,Seen,Note,lab3.zip",
                "21BCS001,Asha Rao,pc1,relayed,20,90,same roll number,42 %",
                "21BCS002,Vikram Bisht,pc2,away,10,60,,saved",
            ]
        );
    }

    #[test]
    fn a_new_version_is_waited_for_and_a_failure_has_its_reason() {
        let disk_full = Progress::Failed {
            reason: FailReason::DiskFull,
            text: String::new(),
        };
        let lines = table(
            &[
                (1, files("lab3.zip", 1)),
                (1, member(1, "A", Presence::Linked, false)),
                (1, member(2, "B", Presence::Linked, false)),
                (2, delivery(1, 1, Progress::Saved { path: None }, 100)),
                (3, files("lab3 new.zip", 2)),
                (4, delivery(2, 2, disk_full, 0)),
            ],
            5,
        );
        assert!(lines[0].ends_with(",lab3 new.zip"));
        assert!(lines[1].ends_with(",waiting"));
        assert!(lines[2].ends_with(",DiskFull"));
    }

    #[test]
    fn what_a_student_typed_is_neither_a_column_nor_a_formula() {
        assert_eq!(quoted("Rao, Asha"), "\"Rao, Asha\"");
        assert_eq!(quoted("say \"hi\"\nthen go"), "\"say \"\"hi\"\"\nthen go\"");
        assert_eq!(quoted("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(quoted("+91, x"), "\"'+91, x\"");
        assert_eq!(quoted(" a"), "\" a\"");
        assert_eq!(quoted("अनुश्री"), "अनुश्री");
        let lines = table(&[(1, member(1, "=1+1", Presence::Linked, false))], 2);
        assert!(lines[1].starts_with("21BCS001,'=1+1,"));
    }
}
