//! What to join: a title, an address, or a link.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use qrcodegen::{QrCode, QrCodeEcc};

use crate::api::{DEFAULT_PORT, SessionId, SessionView};

/// What to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The session of this title.
    Title(String),
    /// Whatever session is known at this address.
    Address(SocketAddr),
    /// A session that is known at this address.
    Link {
        /// The address.
        address: SocketAddr,
        /// The session, if the link names one.
        session: Option<SessionId>,
    },
}

impl Target {
    /// Understands what was typed. The error says what a link looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("handout://") {
            return link(rest).ok_or_else(|| {
                format!("\"{text}\" is not a link to a session: handout://ADDRESS:PORT/SESSION")
            });
        }
        Ok(address(text).map_or_else(|| Self::Title(text.to_owned()), Self::Address))
    }

    /// The address to look at.
    pub const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Title(_) => None,
            Self::Address(address) | Self::Link { address, .. } => Some(*address),
        }
    }

    /// Whether a session that was seen is the wanted one.
    pub fn matches(&self, view: &SessionView) -> bool {
        match self {
            Self::Title(title) => view.title.trim().eq_ignore_ascii_case(title.trim()),
            Self::Link {
                session: Some(session),
                ..
            } => view.session == *session,
            // The engine does not say from where a session is known.
            Self::Address(_) | Self::Link { session: None, .. } => true,
        }
    }
}

/// A link as a QR code: its rows, `true` for dark; readers want four light modules around it. `None` for a text that is too long.
pub fn qr_code(link: &str) -> Option<Vec<Vec<bool>>> {
    let code = QrCode::encode_text(link, QrCodeEcc::Medium).ok()?;
    let all = || 0..code.size();
    let row = |y| all().map(|x| code.get_module(x, y)).collect();
    Some(all().map(row).collect())
}

/// The part of a link behind its scheme.
fn link(rest: &str) -> Option<Target> {
    let rest = rest.split(['?', '#']).next()?;
    let (place, session) = rest.split_once('/').unwrap_or((rest, ""));
    let session = match session.trim_end_matches('/') {
        "" => None,
        id => Some(id.parse().ok()?),
    };
    let address = address(place)?;
    Some(Target::Link { address, session })
}

/// An address with or without a port; names are never looked up.
fn address(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Some(SocketAddr::new(ip, DEFAULT_PORT));
    }
    scoped(text)
}

/// A link-local address with the name or number of its interface: `fe80::1%eth0`,
/// `[fe80::1%eth0]:47800`.
fn scoped(text: &str) -> Option<SocketAddr> {
    let (inner, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (inner, port) = rest.split_once(']')?;
            let port = match port.strip_prefix(':') {
                Some(port) => port.parse().ok()?,
                None if port.is_empty() => DEFAULT_PORT,
                None => return None,
            };
            (inner, port)
        }
        None => (text, DEFAULT_PORT),
    };
    let (ip, zone) = inner.split_once('%')?;
    let ip = ip.parse::<Ipv6Addr>().ok()?;
    let scope = zone.parse().ok().or_else(|| interface_index(zone))?;
    Some(SocketAddrV6::new(ip, port, 0, scope).into())
}

/// The system's number of an interface.
fn interface_index(name: &str) -> Option<u32> {
    if name.is_empty() || name.contains(['/', '\0']) {
        return None;
    }
    let index = std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex")).ok()?;
    index.trim().parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn addressed(text: &str) -> Target {
        Target::Address(text.parse().unwrap())
    }

    #[test]
    fn addresses_may_lack_the_port() {
        assert_eq!(
            Target::parse("10.0.0.1:9").unwrap(),
            addressed("10.0.0.1:9")
        );
        assert_eq!(
            Target::parse("10.0.0.1").unwrap(),
            addressed("10.0.0.1:47800")
        );
        assert_eq!(
            Target::parse("fe80::1").unwrap(),
            addressed("[fe80::1]:47800")
        );
        assert_eq!(
            Target::parse("[fe80::1%3]:9").unwrap(),
            addressed("[fe80::1%3]:9")
        );
        assert_eq!(
            Target::parse("fe80::1%3").unwrap(),
            addressed("[fe80::1%3]:47800")
        );
    }

    #[test]
    fn everything_else_is_a_title() {
        for title in [
            "Operating Systems",
            "10.0.0.300",
            "localhost",
            "CS101:2",
            "fe80::1%",
        ] {
            assert_eq!(
                Target::parse(title).unwrap(),
                Target::Title(title.into()),
                "{title}"
            );
        }
    }

    #[test]
    fn links_name_an_address_and_perhaps_a_session() {
        let session = SessionId([3; 16]);
        let link = Target::parse(&format!("handout://10.0.0.1:9/{session}")).unwrap();
        let address = "10.0.0.1:9".parse().unwrap();
        let session = Some(session);
        assert_eq!(link, Target::Link { address, session });
        assert!(Target::parse("handout://10.0.0.1").is_ok());
        assert!(Target::parse("handout://example.org/").is_err());
        assert!(Target::parse("handout://10.0.0.1/short").is_err());
    }

    #[test]
    fn a_qr_code_is_a_square_with_the_marks_that_readers_look_for() {
        let code = qr_code("handout://192.168.100.200:47800").unwrap();
        assert!(code.iter().all(|row| row.len() == code.len()));
        assert_eq!(code.len(), 29, "version 3 holds 31 characters");
        let last = code.len() - 7;
        for (top, left) in [(0, 0), (0, last), (last, 0)] {
            for at in 0..7 {
                assert!(code[top][left + at] && code[top + 6][left + at]);
                assert!(code[top + at][left] && code[top + at][left + 6]);
            }
            assert!(!code[top + 1][left + 1] && code[top + 3][left + 3]);
        }
        assert_eq!(qr_code(&"x".repeat(9_000)), None);
    }
}
