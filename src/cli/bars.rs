//! Progress bars: one a file set, for the student of the own copy, for the teacher of all copies.

use std::collections::BTreeMap;

use handout_engine::api::ItemId;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::Output;
use crate::text;

/// The bars that are on the screen.
#[derive(Debug, Default)]
pub struct Bars {
    bars: BTreeMap<ItemId, ProgressBar>,
}

impl Bars {
    /// Shows how far an item is: `done` of `total` bytes and a note behind the bar.
    pub fn show(
        &mut self,
        output: &Output,
        item: ItemId,
        title: &str,
        done: u64,
        total: u64,
        note: &str,
    ) {
        if !output.is_terminal() {
            return;
        }
        let bar = self.bars.entry(item).or_insert_with(|| {
            let bar = output.bars().add(ProgressBar::new(total));
            bar.set_style(style());
            bar
        });
        bar.set_prefix(text::plain(title));
        bar.set_length(total.max(1));
        // An empty file is complete from the start.
        bar.set_position(if total == 0 { 1 } else { done });
        bar.set_message(note.to_owned());
    }

    /// Takes an item's bar off the screen.
    pub fn remove(&mut self, item: ItemId) {
        if let Some(bar) = self.bars.remove(&item) {
            bar.finish_and_clear();
        }
    }

    /// Takes all bars off the screen.
    pub fn clear(&mut self) {
        for (_, bar) in std::mem::take(&mut self.bars) {
            bar.finish_and_clear();
        }
    }
}

/// How a bar looks.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:24!} {bar:30} {percent:>3}%  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
