//! What a teacher reads on the terminal.

use std::fmt::Write as _;

use handout_engine::api::{DeliveryView, Event, MemberView, PostContent, Presence, Progress};

use super::board::{Board, Item};
use crate::bars::Bars;
use crate::output::Output;
use crate::text::{plain, size, who};
use crate::words;

/// Writes events in words and keeps the bars.
pub struct Report<'a> {
    output: &'a Output,
    bars: Bars,
}

impl<'a> Report<'a> {
    /// A report on an output.
    pub fn new(output: &'a Output) -> Self {
        Self {
            output,
            bars: Bars::default(),
        }
    }

    /// Tells what an event means; `before` is what was known before it, `board` after.
    pub fn event(&mut self, event: &Event, came_or_went: bool, board: &Board) {
        self.output.emit(event);
        match event {
            Event::Ready {
                port, interfaces, ..
            } => {
                self.output.say(format!(
                    "Listening on port {port} on {}",
                    interfaces.join(", ")
                ));
            }
            Event::Member(member) => self.member(member, came_or_went, board),
            Event::Delivery(delivery) => self.delivery(delivery, board),
            Event::Item(view) => {
                if let Progress::Failed { text, .. } = &view.progress {
                    self.output.say(format!("Cannot go on handing out: {text}"));
                }
            }
            Event::Posted(post) => match &post.content {
                PostContent::Text { text } if !post.author.own => {
                    let author = who(&post.author.name, &post.author.roll);
                    self.output.say(plain(&format!("{author}: {text}")));
                }
                PostContent::Withdrawn { item, .. } => self.bars.remove(*item),
                _ => self.refresh(board),
            },
            Event::Warning(warning) => self.output.say(words::warning(warning)),
            _ => (),
        }
    }

    /// A student came, changed or left.
    fn member(&mut self, member: &MemberView, came_or_went: bool, board: &Board) {
        if member.teacher || member.own {
            return;
        }
        let name = plain(&who(&member.person.name, &member.person.roll));
        if came_or_went {
            let verb = if member.presence == Presence::Away {
                "left"
            } else {
                "joined"
            };
            self.output
                .say(format!("{name} {verb} ({} here)", present(board)));
        }
        if member.duplicate_roll {
            self.output.say(format!(
                "Warning: another device claims the roll number of {name}"
            ));
        }
        self.refresh(board);
    }

    /// A student got further.
    fn delivery(&mut self, delivery: &DeliveryView, board: &Board) {
        let Some(item) = board.item(delivery.item) else {
            return;
        };
        let name = board.member(delivery.device).map_or_else(
            || "somebody".to_owned(),
            |member| plain(&who(&member.person.name, &member.person.roll)),
        );
        match &delivery.progress {
            Progress::Failed { reason, .. } => {
                let why = words::fail_reason(*reason);
                self.output.say(format!(
                    "{}: {name} does not get it: {why}",
                    plain(&item.title)
                ));
            }
            Progress::Saved { .. } if !self.output.is_terminal() => {
                let counts = board.counts(item);
                let (saved, all) = (counts.saved, counts.all());
                self.output.say(format!(
                    "{}: {name} has it, {saved} of {all}",
                    plain(&item.title)
                ));
            }
            _ => (),
        }
        self.bar(item, board);
    }

    /// Brings all bars up to date.
    fn refresh(&mut self, board: &Board) {
        for item in board.items() {
            self.bar(item, board);
        }
    }

    /// Brings one item's bar up to date.
    fn bar(&mut self, item: &Item, board: &Board) {
        let Some(bytes) = item.bytes else { return };
        let counts = board.counts(item);
        let all = counts.all() as u64;
        let mut note = format!("{} of {all} saved", counts.saved);
        if counts.receiving > 0 {
            let _ = write!(note, ", {} receiving", counts.receiving);
        }
        if counts.failed > 0 {
            let _ = write!(note, ", {} failed", counts.failed);
        }
        // An empty set has no bytes to count: its copies are counted instead.
        let (done, total) = match bytes {
            0 => (counts.saved as u64, all),
            _ => (counts.bytes, bytes * all),
        };
        self.bars
            .show(self.output, item.id, &item.title, done, total.max(1), &note);
    }

    /// `/who`: every student and what lacks.
    pub fn who(&self, board: &Board) {
        for (number, item) in (1..).zip(board.items()) {
            let size = item
                .bytes
                .map_or_else(String::new, |bytes| format!(", {}", size(bytes)));
            self.output
                .say(format!("#{number} {}{size}", plain(&item.title)));
        }
        for member in board.members() {
            let name = plain(&who(&member.person.name, &member.person.roll));
            let lacks = board
                .items()
                .iter()
                .filter(|item| item.bytes.is_some())
                .filter_map(|item| lack(item, member, board))
                .collect::<Vec<_>>();
            let has = if lacks.is_empty() {
                "has everything".to_owned()
            } else {
                lacks.join("; ")
            };
            let presence = match member.presence {
                Presence::Linked => "linked",
                Presence::Relayed => "through others",
                Presence::Away => "away",
            };
            let machine = plain(&member.person.machine);
            self.output
                .say(format!("  {name}, {machine}, {presence}: {has}"));
        }
    }

    /// Takes the bars off the screen.
    pub fn finish(&mut self) {
        self.bars.clear();
    }
}

/// Students that are there.
fn present(board: &Board) -> usize {
    board
        .members()
        .filter(|member| member.presence != Presence::Away)
        .count()
}

/// What a student lacks of an item.
fn lack(item: &Item, member: &MemberView, board: &Board) -> Option<String> {
    let title = plain(&item.title);
    let delivery = board.delivery(item, member.device);
    match delivery.map(|delivery| (&delivery.progress, delivery)) {
        Some((Progress::Saved { .. }, _)) => None,
        Some((Progress::Failed { reason, .. }, _)) => {
            Some(format!("{title}: {}", words::fail_reason(*reason)))
        }
        Some((Progress::Receiving, delivery)) => {
            let percent = delivery.bytes * 100 / delivery.total.max(1);
            Some(format!("{title}: {percent} %"))
        }
        _ => Some(format!("{title}: waiting")),
    }
}
