//! Everything this computer knows of sessions, fed by the engine's events.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::OnceLock;

use gtk::glib::subclass::Signal;
use gtk::glib::{Properties, clone};
use gtk::prelude::*;
use gtk::subclass::prelude::*;
use gtk::{gio, glib};
use handout_engine::api::{
    Config, Event, ItemId, NewPost, Pin, Progress, SessionId, SessionView, ShareOptions,
    WarningKind,
};
use handout_engine::store::scan::Skipped;

use super::backend::Backend;
use super::feed_row::FeedRow;
use super::keys::Teacher;
use super::session::Session;
use crate::error::AppError;

mod imp {
    use super::*;

    #[derive(Properties)]
    #[properties(wrapper_type = super::Lab)]
    pub struct Lab {
        /// Every session that is known, newest last.
        #[property(get)]
        pub sessions: gio::ListStore,
        pub backend: RefCell<Option<Backend>>,
        pub drain: RefCell<Option<glib::JoinHandle<()>>>,
    }

    impl Default for Lab {
        fn default() -> Self {
            Self {
                sessions: gio::ListStore::new::<Session>(),
                backend: RefCell::default(),
                drain: RefCell::default(),
            }
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Lab {
        const NAME: &'static str = "HandoutLab";
        type Type = super::Lab;
    }

    #[glib::derived_properties]
    impl ObjectImpl for Lab {
        fn signals() -> &'static [Signal] {
            static SIGNALS: OnceLock<Vec<Signal>> = OnceLock::new();
            SIGNALS.get_or_init(|| {
                let row = [Session::static_type(), FeedRow::static_type()];
                vec![
                    Signal::builder("posted").param_types(row).build(),
                    Signal::builder("saved").param_types(row).build(),
                    Signal::builder("failed").param_types(row).build(),
                    Signal::builder("entered")
                        .param_types([Session::static_type()])
                        .build(),
                    Signal::builder("changed").build(),
                    Signal::builder("warned")
                        .param_types([String::static_type()])
                        .build(),
                ]
            })
        }
    }
}

glib::wrapper! {
    /// Everything this computer knows of sessions.
    pub struct Lab(ObjectSubclass<imp::Lab>);
}

impl Default for Lab {
    fn default() -> Self {
        glib::Object::new()
    }
}

impl Lab {
    /// Starts the engine.
    pub fn start(&self, config: Config) -> Result<(), AppError> {
        let (backend, events) = Backend::start(config)?;
        self.attach(backend, events);
        Ok(())
    }

    /// Listens to what is already running.
    pub fn attach(&self, backend: Backend, events: async_channel::Receiver<Event>) {
        self.imp().backend.replace(Some(backend));
        let drain = glib::spawn_future_local(clone!(
            #[weak(rename_to = lab)]
            self,
            async move {
                while let Ok(event) = events.recv().await {
                    lab.take(event);
                }
            }
        ));
        self.imp().drain.replace(Some(drain));
    }

    /// Stops the engine and forgets the sessions that it knew.
    pub async fn stop(&self) {
        let backend = self.imp().backend.take();
        if let Some(drain) = self.imp().drain.take() {
            drain.abort();
        }
        if let Some(backend) = backend {
            backend.shutdown().await;
        }
        self.imp().sessions.remove_all();
    }

    /// What takes the commands.
    pub fn backend(&self) -> Result<Backend, AppError> {
        let backend = self.imp().backend.borrow();
        backend
            .clone()
            .ok_or(AppError::Engine(handout_engine::EngineError::Stopped))
    }

    /// The session of that id.
    pub fn session(&self, id: SessionId) -> Option<Session> {
        self.sessions()
            .iter::<Session>()
            .flatten()
            .find(|session| session.id() == id)
    }

    /// The session that is taught now, or else the newest that is joined.
    pub fn live(&self) -> Option<Session> {
        let newest = || {
            let all = self.sessions();
            all.iter::<Session>().flatten().filter(Session::live).last()
        };
        self.taught().or_else(newest)
    }

    /// The own session that runs now.
    pub fn taught(&self) -> Option<Session> {
        self.sessions()
            .iter::<Session>()
            .flatten()
            .find(|session| session.teaching() && session.live())
    }

    /// Starts a session; with a PIN, for those who know it.
    pub async fn teach(
        &self,
        title: &str,
        teacher: &Teacher,
        pin: Option<Pin>,
    ) -> Result<(), AppError> {
        let backend = self.backend()?;
        backend.start_session(title, teacher.key(), pin).await?;
        Ok(())
    }

    /// Goes on with a session of this computer that was interrupted.
    pub async fn resume(&self, session: SessionId, teacher: &Teacher) -> Result<(), AppError> {
        self.backend()?.resume_session(session, teacher.key()).await
    }

    /// Shares files and folders; gives what was left out.
    pub async fn share(
        &self,
        session: &Session,
        paths: Vec<PathBuf>,
    ) -> Result<Vec<Skipped>, AppError> {
        self.share_as(session, paths, ShareOptions::default()).await
    }

    async fn share_as(
        &self,
        session: &Session,
        paths: Vec<PathBuf>,
        options: ShareOptions,
    ) -> Result<Vec<Skipped>, AppError> {
        // Paths of the document portal are gone after the next login.
        let passing =
            |path: &PathBuf| path.starts_with("/run/user") || path.starts_with("/run/flatpak");
        let copy = paths.iter().any(passing);
        let options = ShareOptions { copy, ..options };
        let shared = self.backend()?.share(session.id(), paths, options).await?;
        Ok(shared.skipped)
    }

    /// Shares a new version of an item.
    pub async fn replace(
        &self,
        session: &Session,
        item: ItemId,
        path: PathBuf,
    ) -> Result<Vec<Skipped>, AppError> {
        let options = ShareOptions {
            replaces: Some(item),
            ..ShareOptions::default()
        };
        self.share_as(session, vec![path], options).await
    }

    /// Posts a snippet, a link or an announcement.
    pub async fn post(&self, session: &Session, post: NewPost) -> Result<(), AppError> {
        self.backend()?.post(session.id(), post).await.map(drop)
    }

    /// Trusts the teacher of a session and joins it.
    pub async fn trust_and_join(&self, session: &Session) -> Result<(), AppError> {
        let backend = self.backend()?;
        backend.trust(session.teacher_key()).await?;
        backend.join(session.id()).await
    }

    fn take(&self, event: Event) {
        if let Some(session) = session_of(&event).and_then(|id| self.session(id)) {
            session.note(&event);
        }
        match event {
            Event::Ready {
                port, interfaces, ..
            } => tracing::info!(port, ?interfaces, "listening"),
            Event::Session(view) => self.session_changed(&view),
            Event::SessionGone { session } => self.forget(session),
            Event::Posted(post) => {
                if let Some(session) = self.session(post.session)
                    && let Some(row) = session.post(&post)
                {
                    self.emit_by_name::<()>("posted", &[&session, &row]);
                }
            }
            Event::Item(view) => {
                let session = self.session(view.session);
                let found = session.and_then(|s| s.item(&view).map(|row| (s, row)));
                let signal = match view.progress {
                    Progress::Saved { path: Some(_) } => "saved",
                    Progress::Failed { .. } => "failed",
                    _ => return,
                };
                if let Some((session, row)) = found {
                    self.emit_by_name::<()>(signal, &[&session, &row]);
                }
            }
            Event::Delivery(view) => {
                if let Some(session) = self.session(view.session) {
                    session.delivery(&view);
                }
            }
            Event::Member(view) => {
                if let Some(session) = self.session(view.session) {
                    session.member_changed(&view);
                }
            }
            Event::Warning(warning) => {
                tracing::warn!(kind = ?warning.kind, "{}", warning.text);
                if concerns_people(warning.kind) {
                    let text = crate::format::warning(&warning);
                    self.emit_by_name::<()>("warned", &[&text]);
                }
            }
            Event::OneCopyOut { item, .. } => tracing::info!(%item, "one copy is out"),
        }
    }

    fn session_changed(&self, view: &SessionView) {
        let known = self.session(view.session);
        let was_inside = known.as_ref().is_some_and(Session::inside);
        let session = known.unwrap_or_else(|| {
            let session = Session::new(view);
            self.sessions().append(&session);
            session
        });
        session.update(view);
        if session.inside() && !was_inside {
            self.emit_by_name::<()>("entered", &[&session]);
        }
        self.emit_by_name::<()>("changed", &[]);
    }

    /// A session is no longer on the network.
    fn forget(&self, id: SessionId) {
        let Some(session) = self.session(id) else {
            return;
        };
        session.gone();
        self.emit_by_name::<()>("changed", &[]);
        // What was received in it can be looked at.
        if session.member() {
            return;
        }
        if let Some(place) = self.sessions().find(&session) {
            self.sessions().remove(place);
        }
    }
}

/// The session that an event of the class is about.
const fn session_of(event: &Event) -> Option<SessionId> {
    match event {
        Event::Posted(post) => Some(post.session),
        Event::Member(view) => Some(view.session),
        Event::Delivery(view) => Some(view.session),
        _ => None,
    }
}

/// Whether a warning belongs on the screen; the others stand in the diagnosis.
fn concerns_people(kind: WarningKind) -> bool {
    !matches!(
        kind,
        WarningKind::Refused | WarningKind::BadPeer | WarningKind::PortTaken
    )
}
