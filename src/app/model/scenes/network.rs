//! A network on which nothing is heard, as the diagnosis shows it.

use handout_engine::api::{Diagnosis, InterfaceReport, LinkKind};

use super::device;

/// One interface in use, and two that are left out.
pub fn diagnosis() -> Diagnosis {
    let interface = |name: &str, address: &str, used, note: &str| InterfaceReport {
        name: name.into(),
        addresses: vec![address.into()],
        kind: LinkKind::Wired,
        used,
        note: note.into(),
        sent: 214,
        heard: 0,
    };
    Diagnosis {
        device: device(1),
        udp_port: 47800,
        tcp_port: 47800,
        interfaces: vec![
            interface("enp3s0", "10.21.4.17/23", true, ""),
            interface("tun0", "10.8.0.2/24", false, "a VPN tunnel"),
            interface("docker0", "172.17.0.1/16", false, "a virtual network"),
        ],
        refused: Vec::new(),
        sessions: Vec::new(),
        links: Vec::new(),
        receive_dir: "/home/asha/Downloads/Handout".into(),
        receive_remote: false,
    }
}
