//! What the portable libraries do not tell of the network: which interfaces are real, how they are
//! connected, and a few options of sockets.

// The fallback is compiled everywhere, so that it cannot rot, and used where nothing better is.
#[cfg_attr(target_os = "linux", allow(dead_code))]
mod fallback;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub use fallback::{
    ChangeWatch, bind_to_interface, keep_unconfirmed, keep_unsent, kind, names, nature,
    raise_open_files, takes_more, tune_link,
};
#[cfg(target_os = "linux")]
pub use linux::{
    ChangeWatch, bind_to_interface, keep_unconfirmed, keep_unsent, kind, names, nature,
    raise_open_files, takes_more, tune_link,
};

/// Whether discovery uses an interface by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// A network card, or what stands for one.
    Usual,
    /// The machine itself.
    Loopback,
    /// A tunnel, a bridge of virtual machines and the like.
    Virtual,
}

/// Beginnings of the names that virtual interfaces and tunnels have.
const VIRTUAL_NAMES: [&str; 35] = [
    "docker",
    "podman",
    "veth",
    "br-",
    "virbr",
    "vnet",
    "vmnet",
    "vboxnet",
    "lxcbr",
    "lxdbr",
    "cni",
    "flannel",
    "cali",
    "kube",
    "tun",
    "tap",
    "utun",
    "wg",
    "tailscale",
    "zt",
    "nebula",
    "nordlynx",
    "proton",
    "mullvad",
    "ppp",
    "ipsec",
    "gre",
    "sit",
    "ip6tnl",
    "vxlan",
    "wwan",
    "dummy",
    "ifb",
    "awdl",
    "llw",
];

/// What a name alone tells.
fn nature_of_name(name: &str) -> Nature {
    if name == "lo" || name == "lo0" {
        Nature::Loopback
    } else if VIRTUAL_NAMES.iter().any(|start| name.starts_with(start)) {
        Nature::Virtual
    } else {
        Nature::Usual
    }
}

/// Whether the processor has instructions for AES, which make it the fastest cipher.
pub fn has_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    let has = std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    let has = std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    let has = false;
    has
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_tunnels_and_bridges_from_cards() {
        for name in ["eth0", "enp3s0", "wlan0", "wlp2s0", "br0", "bond0", "en0"] {
            assert_eq!(nature_of_name(name), Nature::Usual, "{name}");
        }
        for name in [
            "docker0",
            "br-1f2e",
            "virbr0",
            "tun0",
            "wg-lab",
            "tailscale0",
            "ztabc",
            "veth12",
        ] {
            assert_eq!(nature_of_name(name), Nature::Virtual, "{name}");
        }
        assert_eq!(nature_of_name("lo"), Nature::Loopback);
    }
}
