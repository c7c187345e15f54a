//! Preferences: how the network is used.

use std::cell::{Cell, OnceCell, RefCell};
use std::sync::OnceLock;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gtk::glib;
use gtk::glib::clone;
use gtk::glib::subclass::Signal;
use handout_engine::api::InterfaceReport;

use super::preferences_dialog::managed;
use crate::format;
use crate::model::lab::Lab;
use crate::settings::Settings;

mod imp {
    use super::*;

    #[derive(gtk::CompositeTemplate, Default)]
    #[template(file = "network_page.ui")]
    pub struct NetworkPage {
        #[template_child]
        pub limit: TemplateChild<adw::SpinRow>,
        #[template_child]
        pub port: TemplateChild<adw::SpinRow>,
        #[template_child]
        pub usual: TemplateChild<adw::SwitchRow>,
        #[template_child]
        interfaces: TemplateChild<gtk::ListBox>,
        pub settings: OnceCell<Settings>,
        rows: RefCell<Vec<(String, adw::SwitchRow)>>,
        filling: Cell<bool>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for NetworkPage {
        const NAME: &'static str = "HandoutNetworkPage";
        type Type = super::NetworkPage;
        type ParentType = adw::PreferencesPage;

        fn class_init(klass: &mut Self::Class) {
            klass.bind_template();
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    impl ObjectImpl for NetworkPage {
        fn signals() -> &'static [Signal] {
            static SIGNALS: OnceLock<Vec<Signal>> = OnceLock::new();
            SIGNALS.get_or_init(|| vec![Signal::builder("changed").build()])
        }
    }

    impl WidgetImpl for NetworkPage {}
    impl PreferencesPageImpl for NetworkPage {}

    impl NetworkPage {
        /// Shows the connections of this computer, and those that were named and are not there now.
        pub fn fill(&self, found: &[InterfaceReport]) {
            let Some(settings) = self.settings.get() else {
                return;
            };
            let named = settings.interfaces();
            let mut shown: Vec<_> = found
                .iter()
                .map(|report| {
                    let facts = [report.addresses.join(", "), report.note.clone()];
                    (report.name.clone(), format::joined(&facts))
                })
                .collect();
            for name in named
                .iter()
                .filter(|name| !found.iter().any(|it| it.name == **name))
            {
                shown.push((name.clone(), String::new()));
            }
            self.filling.set(true);
            for (name, facts) in shown {
                let row = adw::SwitchRow::builder()
                    .use_markup(false)
                    .title(&name)
                    .subtitle(facts)
                    .active(named.contains(&name))
                    .sensitive(!settings.locked("interfaces"))
                    .build();
                row.connect_active_notify(clone!(
                    #[weak(rename_to = page)]
                    self,
                    move |_| page.chosen()
                ));
                self.interfaces.append(&row);
                self.rows.borrow_mut().push((name, row));
            }
            self.usual.set_active(named.is_empty());
            self.filling.set(false);
            self.arrange();
        }

        pub fn arrange(&self) {
            self.interfaces
                .set_visible(!self.usual.is_active() && !self.rows.borrow().is_empty());
        }

        /// None is as good as all: nobody can be reached without one.
        pub fn chosen(&self) {
            if self.filling.get() {
                return;
            }
            let rows = self.rows.borrow();
            let names = rows.iter().filter(|(_, row)| row.is_active());
            let names: Vec<_> = if self.usual.is_active() {
                Vec::new()
            } else {
                names.map(|(name, _)| name.clone()).collect()
            };
            if let Some(settings) = self.settings.get()
                && settings.interfaces() != names
            {
                settings.set_interfaces(&names);
                self.obj().emit_by_name::<()>("changed", &[]);
            }
        }
    }
}

glib::wrapper! {
    /// How the network is used.
    pub struct NetworkPage(ObjectSubclass<imp::NetworkPage>)
        @extends gtk::Widget, adw::PreferencesPage,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

impl NetworkPage {
    /// Fills the page.
    pub fn setup(&self, settings: &Settings, lab: &Lab) {
        let imp = self.imp();
        if imp.settings.set(settings.clone()).is_err() {
            return;
        }
        for (key, row) in [("upload-limit", &imp.limit), ("port", &imp.port)] {
            if !settings.bind(key, &**row, "value") {
                row.set_subtitle(&managed());
            }
        }
        if settings.locked("interfaces") {
            imp.usual.set_sensitive(false);
            imp.usual.set_subtitle(&managed());
        }
        imp.usual.connect_active_notify(clone!(
            #[weak(rename_to = page)]
            self,
            move |_| {
                page.imp().arrange();
                page.imp().chosen();
            }
        ));
        settings.connect_changed(
            "port",
            clone!(
                #[weak(rename_to = page)]
                self,
                move || page.emit_by_name::<()>("changed", &[])
            ),
        );
        glib::spawn_future_local(clone!(
            #[weak(rename_to = page)]
            self,
            #[strong]
            lab,
            async move {
                let found = match lab.backend() {
                    Ok(backend) => backend.diagnosis().await,
                    Err(error) => Err(error),
                };
                let found = found.map(|found| found.interfaces).unwrap_or_default();
                page.imp().fill(&found);
            }
        ));
    }

    /// Calls back after each change that the engine has to know.
    pub fn connect_changed(&self, told: impl Fn() + 'static) {
        self.connect_closure(
            "changed",
            false,
            glib::closure_local!(move |_page: Self| told()),
        );
    }
}
