//! Passing announcements on to other subnets, unless others do.

use std::collections::BTreeMap;
use std::time::Duration;

use super::datagram::{Header, MAX_HOPS};
use crate::core::ids::{DeviceId, SessionId};
use crate::core::time::Moment;

/// Remembers where sessions were heard, to decide where to pass them on.
///
/// A device with two subnets hears a session on one and passes it on to the other, unless it was
/// heard *there* from somebody else lately. Two devices between the same subnets would both start
/// in the same moment; so each waits a moment of its own first and then looks again.
#[derive(Debug, Default)]
pub struct RelayGate {
    heard: BTreeMap<(SessionId, u32), Moment>,
}

impl RelayGate {
    /// How long a session that others make heard on an interface is left to them: one interval of
    /// announcing (2 s) with its jitter and the delay here, so that two devices between the same
    /// subnets do not take turns.
    pub const QUIET: Duration = Duration::from_secs(3);
    /// The longest a device waits before it passes an announcement on.
    pub const MAX_DELAY: Duration = Duration::from_millis(100);
    const MAX_HEARD: usize = 1_024;

    /// A session was heard on an interface from another device, whether new or again.
    pub fn heard(&mut self, now: Moment, session: SessionId, interface: u32) {
        if self.heard.len() >= Self::MAX_HEARD {
            self.heard.retain(|_, at| now.since(*at) < Self::QUIET);
        }
        if self.heard.len() < Self::MAX_HEARD {
            self.heard.insert((session, interface), now);
        }
    }

    /// How long to wait before asking [`RelayGate::should_relay`]: less than
    /// [`RelayGate::MAX_DELAY`], different from device to device and from time to time.
    pub fn delay(own: DeviceId, session: SessionId, sequence: u64) -> Duration {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(&own.0)
            .update(&session.0)
            .update(&sequence.to_be_bytes());
        let byte = hasher.finalize().as_bytes()[0];
        Self::MAX_DELAY * u32::from(byte) / 256
    }

    /// Whether to pass on, to `interface`, what came with `header` on `from`.
    pub fn should_relay(
        &self,
        now: Moment,
        session: SessionId,
        header: &Header,
        from: u32,
        interface: u32,
    ) -> bool {
        header.hop < MAX_HOPS
            && from != interface
            && self
                .heard
                .get(&(session, interface))
                .is_none_or(|heard| now.since(*heard) >= Self::QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: SessionId = SessionId([1; 16]);

    fn header(hop: u8) -> Header {
        Header {
            hop,
            ..Header::own(1, DeviceId([2; 32]), 0)
        }
    }

    #[test]
    fn it_goes_to_the_other_subnet_only_and_not_too_far() {
        let mut gate = RelayGate::default();
        gate.heard(Moment(0), SESSION, 1);
        assert!(gate.should_relay(Moment(0), SESSION, &header(0), 1, 2));
        assert!(!gate.should_relay(Moment(0), SESSION, &header(0), 1, 1));
        assert!(gate.should_relay(Moment(0), SESSION, &header(2), 1, 2));
        assert!(!gate.should_relay(Moment(0), SESSION, &header(3), 1, 2));
    }

    #[test]
    fn it_is_left_to_others_while_they_do_it() {
        let mut gate = RelayGate::default();
        gate.heard(Moment(0), SESSION, 2);
        let soon = Moment(0) + Duration::from_millis(2_999);
        assert!(!gate.should_relay(soon, SESSION, &header(0), 1, 2));
        let later = Moment(0) + RelayGate::QUIET;
        assert!(gate.should_relay(later, SESSION, &header(0), 1, 2));
    }

    #[test]
    fn delays_differ_and_are_short() {
        let delays: Vec<Duration> = (0..20)
            .map(|n| RelayGate::delay(DeviceId([n; 32]), SESSION, 1))
            .collect();
        assert!(delays.iter().all(|delay| *delay < RelayGate::MAX_DELAY));
        assert!(delays.iter().any(|delay| *delay != delays[0]));
    }

    #[test]
    fn memory_is_bounded() {
        let mut gate = RelayGate::default();
        for number in 0..5_000 {
            gate.heard(Moment(0), SESSION, number);
        }
        assert_eq!(gate.heard.len(), RelayGate::MAX_HEARD);
    }
}
