//! What of a post a row shows.

use handout_engine::api::{ItemId, PostContent};

use super::feed_row::FeedKind;

/// At most sixteen lines.
pub fn excerpt(text: &str) -> String {
    const LINES: usize = 16;
    let text = text.trim_end();
    match text.match_indices('\n').nth(LINES - 1) {
        Some((end, _)) => format!("{}\n…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Kind, item, title, text or address, and language of a post.
pub fn parts(content: &PostContent) -> (FeedKind, Option<ItemId>, &str, &str, &str) {
    match content {
        PostContent::Text { text } => (FeedKind::Message, None, "", text, ""),
        PostContent::Files { item, title, .. } => (FeedKind::Files, Some(*item), title, "", ""),
        PostContent::Snippet {
            item,
            title,
            text,
            language,
        } => (FeedKind::Snippet, Some(*item), title, text, language),
        PostContent::Link { item, title, url } => {
            let title = if title.is_empty() { url } else { title };
            (FeedKind::Link, Some(*item), title, url, "")
        }
        PostContent::Announcement { item, title, text } => {
            (FeedKind::Announcement, Some(*item), title, text, "")
        }
        PostContent::Withdrawn { reason, .. } => (FeedKind::Notice, None, "", reason, ""),
        PostContent::Ended => (FeedKind::Notice, None, "", "", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_after_sixteen_lines() {
        assert_eq!(excerpt("a\n  b\n\n"), "a\n  b");
        let long = "line\n".repeat(40);
        let shown = excerpt(&long);
        assert_eq!(shown.lines().count(), 17);
        assert!(shown.ends_with("line\n…"));
        assert_eq!(excerpt(&"x\n".repeat(16)).lines().count(), 16);
    }
}
