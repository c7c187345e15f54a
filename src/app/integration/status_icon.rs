//! An icon in the tray of desktops that have one (`org.kde.StatusNotifierItem`), for those who ask for it. It has a connection
//! to the session bus of its own, which needs no name there: closed, the icon is gone.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use gettextrs::gettext;
use gtk::gio::{DBusConnection, DBusConnectionFlags};
use gtk::glib::{Variant, clone};
use gtk::prelude::*;
use gtk::{gio, glib};

use super::status_menu::{self, Entry, Menu};
use crate::application::Application;
use crate::config;
use crate::model::lab::Lab;
use crate::model::session::Session;
use crate::model::session_words;

/// The preference.
const KEY: &str = "tray-icon";
const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const WATCHER_OBJECT: &str = "/StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const ITEM_OBJECT: &str = "/StatusNotifierItem";
const MENU_OBJECT: &str = "/MenuBar";
/// Milliseconds for a call.
const CALL: i32 = 25_000;
/// For what is still to be sent when the icon goes.
const LAST_WORDS: Duration = Duration::from_secs(1);

const INTERFACE: &str = include_str!("status_icon.xml");

/// The icon of one program, there or not.
#[derive(Default)]
pub struct StatusIcon {
    bus: RefCell<Option<Bus>>,
    opening: RefCell<Option<glib::JoinHandle<()>>>,
    told: Rc<RefCell<Told>>,
    /// What a desktop gave for the window that is shown next.
    token: RefCell<Option<String>>,
}

/// Where the icon is, and what tells of trays that come.
struct Bus {
    connection: DBusConnection,
    _trays: gio::SignalSubscription,
}

/// What a tray is told.
#[derive(Debug, Default)]
struct Told {
    menu: Menu,
    /// Something is wanted of the person.
    asks: bool,
}

impl Told {
    const fn status(&self) -> &'static str {
        if self.asks {
            "NeedsAttention"
        } else {
            "Active"
        }
    }

    fn property(&self, name: &str) -> Variant {
        match name {
            "Category" => "Communications".to_variant(),
            "Id" => config::APP_ID.to_variant(),
            "Status" => self.status().to_variant(),
            "WindowId" => 0_i32.to_variant(),
            "IconName" | "AttentionIconName" => icon_name().to_variant(),
            "ToolTip" => {
                let pictures: Vec<(i32, i32, Vec<u8>)> = Vec::new();
                (icon_name(), pictures, "Handout", &self.menu.state).to_variant()
            }
            "ItemIsMenu" => false.to_variant(),
            "Menu" => glib::variant::ObjectPath::try_from(MENU_OBJECT)
                .expect("MENU_OBJECT is an object path")
                .to_variant(),
            _ => "Handout".to_variant(),
        }
    }
}

fn icon_name() -> String {
    format!("{}-symbolic", config::APP_ID)
}

/// What goes on, in words: in a session of that title, taught here or not, or in none.
fn state(session: Option<(bool, &str)>) -> String {
    match session {
        Some((teaching, title)) => session_words::doing(teaching, title),
        None => gettext("Waiting for a Session"),
    }
}

/// Shows the icon for as long as it is wanted, and tells it what happens.
pub fn follow(app: &Application) {
    let lab = app.lab();
    lab.connect_closure(
        "changed",
        false,
        glib::closure_local!(
            #[watch]
            app,
            move |_lab: Lab| refresh(app)
        ),
    );
    lab.sessions().connect_items_changed(clone!(
        #[weak]
        app,
        move |_, _, _, _| refresh(&app)
    ));
    let switched = clone!(
        #[weak]
        app,
        move || switch(&app)
    );
    app.settings().connect_changed(KEY, switched);
    refresh(app);
    switch(app);
}

/// Takes the icon away; what is on its way is sent before.
pub fn close(icon: &StatusIcon) -> impl Future<Output = ()> + use<> {
    if let Some(opening) = icon.opening.take() {
        opening.abort();
    }
    let bus = icon.bus.take();
    async move {
        let Some(Bus { connection, .. }) = bus else {
            return;
        };
        // A menu's answer, when it is the menu that ends the program.
        let _ = glib::future_with_timeout(LAST_WORDS, connection.flush_future()).await;
        let _ = glib::future_with_timeout(LAST_WORDS, connection.close_future()).await;
    }
}

fn switch(app: &Application) {
    let (icon, wanted) = (app.status_icon(), app.settings().tray_icon());
    let there = icon.bus.borrow().is_some() || icon.opening.borrow().is_some();
    if wanted && !there {
        let opening = glib::spawn_future_local(clone!(
            #[weak]
            app,
            async move {
                match open(&app).await {
                    Ok(bus) => {
                        let connection = bus.connection.clone();
                        app.status_icon().bus.replace(Some(bus));
                        register(connection).await;
                    }
                    Err(error) => tracing::info!(%error, "no icon in the tray"),
                }
            }
        ));
        icon.opening.replace(Some(opening));
    } else if !wanted && there {
        glib::spawn_future_local(close(icon));
    }
}

/// What goes on may have changed.
fn refresh(app: &Application) {
    let lab = app.lab();
    let session = lab.live().filter(Session::inside);
    let title = session.as_ref().map(Session::title).unwrap_or_default();
    let now = state(session.map(|session| (session.teaching(), title.as_str())));
    let sessions = lab.sessions();
    let mut sessions = sessions.iter::<Session>().flatten();
    let asks = sessions.any(|session| session.unknown() || session.pin_wanted());
    let icon = app.status_icon();
    let mut told = icon.told.borrow_mut();
    let bus = icon.bus.borrow();
    let tell = |object: &str, interface: &str, signal: &str, given: Option<Variant>| {
        let Some(bus) = bus.as_ref() else { return };
        let bus = &bus.connection;
        if let Err(error) = bus.emit_signal(None, object, interface, signal, given.as_ref()) {
            tracing::info!(%error, signal, "the tray is not told");
        }
    };
    if told.menu.state != now {
        told.menu.state = now;
        told.menu.revision = told.menu.revision.wrapping_add(1);
        tell(ITEM_OBJECT, ITEM, "NewToolTip", None);
        let given = (told.menu.revision, 0_i32).to_variant();
        tell(MENU_OBJECT, status_menu::NAME, "LayoutUpdated", Some(given));
    }
    if told.asks != asks {
        told.asks = asks;
        let given = (told.status(),).to_variant();
        tell(ITEM_OBJECT, ITEM, "NewStatus", Some(given));
    }
}

/// Puts icon and menu on a connection of their own, and waits for trays.
async fn open(app: &Application) -> Result<Bus, glib::Error> {
    // Where nothing says where the bus is, looking for it takes a while.
    let address = gio::spawn_blocking(|| {
        gio::dbus_address_get_for_bus_sync(gio::BusType::Session, gio::Cancellable::NONE)
    });
    let address = address
        .await
        .map_err(|_| glib::Error::new(gio::IOErrorEnum::Failed, "no address of a bus"))??;
    let connection = DBusConnection::for_address_future(
        &address,
        DBusConnectionFlags::AUTHENTICATION_CLIENT | DBusConnectionFlags::MESSAGE_BUS_CONNECTION,
        None,
    )
    .await?;
    show_item(app, &connection)?;
    show_menu(app, &connection)?;
    // A watcher of names calls back without a connection once the bus is gone, which its binding does not bear.
    let trays = connection.subscribe_to_signal(
        Some("org.freedesktop.DBus"),
        Some("org.freedesktop.DBus"),
        Some("NameOwnerChanged"),
        Some("/org/freedesktop/DBus"),
        Some(WATCHER),
        gio::DBusSignalFlags::NONE,
        |signal| {
            let owners = signal.parameters.get::<(String, String, String)>();
            if owners.is_some_and(|(_, _, new)| !new.is_empty()) {
                glib::spawn_future_local(register(signal.connection.clone()));
            }
        },
    );
    Ok(Bus {
        connection,
        _trays: trays,
    })
}

/// Tells the tray that the icon is there.
async fn register(connection: DBusConnection) {
    let name = connection.unique_name().unwrap_or_default();
    let done = connection.call_future(
        Some(WATCHER),
        WATCHER_OBJECT,
        WATCHER,
        "RegisterStatusNotifierItem",
        Some(&(name.as_str(),).to_variant()),
        None,
        gio::DBusCallFlags::NO_AUTO_START,
        CALL,
    );
    if let Err(error) = done.await {
        tracing::info!(%error, "no tray takes the icon");
    }
}

fn interface(xml: &str, name: &str) -> Result<gio::DBusInterfaceInfo, glib::Error> {
    let node = gio::DBusNodeInfo::for_xml(xml)?;
    node.lookup_interface(name)
        .ok_or_else(|| glib::Error::new(gio::IOErrorEnum::Failed, name))
}

fn show_item(app: &Application, connection: &DBusConnection) -> Result<(), glib::Error> {
    let told = app.status_icon().told.clone();
    let called = clone!(
        #[weak]
        app,
        move |method: &str, given: &Variant| match method {
            "Activate" => show(&app),
            "ProvideXdgActivationToken" => {
                let token = given.get::<(String,)>().map(|(token,)| token);
                app.status_icon().token.replace(token);
            }
            _ => {}
        }
    );
    connection
        .register_object(ITEM_OBJECT, &interface(INTERFACE, ITEM)?)
        .property(move |_, _, _, _, name| told.borrow().property(name))
        .method_call(move |_, _, _, _, method, given, call| {
            call.return_value(None);
            called(method, &given);
        })
        .build()
        .map(drop)
}

fn show_menu(app: &Application, connection: &DBusConnection) -> Result<(), glib::Error> {
    let told = app.status_icon().told.clone();
    let chosen = clone!(
        #[weak]
        app,
        move |entry: Entry| choose(&app, entry)
    );
    connection
        .register_object(
            MENU_OBJECT,
            &interface(status_menu::INTERFACE, status_menu::NAME)?,
        )
        .property(|_, _, _, _, name| {
            let direction = gtk::Widget::default_direction();
            status_menu::property(name, direction == gtk::TextDirection::Rtl)
        })
        .method_call(move |_, _, _, _, method, given, call| {
            let answer = told.borrow().menu.answer(method, &given);
            let (value, entries) = match answer {
                Ok((value, entries)) => (Ok(value), entries),
                Err(error) => (Err(error), Vec::new()),
            };
            call.return_result(value);
            entries.into_iter().for_each(&chosen);
        })
        .build()
        .map(drop)
}

fn choose(app: &Application, entry: Entry) {
    match entry {
        Entry::Show => show(app),
        Entry::Received => app.activate_action("open-received", None),
        Entry::Preferences => {
            show(app);
            app.activate_action("preferences", None);
        }
        Entry::Quit => app.activate_action("quit", None),
        Entry::Root | Entry::State | Entry::Separator => {}
    }
}

fn show(app: &Application) {
    app.show_window();
    if let (Some(token), Some(window)) = (app.status_icon().token.take(), app.window()) {
        window.set_startup_id(&token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_names_the_session() {
        assert_eq!(state(None), "Waiting for a Session");
        assert_eq!(state(Some((false, "Physics"))), "Connected to Physics");
        assert_eq!(state(Some((true, "Physics"))), "Teaching Physics");
    }

    #[test]
    fn every_property_has_the_type_of_the_interface() {
        let item = interface(INTERFACE, ITEM).expect("the interface");
        let told = Told::default();
        for (name, kind) in [
            ("Category", "s"),
            ("Id", "s"),
            ("Title", "s"),
            ("Status", "s"),
            ("WindowId", "i"),
            ("IconName", "s"),
            ("AttentionIconName", "s"),
            ("ToolTip", "(sa(iiay)ss)"),
            ("ItemIsMenu", "b"),
            ("Menu", "o"),
        ] {
            assert!(item.lookup_property(name).is_some(), "{name}");
            assert_eq!(told.property(name).type_().as_str(), kind, "{name}");
        }
    }

    #[test]
    fn attention_is_asked_for_only_while_something_is_wanted() {
        let asking = |asks| Told {
            asks,
            ..Told::default()
        };
        assert_eq!(asking(false).status(), "Active");
        assert_eq!(asking(true).status(), "NeedsAttention");
    }
}
