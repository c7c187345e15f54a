//! The windows: each widget is a `.rs` with its `.ui` beside it.
//!
//! ```text
//! Window
//! └─ NavigationView
//!    ├─ HomePage ── SessionRow…
//!    └─ SessionPage
//!       ├─ TeacherStrip
//!       ├─ FeedView ── FilesCard, SnippetCard, LinkCard, AnnouncementCard, MessageRow, NoticeRow
//!       │               └─ DeliveryBar
//!       ├─ Composer
//!       └─ Roster ── RosterRow…
//! dialogs: TeachDialog, TrustDialog, PostDialog, PreferencesDialog, DiagnosisDialog, about
//! ```

mod about;
mod cards;
mod composer;
mod delivery_bar;
mod diagnosis_dialog;
mod feed_view;
mod home_page;
mod post_dialog;
mod preferences_dialog;
mod roster;
mod roster_row;
mod session_actions;
mod session_page;
mod session_row;
mod teach_dialog;
mod teacher_strip;
mod trust_dialog;
mod window;

pub use about::about;
pub use preferences_dialog::PreferencesDialog;
pub use window::Window;
