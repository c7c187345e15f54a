//! The windows: each widget is a `.rs` with its `.ui` beside it.
//!
//! ```text
//! Window
//! └─ NavigationView
//!    ├─ HomePage ── SessionRow…
//!    └─ SessionPage
//!       ├─ TeacherStrip
//!       ├─ FeedView ── FilesCard, SnippetCard, LinkCard, AnnouncementCard, MessageRow, NoticeRow
//!       │               └─ DeliveryBar, CodeView
//!       ├─ Composer
//!       └─ Roster ── RosterRow…
//! dialogs: TeachDialog, TrustDialog, PinDialog, DeliveryDialog ── DeliveryRow…, SnippetDialog, HistoryDialog, PostDialog, PreferencesDialog ── TrustPage, NetworkPage; DiagnosisDialog, about
//! ```

mod about;
mod announcer;
mod cards;
pub mod closing;
mod code_view;
mod compose;
mod composer;
mod delivery_bar;
mod delivery_dialog;
mod delivery_row;
mod diagnosis_dialog;
mod export;
mod feed_view;
mod history_dialog;
mod home_page;
mod item_actions;
mod network_page;
mod pin_dialog;
mod post_dialog;
mod preferences_dialog;
mod qr_code;
mod roster;
mod roster_row;
mod session_actions;
mod session_page;
mod session_row;
mod snippet_dialog;
mod teach_dialog;
mod teacher_strip;
mod trust_dialog;
mod trust_page;
mod window;

pub use about::about;
pub use preferences_dialog::PreferencesDialog;
pub use window::Window;
