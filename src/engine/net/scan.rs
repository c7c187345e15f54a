//! Keeps discovery on the interfaces that are there, also when one comes or goes.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use smol::Task;

use super::event::warning;
use super::interfaces::{Found, missing, scan};
use super::link::Links;
use super::listener::OwnAddresses;
use super::reactor::{Io, Way};
use super::udp::Udp;
use crate::api::{InterfaceChoice, InterfaceReport, WarningKind};
use crate::core::io::{Input, Target};
use crate::core::wire::statements::LinkKind;
use crate::platform::network::ChangeWatch;

/// How often interfaces are looked at where the system does not tell of changes.
const POLL: Duration = Duration::from_secs(2);
/// The same where it does: only what failed is tried again.
const POLL_WATCHED: Duration = Duration::from_secs(30);

/// The interfaces and their sockets.
pub struct Scanner {
    choice: InterfaceChoice,
    port: u16,
    links: Arc<Links>,
    own: OwnAddresses,
    state: Mutex<State>,
    watcher: Mutex<Option<Task<()>>>,
}

struct State {
    udp: Udp,
    found: Vec<Found>,
    /// Warnings that were given and still hold.
    warned: BTreeSet<String>,
    /// Interfaces on which nothing came in, by name.
    deaf: BTreeSet<String>,
    told: bool,
}

impl Scanner {
    /// Looks at the interfaces now and from now on.
    pub fn start(choice: InterfaceChoice, udp: Udp, links: Arc<Links>) -> Arc<Self> {
        let scanner = Arc::new(Self {
            choice,
            port: udp.port(),
            links,
            own: OwnAddresses::default(),
            state: Mutex::new(State {
                udp,
                found: Vec::new(),
                warned: BTreeSet::new(),
                deaf: BTreeSet::new(),
                told: false,
            }),
            watcher: Mutex::default(),
        });
        scanner.look();
        let task = scanner.links.spawner.spawn(watch(scanner.clone()));
        *scanner.watcher() = Some(task);
        scanner
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watcher(&self) -> MutexGuard<'_, Option<Task<()>>> {
        self.watcher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The own addresses on interfaces in use.
    pub fn own_addresses(&self) -> OwnAddresses {
        self.own.clone()
    }

    /// The numbers of the interfaces in use.
    pub fn indexes(&self) -> Vec<u32> {
        let state = self.state();
        let used = state.found.iter().filter(|found| found.used);
        used.map(|found| found.interface.index).collect()
    }

    /// Sends a datagram. Says so, once, where nothing comes in.
    pub fn send(&self, to: &Target, bytes: &[u8]) {
        let mut state = self.state();
        let State { udp, deaf, .. } = &mut *state;
        if let Target::Everybody { interface, .. } = to
            && let Some(name) = udp.deaf(*interface)
            && deaf.insert(name.to_owned())
        {
            let text = format!("{name}: {}", self.deafness());
            (self.links.sink)(warning(WarningKind::InterfaceError, text));
        }
        udp.send(to, bytes);
    }

    /// Why nothing comes in, and what to do.
    fn deafness(&self) -> String {
        let tcp = self.links.port.load(Ordering::Relaxed);
        format!(
            "nothing comes in, not even what this computer sends to everybody: a firewall on it \
             drops it. Open UDP port {} and TCP port {tcp} for incoming traffic, or type the \
             teacher's address to join.",
            self.port
        )
    }

    /// Ends the watch and closes the sockets.
    pub fn stop(&self) {
        let watcher = self.watcher().take();
        drop(watcher);
        self.state().udp.apply(&[]);
    }

    /// Every interface and what it did.
    pub fn report(&self) -> Vec<InterfaceReport> {
        let state = self.state();
        let report = |found: &Found| {
            let counters = state.udp.counters(&found.interface.name);
            let addresses = found.interface.addresses.iter();
            InterfaceReport {
                name: found.interface.name.clone(),
                addresses: addresses
                    .map(|(at, prefix)| format!("{at}/{prefix}"))
                    .collect(),
                kind: found.interface.kind,
                used: found.used,
                note: match (found.used, counters.is_deaf()) {
                    (false, _) => found.note.clone(),
                    (true, true) if counters.error.is_empty() => self.deafness(),
                    (true, _) => counters.error,
                },
                sent: counters.sent,
                heard: counters.heard,
            }
        };
        state.found.iter().map(report).collect()
    }

    fn look(&self) {
        let found = match scan(&self.choice) {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!("cannot list the network interfaces: {error}");
                return;
            }
        };
        let mut state = self.state();
        let errors = state.udp.apply(&found);
        let mut warnings: Vec<(WarningKind, String)> = errors
            .into_iter()
            .map(|(name, error)| {
                let text = format!(
                    "The network interface {name} cannot be used for discovery: {error}. \
                     Sessions on its network may not be seen."
                );
                (WarningKind::InterfaceError, text)
            })
            .collect();
        warnings.extend(self.complaints(&found));
        let now: BTreeSet<String> = warnings.iter().map(|(_, text)| text.clone()).collect();
        for (kind, text) in warnings {
            if !state.warned.contains(&text) {
                (self.links.sink)(warning(kind, text));
            }
        }
        state.warned = now;
        if state.told && state.found == found {
            return;
        }
        self.tell(&found);
        state.told = true;
        state.found = found;
    }

    fn complaints(&self, found: &[Found]) -> Vec<(WarningKind, String)> {
        let mut texts = Vec::new();
        for name in missing(&self.choice, found) {
            let names: Vec<&str> = found
                .iter()
                .map(|one| one.interface.name.as_str())
                .collect();
            texts.push(format!(
                "There is no network interface \"{name}\" on this computer; it has {}.",
                names.join(", ")
            ));
        }
        if !found.iter().any(|one| one.used) && texts.is_empty() {
            texts.push(
                "This computer has no usable network interface: plug in the cable or join the \
                 wireless network. Discovery starts by itself then."
                    .to_owned(),
            );
        }
        texts
            .into_iter()
            .map(|text| (WarningKind::NoInterface, text))
            .collect()
    }

    fn tell(&self, found: &[Found]) {
        let used = || {
            found
                .iter()
                .filter(|one| one.used)
                .map(|one| &one.interface)
        };
        let addresses: Vec<IpAddr> = used()
            .flat_map(|interface| interface.addresses.iter().map(|&(address, _)| address))
            .collect();
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = addresses;
        let has = |kind| used().any(|interface| interface.kind == kind);
        let kind = [LinkKind::Wired, LinkKind::Wireless]
            .into_iter()
            .find(|&kind| has(kind))
            .unwrap_or_default();
        *self
            .links
            .kind
            .write()
            .unwrap_or_else(PoisonError::into_inner) = kind;
        self.links.tell(Input::Interfaces {
            interfaces: used().cloned().collect(),
            port: self.links.port.load(Ordering::Relaxed),
        });
    }
}

async fn watch(scanner: Arc<Scanner>) {
    let watched = ChangeWatch::open()
        .ok()
        .and_then(|watch| Io::new(scanner.links.spawner.reactor(), watch).ok());
    let reactor = scanner.links.spawner.reactor();
    loop {
        if let Some(watch) = &watched {
            let changed = async {
                if watch.io(Way::In, ChangeWatch::heard).await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            futures_lite::future::or(changed, reactor.sleep_about(POLL_WATCHED)).await;
        } else {
            reactor.sleep_about(POLL).await;
        }
        scanner.look();
    }
}
