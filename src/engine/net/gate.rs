//! How many connections may be unfinished: before a device has proven itself, everything of it is
//! rationed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many connections may be unfinished.
#[derive(Debug, Clone, Copy)]
pub struct GateLimits {
    /// From one address (not counted for the machine itself).
    pub per_address: usize,
    /// From all addresses together.
    pub total: usize,
    /// How many of these only addresses of known members may use.
    pub for_members: usize,
}

impl Default for GateLimits {
    fn default() -> Self {
        Self {
            per_address: 3,
            total: 64,
            for_members: 32,
        }
    }
}

/// Why a connection is not even begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// Too many from its address.
    #[error("too many unfinished connections from this address")]
    Address,
    /// Too many in all.
    #[error("too many unfinished connections")]
    Total,
}

/// Counts unfinished connections.
#[derive(Debug, Clone)]
pub struct Gate {
    limits: GateLimits,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    by_address: BTreeMap<IpAddr, usize>,
    strangers: usize,
    total: usize,
    members: BTreeSet<IpAddr>,
}

/// An unfinished connection; it is finished, or given up, when this is dropped.
#[derive(Debug)]
pub struct Pass {
    gate: Gate,
    address: IpAddr,
    stranger: bool,
}

impl Gate {
    /// A gate with nobody waiting.
    pub fn new(limits: GateLimits) -> Self {
        Self {
            limits,
            state: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps half of the room for this address from now on.
    pub fn add_member(&self, address: IpAddr) {
        self.state().members.insert(address.to_canonical());
    }

    /// Lets a connection begin.
    pub fn enter(&self, address: IpAddr) -> Result<Pass, GateError> {
        let address = address.to_canonical();
        let limits = self.limits;
        let mut state = self.state();
        let stranger = !state.members.contains(&address);
        let room_for_strangers = limits.total.saturating_sub(limits.for_members);
        if state.total >= limits.total || stranger && state.strangers >= room_for_strangers {
            return Err(GateError::Total);
        }
        let count = state.by_address.entry(address).or_default();
        if *count >= limits.per_address && !address.is_loopback() {
            return Err(GateError::Address);
        }
        *count += 1;
        state.total += 1;
        state.strangers += usize::from(stranger);
        Ok(Pass {
            gate: self.clone(),
            address,
            stranger,
        })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.total -= 1;
        state.strangers -= usize::from(self.stranger);
        if let Some(count) = state.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                state.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn host(number: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, number])
    }

    #[test]
    fn one_address_gets_three_at_a_time() {
        let gate = Gate::new(GateLimits::default());
        let passes: Vec<Pass> = (0..3).map(|_| gate.enter(host(1)).unwrap()).collect();
        assert_eq!(gate.enter(host(1)).unwrap_err(), GateError::Address);
        assert!(gate.enter(host(2)).is_ok());
        drop(passes);
        assert!(gate.enter(host(1)).is_ok());
    }

    #[test]
    fn strangers_leave_half_of_the_room_to_members() {
        let gate = Gate::new(GateLimits::default());
        gate.add_member(host(200));
        let _strangers: Vec<Pass> = (1..=32).map(|n| gate.enter(host(n)).unwrap()).collect();
        assert_eq!(gate.enter(host(33)).unwrap_err(), GateError::Total);
        assert!(gate.enter(host(200)).is_ok());
    }

    #[test]
    fn the_machine_itself_may_hold_more() {
        let gate = Gate::new(GateLimits::default());
        let here = IpAddr::from([127, 0, 0, 1]);
        let passes: Vec<Pass> = (0..32).map(|_| gate.enter(here).unwrap()).collect();
        assert_eq!(passes.len(), 32);
        assert!(gate.enter(here).is_err());
    }
}
