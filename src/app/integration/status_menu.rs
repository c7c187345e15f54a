//! The menu of the tray's icon as desktops ask for it (`com.canonical.dbusmenu`): what is in it, and what was chosen.

use gettextrs::gettext;
use gtk::gio::DBusError;
use gtk::glib::{self, Variant, VariantDict};
use gtk::prelude::*;

/// Its name, methods, properties and signals.
pub const NAME: &str = "com.canonical.dbusmenu";
pub const INTERFACE: &str = include_str!("status_menu.xml");

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// What all the others are in.
    Root,
    /// What goes on, to read.
    State,
    /// Shows the window.
    Show,
    /// Opens the folder of received files.
    Received,
    /// Shows the preferences.
    Preferences,
    /// A line.
    Separator,
    /// Ends the program.
    Quit,
}

/// From the top; the id of an entry is its place.
const ENTRIES: [Entry; 7] = [
    Entry::Root,
    Entry::State,
    Entry::Show,
    Entry::Received,
    Entry::Preferences,
    Entry::Separator,
    Entry::Quit,
];
const ROOT: i32 = 0;

fn entry(id: i32) -> Option<Entry> {
    ENTRIES.get(usize::try_from(id).ok()?).copied()
}

fn ids() -> impl Iterator<Item = i32> {
    (ROOT..).take(ENTRIES.len())
}

/// What an answer is made of.
#[derive(Debug, Default)]
pub struct Menu {
    /// What goes on, in words.
    pub state: String,
    /// Counts the changes of the menu.
    pub revision: u32,
}

/// What comes back, and what was chosen.
type Answer = Result<(Option<Variant>, Vec<Entry>), glib::Error>;

impl Menu {
    /// Answers a call.
    pub fn answer(&self, method: &str, given: &Variant) -> Answer {
        let value = match method {
            "GetLayout" => {
                let (id, depth, names): (i32, i32, Vec<String>) = read(given)?;
                let layout = self.layout(id, depth, &names).ok_or_else(|| unknown(id))?;
                Variant::tuple_from_iter([self.revision.to_variant(), layout])
            }
            "GetGroupProperties" => {
                let (mut wanted, names): (Vec<i32>, Vec<String>) = read(given)?;
                if wanted.is_empty() {
                    wanted = ids().collect();
                }
                let found = |id| Some((id, self.properties(id, &names)?));
                let found: Vec<(i32, VariantDict)> = wanted.into_iter().filter_map(found).collect();
                (found,).to_variant()
            }
            "GetProperty" => {
                let (id, name): (i32, String) = read(given)?;
                let own = self.properties(id, &[]).ok_or_else(|| unknown(id))?;
                let value = own.lookup_value(&name, None);
                (value.ok_or_else(|| wrong(&format!("entry {id} has no {name}")))?,).to_variant()
            }
            "Event" => {
                let (id, what, _, _): Happened = read(given)?;
                let entry = entry(id).ok_or_else(|| unknown(id))?;
                return Ok((None, chosen(entry, &what).into_iter().collect()));
            }
            "EventGroup" => {
                let (all,): (Vec<Happened>,) = read(given)?;
                let errors = errors(all.iter().map(|(id, ..)| *id))?;
                let chosen = |(id, what, ..): &Happened| chosen(entry(*id)?, what);
                let chosen = all.iter().filter_map(chosen).collect();
                return Ok((Some((errors,).to_variant()), chosen));
            }
            "AboutToShow" => {
                let (id,): (i32,) = read(given)?;
                entry(id).ok_or_else(|| unknown(id))?;
                (false,).to_variant()
            }
            "AboutToShowGroup" => {
                let (all,): (Vec<i32>,) = read(given)?;
                (Vec::<i32>::new(), errors(all.into_iter())?).to_variant()
            }
            _ => return Err(glib::Error::new(DBusError::UnknownMethod, method)),
        };
        Ok((Some(value), Vec::new()))
    }

    /// An entry and, unless the depth is 0, what is in it.
    fn layout(&self, id: i32, depth: i32, names: &[String]) -> Option<Variant> {
        let inside = if id == ROOT && depth != 0 {
            ids().skip(1).collect()
        } else {
            Vec::new()
        };
        let inside: Vec<Variant> = inside
            .into_iter()
            .filter_map(|id| self.layout(id, 0, names))
            .collect();
        Some((id, self.properties(id, names)?, inside).to_variant())
    }

    /// The properties of an entry that differ from the usual ones; of these names, or all.
    fn properties(&self, id: i32, names: &[String]) -> Option<VariantDict> {
        let label = |text: &str| vec![("label", text.to_variant())];
        let own = match entry(id)? {
            Entry::Root => vec![("children-display", "submenu".to_variant())],
            Entry::State => vec![
                ("label", literally(&self.state).to_variant()),
                ("enabled", false.to_variant()),
            ],
            Entry::Show => label(&gettext("_Open Handout")),
            Entry::Received => label(&gettext("Open _Received Files")),
            Entry::Preferences => label(&gettext("_Preferences")),
            Entry::Separator => vec![("type", "separator".to_variant())],
            Entry::Quit => label(&gettext("Quit")),
        };
        let found = VariantDict::new(None);
        for (name, value) in own {
            if names.is_empty() || names.iter().any(|wanted| wanted == name) {
                found.insert_value(name, &value);
            }
        }
        Some(found)
    }
}

/// The value of a property of the menu itself.
pub fn property(name: &str, from_right: bool) -> Variant {
    match name {
        "Version" => 3_u32.to_variant(),
        "TextDirection" if from_right => "rtl".to_variant(),
        "TextDirection" => "ltr".to_variant(),
        "IconThemePath" => Vec::<String>::new().to_variant(),
        _ => "normal".to_variant(),
    }
}

/// An event of an entry: its id, what it is, data, and when.
type Happened = (i32, String, Variant, u32);

/// The entry, if it was pressed and does something.
fn chosen(entry: Entry, event: &str) -> Option<Entry> {
    let idle = matches!(entry, Entry::Root | Entry::State | Entry::Separator);
    (event == "clicked" && !idle).then_some(entry)
}

/// The ids that are none; an error if not one is.
fn errors(all: impl Iterator<Item = i32> + Clone) -> Result<Vec<i32>, glib::Error> {
    let unknown_ids: Vec<i32> = all.clone().filter(|id| entry(*id).is_none()).collect();
    match unknown_ids.first() {
        Some(id) if unknown_ids.len() == all.count() => Err(unknown(*id)),
        _ => Ok(unknown_ids),
    }
}

/// A text in which no letter becomes a mnemonic.
fn literally(text: &str) -> String {
    text.replace('_', "__")
}

fn read<T: FromVariant>(given: &Variant) -> Result<T, glib::Error> {
    given
        .get()
        .ok_or_else(|| wrong("other arguments are wanted"))
}

fn unknown(id: i32) -> glib::Error {
    wrong(&format!("there is no entry {id}"))
}

fn wrong(text: &str) -> glib::Error {
    glib::Error::new(DBusError::InvalidArgs, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Layout = (i32, VariantDict, Vec<Variant>);

    fn menu() -> Menu {
        Menu {
            state: "Connected to lab_3".to_owned(),
            revision: 7,
        }
    }

    fn given(signature: &str, text: &str) -> Variant {
        let kind = glib::VariantTy::new(signature).expect("a signature");
        Variant::parse(Some(kind), text).expect("a text of that type")
    }

    fn ask(method: &str, signature: &str, text: &str) -> Option<Variant> {
        let answer = menu().answer(method, &given(signature, text));
        let (value, chosen) = answer.expect("an answer");
        assert_eq!(chosen, []);
        value
    }

    fn refused(method: &str, signature: &str, text: &str) -> bool {
        let answer = menu().answer(method, &given(signature, text));
        answer.is_err_and(|error| error.matches(DBusError::InvalidArgs))
    }

    fn layout(text: &str) -> Layout {
        let answer = ask("GetLayout", "(iias)", text).expect("a layout");
        assert_eq!(answer.type_().as_str(), "(u(ia{sv}av))");
        let (revision, layout): (u32, Layout) = answer.get().expect("a layout");
        assert_eq!(revision, 7);
        layout
    }

    #[test]
    fn the_whole_menu_is_told_at_once() {
        let (id, own, inside) = layout("(0, -1, [])");
        assert_eq!(
            (id, own.lookup("children-display").ok().flatten()),
            (0, Some("submenu".to_owned()))
        );
        let inside: Vec<Layout> = inside.iter().filter_map(Variant::get).collect();
        let text = |one: &VariantDict, name| one.lookup::<String>(name).ok().flatten();
        let labels: Vec<_> = inside
            .iter()
            .map(|(_, own, _)| text(own, "label").or_else(|| text(own, "type")))
            .collect();
        let wanted = [
            "Connected to lab__3",
            "_Open Handout",
            "Open _Received Files",
            "_Preferences",
            "separator",
            "Quit",
        ];
        assert_eq!(labels, wanted.map(|text| Some(text.to_owned())));
        let ids: Vec<_> = inside.iter().map(|(id, ..)| *id).collect();
        assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
        assert_eq!(inside[0].1.lookup("enabled").ok().flatten(), Some(false));
    }

    #[test]
    fn only_what_was_asked_for_is_told() {
        let (_, own, inside) = layout("(0, 0, [])");
        assert!(own.contains("children-display") && inside.is_empty());
        let (id, own, inside) = layout("(1, -1, ['enabled'])");
        assert!(!own.contains("label") && own.contains("enabled"));
        assert_eq!((id, inside.len()), (1, 0));
        let group = |text| {
            let answer = ask("GetGroupProperties", "(aias)", text).expect("properties");
            let (found,): (Vec<(i32, VariantDict)>,) = answer.get().expect("properties");
            found.iter().map(|(id, _)| *id).collect::<Vec<_>>()
        };
        assert_eq!(group("([6, 99, -1, 2], ['label'])"), [6, 2]);
        assert_eq!(group("([], [])"), [0, 1, 2, 3, 4, 5, 6]);
        let label = ask("GetProperty", "(is)", "(6, 'label')");
        assert_eq!(label, Some(given("(v)", "(<'Quit'>,)")));
    }

    #[test]
    fn a_press_chooses_what_does_something() {
        let pressed = |id: i32, event: &str| {
            let event = (id, event, 0_i32.to_variant(), 0_u32).to_variant();
            let (value, chosen) = menu().answer("Event", &event).expect("an answer");
            assert_eq!(value, None);
            chosen
        };
        assert_eq!(pressed(2, "clicked"), [Entry::Show]);
        assert_eq!(pressed(6, "clicked"), [Entry::Quit]);
        assert_eq!(pressed(6, "hovered"), []);
        for idle in [0, 1, 5] {
            assert_eq!(pressed(idle, "clicked"), []);
        }
        let many = "([(3, 'clicked', <0>, 0), (70, 'clicked', <0>, 0), (4, 'opened', <''>, 0)],)";
        let answer = menu().answer("EventGroup", &given("(a(isvu))", many));
        let (errors, chosen) = answer.expect("an answer");
        assert_eq!(errors, Some(given("(ai)", "([70],)")));
        assert_eq!(chosen, [Entry::Received]);
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        for id in [7, -1, i32::MAX, i32::MIN] {
            assert!(refused("GetLayout", "(iias)", &format!("({id}, -1, [])")));
            assert!(refused("GetProperty", "(is)", &format!("({id}, 'label')")));
            assert!(refused(
                "Event",
                "(isvu)",
                &format!("({id}, 'clicked', <0>, 0)")
            ));
            assert!(refused("AboutToShow", "(i)", &format!("({id},)")));
            assert!(refused("AboutToShowGroup", "(ai)", &format!("([{id}],)")));
            let event = format!("([({id}, 'clicked', <0>, 0)],)");
            assert!(refused("EventGroup", "(a(isvu))", &event));
        }
        assert!(refused("GetProperty", "(is)", "(6, 'icon-name')"));
        assert!(refused("GetLayout", "(s)", "('',)"));
        let method = menu().answer("Explode", &().to_variant());
        assert!(method.is_err_and(|error| error.matches(DBusError::UnknownMethod)));
    }

    #[test]
    fn nothing_has_to_be_asked_again_before_it_is_shown() {
        assert_eq!(
            ask("AboutToShow", "(i)", "(0,)"),
            Some(given("(b)", "(false,)"))
        );
        assert_eq!(
            ask("AboutToShowGroup", "(ai)", "([0, 9],)"),
            Some(given("(aiai)", "([], [9])"))
        );
    }

    #[test]
    fn properties_have_the_types_of_the_interface() {
        let node = gtk::gio::DBusNodeInfo::for_xml(INTERFACE).expect("a description");
        let menu = node.lookup_interface(NAME).expect("the interface");
        for (name, kind) in [
            ("Version", "u"),
            ("TextDirection", "s"),
            ("Status", "s"),
            ("IconThemePath", "as"),
        ] {
            assert!(menu.lookup_property(name).is_some(), "{name}");
            assert_eq!(property(name, true).type_().as_str(), kind);
        }
    }
}
