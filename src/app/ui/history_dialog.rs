//! Earlier sessions, to choose one and read it.

use adw::prelude::*;
use adw::subclass::prelude::*;
use gtk::glib;
use gtk::glib::clone;
use handout_engine::archive::PastSession;

use super::window::Window;
use crate::error::AppError;
use crate::model::history::{self, History};

mod imp {
    use super::*;

    #[derive(gtk::CompositeTemplate, Default)]
    #[template(file = "history_dialog.ui")]
    pub struct HistoryDialog {
        #[template_child]
        pub stack: TemplateChild<gtk::Stack>,
        #[template_child]
        pub list: TemplateChild<gtk::ListBox>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for HistoryDialog {
        const NAME: &'static str = "HandoutHistoryDialog";
        type Type = super::HistoryDialog;
        type ParentType = adw::Dialog;

        fn class_init(klass: &mut Self::Class) {
            klass.bind_template();
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    impl ObjectImpl for HistoryDialog {}
    impl WidgetImpl for HistoryDialog {}
    impl AdwDialogImpl for HistoryDialog {}
}

glib::wrapper! {
    /// Earlier sessions.
    pub struct HistoryDialog(ObjectSubclass<imp::HistoryDialog>)
        @extends gtk::Widget, adw::Dialog,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget, gtk::ShortcutManager;
}

impl HistoryDialog {
    /// Shows the earlier sessions over a window, which shows the chosen one.
    pub fn show(window: &Window, history: &History) -> Result<(), AppError> {
        let dialog: Self = glib::Object::new();
        let imp = dialog.imp();
        let live = window.live();
        let sessions = history.list()?.into_iter();
        let sessions: Vec<_> = sessions.filter(|one| Some(one.session) != live).collect();
        if !sessions.is_empty() {
            imp.stack.set_visible_child_name("sessions");
        }
        for past in sessions {
            imp.list.append(&dialog.row(window, history, past));
        }
        dialog.present(Some(window));
        Ok(())
    }

    fn row(&self, window: &Window, history: &History, past: PastSession) -> adw::ActionRow {
        let row = adw::ActionRow::builder()
            .use_markup(false)
            .title(&past.title)
            .subtitle(history::facts(&past))
            .activatable(true)
            .build();
        let icon = gtk::Image::from_icon_name("go-next-symbolic");
        icon.set_accessible_role(gtk::AccessibleRole::Presentation);
        row.add_suffix(&icon);
        let history = history.clone();
        row.connect_activated(clone!(
            #[weak(rename_to = dialog)]
            self,
            #[weak]
            window,
            move |_| {
                match history.open(&past) {
                    Ok(session) => {
                        dialog.close();
                        window.show_past(&session);
                    }
                    Err(error) => window.tell(&error),
                }
            }
        ));
        row
    }
}
