//! Where a message is written. Return sends it, Shift+Return makes a new line.

use std::cell::RefCell;
use std::sync::OnceLock;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gtk::glib::subclass::Signal;
use gtk::glib::{Properties, clone};
use gtk::{gdk, gio, glib};

mod imp {
    use super::*;

    #[derive(Properties, gtk::CompositeTemplate, Default)]
    #[properties(wrapper_type = super::Composer)]
    #[template(file = "composer.ui")]
    pub struct Composer {
        /// What stands in the empty field, and what the field is called.
        #[property(get, set = Self::set_prompt)]
        prompt: RefCell<String>,
        /// What can be shared from here, where the header has no room for it.
        #[property(get, set = Self::set_share_menu, nullable)]
        share_menu: RefCell<Option<gio::MenuModel>>,
        #[template_child]
        attach: TemplateChild<gtk::MenuButton>,
        #[template_child]
        pub text: TemplateChild<gtk::TextView>,
        #[template_child]
        pub buffer: TemplateChild<gtk::TextBuffer>,
        #[template_child]
        placeholder: TemplateChild<gtk::Label>,
        #[template_child]
        send: TemplateChild<gtk::Button>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Composer {
        const NAME: &'static str = "HandoutComposer";
        type Type = super::Composer;
        type ParentType = adw::Bin;

        fn class_init(klass: &mut Self::Class) {
            klass.bind_template();
            klass.bind_template_callbacks();
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    #[glib::derived_properties]
    impl ObjectImpl for Composer {
        fn constructed(&self) {
            self.parent_constructed();
            let keys = gtk::EventControllerKey::new();
            keys.set_propagation_phase(gtk::PropagationPhase::Capture);
            keys.connect_key_pressed(clone!(
                #[weak(rename_to = composer)]
                self,
                #[upgrade_or]
                glib::Propagation::Proceed,
                move |controller, key, _, held| composer.key(controller, key, held)
            ));
            self.text.add_controller(keys);
        }

        fn signals() -> &'static [Signal] {
            static SIGNALS: OnceLock<Vec<Signal>> = OnceLock::new();
            SIGNALS.get_or_init(|| {
                let text = [String::static_type()];
                vec![Signal::builder("written").param_types(text).build()]
            })
        }
    }

    impl WidgetImpl for Composer {
        fn grab_focus(&self) -> bool {
            self.text.grab_focus()
        }
    }

    impl BinImpl for Composer {}

    #[gtk::template_callbacks]
    impl Composer {
        fn set_prompt(&self, prompt: String) {
            self.placeholder.set_label(&prompt);
            self.text.update_property(&[
                gtk::accessible::Property::Label(&prompt),
                gtk::accessible::Property::Placeholder(&prompt),
            ]);
            self.prompt.replace(prompt);
        }

        fn set_share_menu(&self, menu: Option<gio::MenuModel>) {
            self.attach.set_visible(menu.is_some());
            self.attach.set_menu_model(menu.as_ref());
            self.share_menu.replace(menu);
        }

        fn key(
            &self,
            controller: &gtk::EventControllerKey,
            key: gdk::Key,
            held: gdk::ModifierType,
        ) -> glib::Propagation {
            let enter = matches!(key, gdk::Key::Return | gdk::Key::KP_Enter);
            if !enter || held.intersects(gdk::ModifierType::SHIFT_MASK) {
                return glib::Propagation::Proceed;
            }
            // An input method that is composing a word keeps its Return.
            let composing = controller
                .current_event()
                .is_some_and(|event| self.text.im_context_filter_keypress(&event));
            if !composing {
                self.send_text();
            }
            glib::Propagation::Stop
        }

        fn written(&self) -> String {
            let (start, end) = self.buffer.bounds();
            self.buffer.text(&start, &end, false).trim().to_owned()
        }

        #[template_callback]
        fn text_changed(&self) {
            self.placeholder.set_visible(self.buffer.char_count() == 0);
            self.send.set_sensitive(!self.written().is_empty());
        }

        #[template_callback]
        fn send_text(&self) {
            let text = self.written();
            if !text.is_empty() {
                self.buffer.set_text("");
                self.obj().emit_by_name::<()>("written", &[&text]);
                self.text.grab_focus();
            }
        }

        /// Copied files are shared, not written as their names.
        #[template_callback]
        fn pasting(&self) {
            let formats = self.obj().clipboard().formats();
            if formats.contains_type(gdk::FileList::static_type()) {
                self.text.stop_signal_emission_by_name("paste-clipboard");
                let pasted = self.obj().activate_action("session.paste", None);
                tracing::debug!(?pasted, "files pasted");
            } else if let Err(error) = self.obj().activate_action("session.offer", None) {
                tracing::debug!(%error, "nothing is offered for a text");
            }
        }
    }
}

glib::wrapper! {
    /// Where a message is written.
    pub struct Composer(ObjectSubclass<imp::Composer>)
        @extends gtk::Widget, adw::Bin,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

impl Composer {
    /// Adds a text at the cursor.
    pub fn insert(&self, text: &str) {
        self.imp().buffer.insert_at_cursor(text);
        self.grab_focus();
    }

    /// Takes a text out again that was just put in.
    pub fn take_back(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        let buffer = &self.imp().buffer;
        let found = buffer
            .end_iter()
            .backward_search(text, gtk::TextSearchFlags::TEXT_ONLY, None);
        if let Some((mut start, mut end)) = found {
            buffer.delete(&mut start, &mut end);
        }
    }

    /// Puts a text back that could not be sent, before what was written since.
    pub fn restore(&self, text: &str) {
        let buffer = &self.imp().buffer;
        if buffer.char_count() == 0 {
            buffer.set_text(text);
        } else {
            buffer.insert(&mut buffer.start_iter(), &format!("{text}\n"));
        }
    }

    /// Tells what was sent.
    pub fn connect_written(&self, told: impl Fn(&Self, &str) + 'static) {
        self.connect_closure(
            "written",
            false,
            glib::closure_local!(move |composer: Self, text: String| told(&composer, &text)),
        );
    }
}
