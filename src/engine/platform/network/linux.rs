//! Linux: `/sys/class/net`, netlink and socket options.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mio::event::Source;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};
use rustix::process::{Resource, Rlimit};
use socket2::{SockRef, Socket};

use super::{Nature, nature_of_name};
use crate::core::wire::statements::LinkKind;

/// Groups of netlink: links, IPv4 addresses, IPv6 addresses (`RTMGRP_*` of `linux/rtnetlink.h`).
const CHANGE_GROUPS: u32 = 0x1 | 0x10 | 0x100;

/// Whether discovery uses an interface by itself.
///
/// The name counts where the system's folder says nothing; in a network namespace that folder may be
/// another namespace's.
pub fn nature(name: &str) -> Nature {
    let by_name = nature_of_name(name);
    if by_name == Nature::Usual {
        nature_of_folder(&folder(name))
    } else {
        by_name
    }
}

fn nature_of_folder(folder: &Path) -> Nature {
    // Numbers of `linux/if_arp.h`: Ethernet and Wi-Fi are 1; PPP, tunnels and nameless links others.
    match read(folder, "type").as_deref() {
        Some("772") => return Nature::Loopback,
        Some("512" | "768" | "769" | "776" | "778" | "823" | "65534") => return Nature::Virtual,
        _ => {}
    }
    let device_type = read(folder, "uevent").unwrap_or_default();
    let tunnel = ["wireguard", "vxlan", "geneve", "wwan", "gretap"]
        .iter()
        .any(|kind| device_type.contains(&format!("DEVTYPE={kind}")));
    if tunnel || folder.join("tun_flags").exists() {
        return Nature::Virtual;
    }
    // A bridge is a lab machine's own when a card is in it, and a virtual machine's otherwise.
    if let Ok(ports) = folder.join("brif").read_dir() {
        let siblings = folder.parent().unwrap_or(folder);
        let has_card = ports
            .flatten()
            .any(|port| siblings.join(port.file_name()).join("device").exists());
        if !has_card {
            return Nature::Virtual;
        }
    }
    Nature::Usual
}

/// How an interface is connected.
pub fn kind(name: &str) -> LinkKind {
    kind_of_folder(&folder(name))
}

fn kind_of_folder(folder: &Path) -> LinkKind {
    if folder.join("wireless").exists() || folder.join("phy80211").exists() {
        LinkKind::Wireless
    } else if read(folder, "type").as_deref() == Some("1") {
        LinkKind::Wired
    } else {
        LinkKind::Unknown
    }
}

/// Names of all interfaces, also of those without an address.
pub fn names() -> Vec<String> {
    let Ok(entries) = Path::new("/sys/class/net").read_dir() else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

fn folder(name: &str) -> PathBuf {
    Path::new("/sys/class/net").join(name)
}

fn read(folder: &Path, file: &str) -> Option<String> {
    let text = std::fs::read_to_string(folder.join(file)).ok()?;
    Some(text.trim().to_owned())
}

/// Makes a socket send and hear on one interface only; since Linux 5.7 without any right.
/// `false` where that is not possible.
pub fn bind_to_interface(socket: &Socket, name: &str) -> bool {
    socket.bind_device(Some(name.as_bytes())).is_ok()
}

/// Makes a connection notice within `silence` that the other side is gone.
pub fn tune_link(stream: &TcpStream, silence: Duration) {
    // Only a help to the link's own pings: an old kernel without it works too.
    let _ = SockRef::from(stream).set_tcp_user_timeout(Some(silence));
}

/// Keeps at most about `bytes` of unsent data in the system, so that what is queued late leaves
/// soon.
pub fn keep_unsent(stream: &TcpStream, bytes: u32) {
    let _ = SockRef::from(stream).set_tcp_notsent_lowat(bytes);
}

/// Keeps at most about `bytes` in the system that the other side has not confirmed.
pub fn keep_unconfirmed(stream: &TcpStream, bytes: u32) {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    // The system doubles it for what it needs itself.
    let _ = SockRef::from(stream).set_send_buffer_size(bytes / 2);
}

/// Whether a connection has sent nearly all that it was given, or is broken.
pub fn takes_more(stream: &TcpStream) -> bool {
    let mut socket = [PollFd::new(stream, PollFlags::OUT)];
    !matches!(poll(&mut socket, Some(&Timespec::default())), Ok(0))
}

/// Allows as many open files as the system's administrator does: each peer takes two.
pub fn raise_open_files() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit {
            current: limit.maximum,
            ..limit
        };
        if let Err(error) = rustix::process::setrlimit(Resource::Nofile, raised) {
            tracing::debug!("cannot raise the limit of open files: {error}");
        }
    }
}

/// Tells when interfaces or addresses may have changed: readable then.
#[derive(Debug)]
pub struct ChangeWatch(OwnedFd);

impl ChangeWatch {
    /// Starts to watch.
    pub fn open() -> io::Result<Self> {
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            // Number 0, the default, is NETLINK_ROUTE.
            None,
        )?;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, CHANGE_GROUPS))?;
        Ok(Self(socket))
    }

    /// Takes what was told; an error of kind `WouldBlock` if that is nothing. What it says is not
    /// read: the interfaces are listed anew.
    pub fn heard(&self) -> io::Result<()> {
        let mut buffer = [0; 8192];
        rustix::net::recv(&self.0, &mut buffer, RecvFlags::DONTWAIT)?;
        while rustix::net::recv(&self.0, &mut buffer, RecvFlags::DONTWAIT).is_ok() {}
        Ok(())
    }
}

impl Source for ChangeWatch {
    fn register(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).register(to, token, interest)
    }

    fn reregister(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).reregister(to, token, interest)
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).deregister(from)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    fn sys() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn make(root: &Path, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = root.join(name);
        fs::create_dir_all(&folder).unwrap();
        for (file, text) in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn tunnels_are_known_by_what_they_are() {
        let root = sys();
        let card = make(
            root.path(),
            "lan",
            &[("type", "1\n"), ("device/vendor", "x")],
        );
        assert_eq!(nature_of_folder(&card), Nature::Usual);
        assert_eq!(kind_of_folder(&card), LinkKind::Wired);
        let nameless = make(root.path(), "secret", &[("type", "65534\n")]);
        assert_eq!(nature_of_folder(&nameless), Nature::Virtual);
        let tap = make(
            root.path(),
            "vm",
            &[("type", "1\n"), ("tun_flags", "0x1002\n")],
        );
        assert_eq!(nature_of_folder(&tap), Nature::Virtual);
        let radio = make(root.path(), "air", &[("type", "1\n"), ("wireless/x", "")]);
        assert_eq!(kind_of_folder(&radio), LinkKind::Wireless);
    }

    #[test]
    fn a_bridge_is_usual_only_with_a_card_in_it() {
        let root = sys();
        make(root.path(), "lan", &[("device/vendor", "x")]);
        let own = make(root.path(), "own", &[("type", "1"), ("brif/lan/x", "")]);
        let vms = make(root.path(), "vms", &[("type", "1"), ("brif/port/x", "")]);
        assert_eq!(nature_of_folder(&own), Nature::Usual);
        assert_eq!(nature_of_folder(&vms), Nature::Virtual);
    }

    #[test]
    fn an_interface_of_another_namespace_goes_by_its_name() {
        assert_eq!(nature("eth0-of-elsewhere"), Nature::Usual);
        assert_eq!(nature("tun7"), Nature::Virtual);
    }

    #[test]
    fn changes_can_be_watched() {
        let watch = ChangeWatch::open().unwrap();
        let told = watch.heard();
        assert!(told.is_ok() || told.is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock));
        assert!(names().contains(&"lo".to_owned()));
    }
}
