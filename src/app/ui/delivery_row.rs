//! One student with one item: how far, why not, and what helps.

use std::cell::RefCell;

use gtk::glib;
use gtk::glib::{Properties, clone};
use gtk::prelude::*;
use gtk::subclass::prelude::*;

use crate::i18n::gettext_f;
use crate::model::participant::Participant;
use crate::model::recipient::Recipient;

mod imp {
    use super::*;

    #[derive(Properties, gtk::CompositeTemplate, Default)]
    #[properties(wrapper_type = super::DeliveryRow)]
    #[template(file = "delivery_row.ui")]
    pub struct DeliveryRow {
        /// Who is shown.
        #[property(get, set = Self::set_recipient, nullable)]
        recipient: RefCell<Option<Recipient>>,
        #[template_child]
        state: TemplateChild<gtk::Box>,
        #[template_child]
        direct: TemplateChild<gtk::Button>,
        #[template_child]
        retry: TemplateChild<gtk::Button>,
        watch: RefCell<Option<(Recipient, glib::SignalHandlerId)>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for DeliveryRow {
        const NAME: &'static str = "HandoutDeliveryRow";
        type Type = super::DeliveryRow;
        type ParentType = gtk::Box;

        fn class_init(klass: &mut Self::Class) {
            Participant::ensure_type();
            Recipient::ensure_type();
            klass.bind_template();
            klass.bind_template_callbacks();
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    #[glib::derived_properties]
    impl ObjectImpl for DeliveryRow {}
    impl WidgetImpl for DeliveryRow {}
    impl BoxImpl for DeliveryRow {}

    #[gtk::template_callbacks]
    impl DeliveryRow {
        fn set_recipient(&self, recipient: Option<Recipient>) {
            if let Some((before, id)) = self.watch.take() {
                before.disconnect(id);
            }
            if let Some(recipient) = &recipient {
                self.colour(recipient);
                let name = recipient.student().name();
                let name = [("name", name.as_str())];
                for (button, text) in [
                    (&self.retry, gettext_f("Have {name} try again", &name)),
                    (&self.direct, gettext_f("Send it to {name} directly", &name)),
                ] {
                    button.update_property(&[gtk::accessible::Property::Description(&text)]);
                }
                let id = recipient.connect_state_text_notify(clone!(
                    #[weak(rename_to = row)]
                    self,
                    move |recipient| row.colour(recipient)
                ));
                self.watch.replace(Some((recipient.clone(), id)));
            }
            self.recipient.replace(recipient);
        }

        /// The icon and the words say the same.
        fn colour(&self, recipient: &Recipient) {
            let class = if recipient.rank() == 0 {
                &["warning"]
            } else {
                &["dim-label"]
            };
            self.state.set_css_classes(class);
        }

        #[template_callback]
        fn retry(&self) {
            self.act("delivery.retry");
        }

        #[template_callback]
        fn send_directly(&self) {
            self.act("delivery.direct");
        }

        fn act(&self, action: &str) {
            let device = self
                .recipient
                .borrow()
                .as_ref()
                .and_then(|it| it.student().device());
            if let Some(device) = device {
                let target = device.to_string().to_variant();
                if let Err(error) = self.obj().activate_action(action, Some(&target)) {
                    tracing::error!(%error, action, "no dialog to do it in");
                }
            }
        }

        #[template_callback(function)]
        fn filled(text: Option<&str>) -> bool {
            text.is_some_and(|text| !text.is_empty())
        }
    }
}

glib::wrapper! {
    /// One student with one item.
    pub struct DeliveryRow(ObjectSubclass<imp::DeliveryRow>)
        @extends gtk::Widget, gtk::Box,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget, gtk::Orientable;
}

impl Default for DeliveryRow {
    fn default() -> Self {
        glib::Object::new()
    }
}
