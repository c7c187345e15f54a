//! What a student reads on the terminal.

use std::path::Path;

use handout_engine::api::{ItemView, Post, PostContent, Progress};

use super::received::FileSet;
use crate::text::{count, plain, size, who};

/// Something of the feed.
pub fn post(post: &Post) -> String {
    let author = who(&post.author.name, &post.author.roll);
    plain(&match &post.content {
        PostContent::Text { text } if post.private => format!("{author}, to you: {text}"),
        PostContent::Text { text } => format!("{author}: {text}"),
        PostContent::Files {
            title,
            files,
            bytes,
            version,
            ..
        } => {
            let again = if version.0 > 1 {
                format!(", version {version}")
            } else {
                String::new()
            };
            format!(
                "{title}{again}: {}, {}",
                count((*files).into(), "file"),
                size(*bytes)
            )
        }
        PostContent::Snippet { title, text, .. } => format!("{title}:\n{text}"),
        PostContent::Link { title, url, .. } if title.is_empty() => url.clone(),
        PostContent::Link { title, url, .. } => format!("{title}: {url}"),
        PostContent::Announcement { title, text, .. } => format!("{title}: {text}"),
        PostContent::Withdrawn { reason, .. } if reason.is_empty() => {
            "An item was withdrawn".to_owned()
        }
        PostContent::Withdrawn { reason, .. } => format!("An item was withdrawn: {reason}"),
        PostContent::Ended => "The teacher has ended the session".to_owned(),
    })
}

/// A file set that is completely here.
pub fn saved(title: &str, path: Option<&Path>) -> String {
    match path {
        Some(path) => format!("{title}: saved as {}", path.display()),
        None => format!("{title}: saved"),
    }
}

/// What stands behind a bar.
pub fn rate(view: &ItemView) -> String {
    match view.progress {
        Progress::Receiving => format!(
            "{} of {}, {}/s",
            size(view.bytes),
            size(view.total),
            size(view.rate)
        ),
        _ => "waiting".to_owned(),
    }
}

/// A file set and how far it is.
pub fn set(set: &FileSet) -> String {
    let state = match &set.progress {
        Progress::Preparing | Progress::Waiting => "waiting".to_owned(),
        Progress::Receiving => "receiving".to_owned(),
        Progress::Saved { path: Some(path) } => format!("saved as {}", path.display()),
        Progress::Saved { path: None } => "saved".to_owned(),
        Progress::Failed { text, .. } => format!("not received: {text}"),
    };
    plain(&format!("{}: {state}", set.title))
}
