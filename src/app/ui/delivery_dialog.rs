//! Who has an item, who has not, why, and what helps.

use std::cell::{OnceCell, RefCell};

use adw::prelude::*;
use adw::subclass::prelude::*;
use gtk::glib;
use gtk::glib::{Properties, clone};
use handout_engine::api::{DeviceId, ItemId};

use super::delivery_bar::DeliveryBar;
use super::delivery_row::DeliveryRow;
use crate::error::AppError;
use crate::model::feed_row::FeedRow;
use crate::model::lab::Lab;
use crate::model::recipient::Recipient;
use crate::model::recipients::Recipients;
use crate::model::session::Session;

mod imp {
    use super::*;

    #[derive(Properties, gtk::CompositeTemplate, Default)]
    #[properties(wrapper_type = super::DeliveryDialog)]
    #[template(file = "delivery_dialog.ui")]
    pub struct DeliveryDialog {
        /// The item's row in the feed.
        #[property(get, set, construct_only)]
        row: RefCell<Option<FeedRow>>,
        #[template_child]
        stack: TemplateChild<gtk::Stack>,
        #[template_child]
        list: TemplateChild<gtk::ListView>,
        #[template_child]
        banner: TemplateChild<adw::Banner>,
        #[template_child]
        retry_all: TemplateChild<gtk::Button>,
        pub lab: OnceCell<Lab>,
        pub session: OnceCell<Session>,
        recipients: OnceCell<Recipients>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for DeliveryDialog {
        const NAME: &'static str = "HandoutDeliveryDialog";
        type Type = super::DeliveryDialog;
        type ParentType = adw::Dialog;

        fn class_init(klass: &mut Self::Class) {
            FeedRow::ensure_type();
            DeliveryBar::ensure_type();
            klass.bind_template();
            klass.bind_template_callbacks();
            for (name, direct) in [("delivery.retry", false), ("delivery.direct", true)] {
                let kind = Some(glib::VariantTy::STRING);
                klass.install_action(name, kind, move |it, _, to| {
                    let device = to
                        .and_then(glib::Variant::str)
                        .and_then(|id| id.parse().ok());
                    it.imp().ask(device.into_iter().collect(), direct);
                });
            }
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    #[glib::derived_properties]
    impl ObjectImpl for DeliveryDialog {}
    impl WidgetImpl for DeliveryDialog {}
    impl AdwDialogImpl for DeliveryDialog {}

    #[gtk::template_callbacks]
    impl DeliveryDialog {
        pub fn fill(&self) {
            let (Some(session), Some(item)) = (self.session.get(), self.item()) else {
                return;
            };
            let recipients = Recipients::new(session, item);
            let sorted = gtk::SortListModel::new(Some(recipients.list()), Some(sorter()));
            sorted.connect_items_changed(clone!(
                #[weak(rename_to = dialog)]
                self,
                move |list, _, _, _| dialog.count(list.n_items())
            ));
            self.count(sorted.n_items());
            self.list.set_factory(Some(&factory()));
            self.list
                .set_model(Some(&gtk::NoSelection::new(Some(sorted))));
            recipients
                .bind_property("failed", &*self.retry_all, "visible")
                .transform_to(|_, failed: u32| Some(failed > 1))
                .sync_create()
                .build();
            // The dialog was just made: it has none yet.
            let _ = self.recipients.set(recipients);
        }

        fn item(&self) -> Option<ItemId> {
            self.row.borrow().as_ref().and_then(FeedRow::item)
        }

        fn count(&self, students: u32) {
            let page = if students == 0 { "empty" } else { "people" };
            self.stack.set_visible_child_name(page);
        }

        #[template_callback]
        fn retry_all(&self) {
            let failures = self.recipients.get().map(Recipients::failures);
            self.ask(failures.unwrap_or_default(), false);
        }

        /// Has students try again, or sends directly to them.
        fn ask(&self, students: Vec<DeviceId>, direct: bool) {
            let (Some(lab), Some(session), Some(item)) =
                (self.lab.get().cloned(), self.session.get(), self.item())
            else {
                return;
            };
            let id = session.id();
            glib::spawn_future_local(clone!(
                #[weak(rename_to = dialog)]
                self,
                async move {
                    let (backend, to) = (lab.backend(), students.clone());
                    let asked = async {
                        if direct {
                            backend?.send_directly(id, item, to).await
                        } else {
                            backend?.ask_again(id, item, to).await
                        }
                    };
                    match asked.await {
                        Ok(()) if direct => {
                            for device in students {
                                dialog.sent_directly(device);
                            }
                        }
                        Ok(()) => {}
                        Err(error) => dialog.say(&error),
                    }
                }
            ));
        }

        fn sent_directly(&self, device: DeviceId) {
            if let Some(recipients) = self.recipients.get() {
                recipients.sent_directly(device);
            }
        }

        fn say(&self, error: &AppError) {
            if let Some(text) = error.user_text() {
                tracing::warn!("{error}");
                self.banner.set_title(&text);
                self.banner.set_revealed(true);
            }
        }
    }
}

glib::wrapper! {
    /// Who has an item.
    pub struct DeliveryDialog(ObjectSubclass<imp::DeliveryDialog>)
        @extends gtk::Widget, adw::Dialog,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget, gtk::ShortcutManager;
}

impl DeliveryDialog {
    /// The dialog for an item of a session that is taught here.
    pub fn new(lab: &Lab, session: &Session, row: &FeedRow) -> Self {
        let dialog: Self = glib::Object::builder().property("row", row).build();
        let imp = dialog.imp();
        if imp.lab.set(lab.clone()).is_ok() && imp.session.set(session.clone()).is_ok() {
            imp.fill();
        }
        dialog
    }
}

/// Who needs help first, then by roll number and name.
fn sorter() -> gtk::Sorter {
    let rank =
        gtk::PropertyExpression::new(Recipient::static_type(), gtk::Expression::NONE, "rank");
    let order =
        gtk::PropertyExpression::new(Recipient::static_type(), gtk::Expression::NONE, "student")
            .chain_property::<crate::model::participant::Participant>("order");
    let sorter = gtk::MultiSorter::new();
    sorter.append(gtk::NumericSorter::new(Some(rank)));
    sorter.append(gtk::StringSorter::new(Some(order)));
    sorter.upcast()
}

fn factory() -> gtk::SignalListItemFactory {
    let factory = gtk::SignalListItemFactory::new();
    factory.connect_setup(|_, item| {
        if let Some(item) = item.downcast_ref::<gtk::ListItem>() {
            item.set_activatable(false);
            item.set_child(Some(&DeliveryRow::default()));
            item.property_expression("item")
                .chain_property::<Recipient>("spoken")
                .bind(item, "accessible-label", Some(item));
        }
    });
    factory.connect_bind(|_, item| {
        let Some(item) = item.downcast_ref::<gtk::ListItem>() else {
            return;
        };
        let recipient = item.item().and_downcast::<Recipient>();
        if let (Some(row), Some(recipient)) =
            (item.child().and_downcast::<DeliveryRow>(), recipient)
        {
            row.set_recipient(Some(recipient));
        }
    });
    factory
}
