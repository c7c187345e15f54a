//! `history`: earlier sessions, as they are remembered on this machine.

use std::path::PathBuf;

use clap::Args;
use handout_engine::api::{DeliveryView, Post, PostContent, Progress};
use handout_engine::archive::{Archive, PastFeed, PastSession};
use handout_engine::core::trust::Date;

use crate::args::Global;
use crate::exit::{Code, Failure};
use crate::lines::Line;
use crate::output::Output;
use crate::setup;
use crate::teach::Table;
use crate::text::{count, plain, who};

/// Arguments of `history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Show what was posted in this session: its number in the list, or its id
    #[arg(value_name = "SESSION")]
    session: Option<String>,

    /// Write attendance and delivery of a session that was taught here as CSV
    #[arg(long, value_name = "FILE", requires = "session")]
    export: Option<PathBuf>,
}

/// Lists sessions, or shows one.
pub fn run(global: &Global, args: &HistoryArgs, output: &Output) -> Result<Code, Failure> {
    let archive = Archive::open(&setup::absolute(&setup::data_dir(global)?)?)?;
    let sessions = archive.sessions()?;
    let Some(wanted) = &args.session else {
        if sessions.is_empty() {
            output.say("No session is remembered here.");
        }
        for (number, one) in (1..).zip(&sessions) {
            output.emit(&Line::Past(one));
            output.say(plain(&in_words(number, one)));
        }
        return Ok(Code::Done);
    };
    let by_number = wanted.parse::<usize>().ok();
    let by_number = by_number.and_then(|number| sessions.get(number.wrapping_sub(1)));
    let found = by_number.or_else(|| {
        sessions
            .iter()
            .find(|one| one.session.to_string() == *wanted)
    });
    let found = found.ok_or_else(|| {
        Failure::failed(format!("session {wanted} is not remembered here"))
            .hint("handout-cli history lists those that are")
    })?;
    let feed = archive.feed(found)?;
    show(found, &feed, output);
    match &args.export {
        Some(_) if !found.own => {
            return Err(Failure::usage(
                "only a session that was taught here has a table",
            ));
        }
        Some(path) => Table::past(&feed).write(path, output)?,
        None => {}
    }
    Ok(Code::Done)
}

fn in_words(number: usize, one: &PastSession) -> String {
    let role = if one.own { "taught here" } else { "joined" };
    let end = match one.ended {
        Some(time) => format!("ended {}", Date(time)),
        None if one.open => "can go on (teach --resume)".to_owned(),
        None => "not seen to end".to_owned(),
    };
    let (title, teacher, started) = (&one.title, &one.teacher, Date(one.started));
    format!("{number}. {started} {title}, {teacher}: {role}, {end}")
}

fn show(session: &PastSession, feed: &PastFeed, output: &Output) {
    output.say(plain(&format!("{} ({})", session.title, session.teacher)));
    for post in &feed.posts {
        output.emit(&Line::PastPost(post));
        output.say(plain(&format!("  {}", post_in_words(post))));
    }
    for (item, version, path) in &feed.saved {
        output.emit(&Line::PastSaved {
            item: *item,
            version: *version,
            path,
        });
        output.say(plain(&format!("  saved: {}", path.display())));
    }
    for student in &feed.students {
        output.emit(&Line::PastStudent(student));
        let person = &student.member.person;
        let saved = |it: &&DeliveryView| {
            it.device == student.member.device && matches!(it.progress, Progress::Saved { .. })
        };
        let saved = feed.deliveries.iter().filter(saved).count();
        let who = who(&person.name, &person.roll);
        let has = count(saved as u64, "item");
        output.say(plain(&format!("  {who} on {}: has {has}", person.machine)));
    }
    for delivery in &feed.deliveries {
        output.emit(&Line::PastDelivery(delivery));
    }
}

fn post_in_words(post: &Post) -> String {
    let who = match (post.author.own, post.author.name.as_str()) {
        (true, _) => "you",
        (false, "") => "a student",
        (false, name) => name,
    };
    match &post.content {
        PostContent::Text { text } => format!("{who}: {text}"),
        PostContent::Files { title, version, .. } if version.0 > 1 => {
            format!("{who} shared {title}, version {version}")
        }
        PostContent::Files { title, .. } => format!("{who} shared {title}"),
        PostContent::Snippet { title, text, .. } => format!("{who} shared {title}:\n{text}"),
        PostContent::Link { title, url, .. } => format!("{who} shared {title} {url}"),
        PostContent::Announcement { title, text, .. } => format!("{who}: {title}. {text}"),
        PostContent::Withdrawn { reason, .. } => format!("an item was withdrawn. {reason}"),
        PostContent::Ended => "the session has ended".to_owned(),
    }
}
