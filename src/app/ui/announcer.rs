//! What changes in a session is said to a screen reader: politely, together, and no more often than one can listen.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use gtk::glib;
use gtk::glib::clone;
use gtk::prelude::*;
use gtk::subclass::prelude::*;
use handout_engine::api::ItemId;

use crate::format;
use crate::model::feed_row::FeedRow;
use crate::model::session::Session;

/// What happens within this time is said together.
const TOGETHER: Duration = Duration::from_secs(2);

/// What is worth a word about an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// It is on its way.
    Nothing,
    /// It is there: here, or at all students.
    Complete,
    /// It failed: for so many.
    Failed(u32),
}

/// What a person who listens knows.
#[derive(Debug, Default)]
struct Known {
    students: u32,
    /// Each with its words, and whether it was told in an earlier run of the program.
    items: HashMap<ItemId, (Told, String, bool)>,
}

impl Known {
    fn of(session: &Session) -> Self {
        let rows = session.imp().rows.borrow();
        let items = rows.values().filter_map(|row| {
            let words = format::joined(&[row.title(), row.state_text()]);
            Some((row.item()?, (told(row), words, row.again())))
        });
        Self {
            students: if session.teaching() {
                session.students()
            } else {
                0
            },
            items: items.collect(),
        }
    }

    /// What is new since then, in words.
    fn news(&self, before: &Self) -> Vec<String> {
        let mut news = Vec::new();
        if self.students != before.students && self.students > 0 {
            news.push(format::present(self.students));
        }
        for (item, (told, words, again)) in &self.items {
            let earlier = before.items.get(item).map(|known| known.0);
            if earlier.is_none() && *again {
                continue;
            }
            let earlier = earlier.unwrap_or(Told::Nothing);
            if *told != earlier && *told != Told::Nothing {
                news.push(words.clone());
            }
        }
        news.sort();
        news
    }
}

fn told(row: &FeedRow) -> Told {
    if row.failed() || row.students_failed() > 0 {
        Told::Failed(row.students_failed())
    } else if row.openable() || (row.students() > 0 && row.students() == row.students_saved()) {
        Told::Complete
    } else {
        Told::Nothing
    }
}

/// Has a page say what changes in its session. Gives the handlers to disconnect.
pub fn follow(page: &gtk::Widget, session: &Session) -> Vec<glib::SignalHandlerId> {
    let known = Rc::new(RefCell::new(Known::of(session)));
    let due = Rc::new(Cell::new(false));
    let soon = clone!(
        #[weak]
        page,
        #[weak]
        session,
        move || {
            if due.replace(true) {
                return;
            }
            let (known, due) = (known.clone(), due.clone());
            let (page, session) = (page.downgrade(), session.downgrade());
            glib::timeout_add_local_once(TOGETHER, move || {
                due.set(false);
                let (Some(page), Some(session)) = (page.upgrade(), session.upgrade()) else {
                    return;
                };
                let now = Known::of(&session);
                let news = now.news(&known.borrow());
                known.replace(now);
                if !news.is_empty() && page.is_mapped() {
                    let words = format::joined(&news);
                    page.announce(&words, gtk::AccessibleAnnouncementPriority::Medium);
                }
            });
        }
    );
    let counted = session.connect_local("counted", false, {
        let soon = soon.clone();
        move |_| {
            soon();
            None
        }
    });
    vec![counted, session.connect_students_notify(move |_| soon())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(students: u32, told: Told) -> Known {
        Known {
            students,
            items: HashMap::from([(ItemId([1; 16]), (told, "lab3.zip".to_owned(), true))]),
        }
    }

    #[test]
    fn what_is_done_or_failed_is_said_once() {
        let [waits, done] = [known(2, Told::Nothing), known(2, Told::Complete)];
        assert_eq!(waits.news(&Known::default()), ["2 here"]);
        assert_eq!(done.news(&Known::default()), ["2 here"], "told before");
        assert_eq!(done.news(&waits), ["lab3.zip"]);
        assert!(done.news(&done).is_empty());
        assert!(waits.news(&done).is_empty(), "a new version is on its way");
        let failed = known(2, Told::Failed(1));
        assert_eq!(failed.news(&waits), ["lab3.zip"]);
        assert_eq!(
            known(3, Told::Failed(2)).news(&failed),
            ["3 here", "lab3.zip"]
        );
    }
}
