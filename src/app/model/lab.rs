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
    Config, Event, NewPost, Progress, SessionId, SessionView, ShareOptions, WarningKind,
};

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

    /// The session that is taught or joined now.
    pub fn live(&self) -> Option<Session> {
        self.sessions()
            .iter::<Session>()
            .flatten()
            .find(Session::live)
    }

    /// Starts a session.
    pub async fn teach(&self, title: &str, teacher: &Teacher) -> Result<(), AppError> {
        self.backend()?.start_session(title, teacher.key()).await?;
        Ok(())
    }

    /// Shares files and folders; gives what was left out.
    pub async fn share(
        &self,
        session: &Session,
        paths: Vec<PathBuf>,
    ) -> Result<Vec<(PathBuf, String)>, AppError> {
        // Paths of the document portal are gone after the next login.
        let copy = paths.iter().any(|path| path.starts_with("/run/user"));
        let options = ShareOptions {
            copy,
            ..ShareOptions::default()
        };
        let shared = self.backend()?.share(session.id(), paths, options).await?;
        Ok(shared.skipped)
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
                let saved = matches!(view.progress, Progress::Saved { path: Some(_) });
                if let Some((session, row)) = found.filter(|_| saved) {
                    self.emit_by_name::<()>("saved", &[&session, &row]);
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

    fn forget(&self, id: SessionId) {
        let Some(session) = self.session(id).filter(|session| !session.member()) else {
            return;
        };
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
