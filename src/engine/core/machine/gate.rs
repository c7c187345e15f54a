//! The teacher's side of a PIN: who may try, and who has proven it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::core::ids::{DeviceId, PinProof, PinShare};
use crate::core::limits::{self, Bucket};
use crate::core::pin::{Parties, Pin, Verifier};
use crate::core::rng::Rng;
use crate::core::time::Moment;
use crate::core::wire::statements::{PinMove, PinWord};

/// What a request comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// The PIN was proven.
    Admitted,
    /// Not yet: what is answered.
    Answer {
        word: PinWord,
        share: Option<PinShare>,
        seconds: u32,
    },
}

impl Ruling {
    const fn word(word: PinWord) -> Self {
        Self::Answer {
            word,
            share: None,
            seconds: 0,
        }
    }

    const fn share(share: PinShare) -> Self {
        Self::Answer {
            word: PinWord::Share,
            share: Some(share),
            seconds: 0,
        }
    }

    fn wait(time: Duration) -> Self {
        Self::Answer {
            word: PinWord::Wait,
            share: None,
            seconds: u32::try_from(time.as_secs())
                .unwrap_or(u32::MAX)
                .saturating_add(1),
        }
    }
}

/// Who asks to be admitted, by which request, over which address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker {
    pub parties: Parties,
    pub sequence: u64,
    pub from: IpAddr,
}

/// What asks for the PIN.
pub(super) struct Gate {
    pin: Pin,
    exchanges: BTreeMap<DeviceId, Exchange>,
    /// How often each device may still be wrong.
    devices: BTreeMap<DeviceId, Bucket>,
    /// How often those of each address may be.
    addresses: BTreeMap<IpAddr, Bucket>,
    /// How often all of them may be.
    all: Bucket,
    wrong: u32,
    /// A number of wrong ones that the teacher has not been told.
    untold: Option<u32>,
}

struct Exchange {
    begun: Moment,
    /// The highest number of a request in it.
    sequence: u64,
    verifier: Verifier,
    /// It has been proven wrong: nothing more counts in it.
    refused: bool,
}

impl Gate {
    pub fn new(pin: Pin) -> Self {
        Self {
            pin,
            exchanges: BTreeMap::new(),
            devices: BTreeMap::new(),
            addresses: BTreeMap::new(),
            all: Bucket::new(limits::PINS_BURST, limits::PINS_EVERY),
            wrong: 0,
            untold: None,
        }
    }

    /// What the teacher's screen shows.
    pub fn digits(&self) -> String {
        self.pin.digits().to_owned()
    }

    /// Looks at what a device says. The same request, repeated, has the same answer; one that is older than the exchange has
    /// none: somebody has kept it.
    pub fn rule(
        &mut self,
        now: Moment,
        asker: &Asker,
        said: Option<PinMove>,
        rng: &mut Rng,
    ) -> Option<Ruling> {
        let Some(PinMove {
            share,
            proof,
            theirs,
        }) = said
        else {
            return Some(Ruling::word(PinWord::Needed));
        };
        // One that went no further is forgotten: a device whose clock was set back may begin again.
        let lasts = |exchange: &&mut Exchange| now.since(exchange.begun) < limits::PIN_EXCHANGE;
        let Some(begun) = self.exchanges.get_mut(&asker.parties.device).filter(lasts) else {
            return Some(self.answer(now, asker, share, rng));
        };
        let same = begun.verifier.theirs == share;
        if asker.sequence < begun.sequence || (!same && asker.sequence == begun.sequence) {
            return None;
        }
        if !same {
            return Some(self.answer(now, asker, share, rng));
        }
        begun.sequence = asker.sequence;
        if begun.refused {
            return Some(Ruling::word(PinWord::Wrong));
        }
        Some(match proof {
            Some(proof) if theirs == Some(begun.verifier.share) => self.judge(now, asker, proof),
            // A proof in an exchange that was forgotten, or of an earlier life, begins another.
            _ => Ruling::share(begun.verifier.share),
        })
    }

    fn answer(&mut self, now: Moment, asker: &Asker, theirs: PinShare, rng: &mut Rng) -> Ruling {
        let Some(verifier) = Verifier::answer(&self.pin, &asker.parties, theirs, rng) else {
            return Ruling::word(PinWord::Wrong);
        };
        if self.exchanges.len() >= limits::PIN_EXCHANGES {
            let oldest = self.exchanges.iter().min_by_key(|(_, one)| one.begun);
            let oldest = oldest.map(|(device, _)| *device);
            oldest.and_then(|device| self.exchanges.remove(&device));
        }
        let ruling = Ruling::share(verifier.share);
        let exchange = Exchange {
            begun: now,
            sequence: asker.sequence,
            verifier,
            refused: false,
        };
        self.exchanges.insert(asker.parties.device, exchange);
        ruling
    }

    fn judge(&mut self, now: Moment, asker: &Asker, proof: PinProof) -> Ruling {
        let device = asker.parties.device;
        // Devices and addresses cost nothing: what holds when there are too many is the measure for all of them.
        if self.devices.len() >= limits::MEMBERS {
            self.devices.clear();
        }
        if self.addresses.len() >= limits::PIN_ADDRESSES {
            self.addresses.clear();
        }
        let own = Bucket::new(limits::PIN_BURST, limits::PIN_EVERY);
        let near = Bucket::new(limits::PIN_ADDRESS_BURST, limits::PIN_ADDRESS_EVERY);
        let mut measures = [
            self.devices.entry(device).or_insert(own),
            self.addresses.entry(asker.from).or_insert(near),
            &mut self.all,
        ];
        for place in 0..measures.len() {
            if !measures[place].take(now) {
                let wait = measures[place].wait(now);
                for taken in &mut measures[..place] {
                    taken.put_back();
                }
                return Ruling::wait(wait);
            }
        }
        let Some(exchange) = self.exchanges.get_mut(&device) else {
            return Ruling::word(PinWord::Wrong);
        };
        if !exchange.verifier.accepts(proof) {
            exchange.refused = true;
            self.wrong = self.wrong.saturating_add(1);
            if self.wrong.is_multiple_of(limits::PINS_TOLD) {
                self.untold = Some(self.wrong);
            }
            return Ruling::word(PinWord::Wrong);
        }
        for taken in &mut measures {
            taken.put_back();
        }
        self.exchanges.remove(&device);
        self.devices.remove(&device);
        Ruling::Admitted
    }

    /// How many wrong ones there were, where that should be told now; once.
    pub const fn take_told(&mut self) -> Option<u32> {
        self.untold.take()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::core::ids::{PublicKey, SessionId};
    use crate::core::pin::Prover;

    /// A gate, and devices that try it.
    struct Trial {
        gate: Gate,
        rng: Rng,
        now: Moment,
        sequence: u64,
        /// All devices have one address, or each has its own.
        together: bool,
    }

    impl Trial {
        fn new() -> Self {
            Self {
                gate: Gate::new(Pin::parse("271828").unwrap()),
                rng: Rng::from_number(5),
                now: Moment(1),
                sequence: 0,
                together: false,
            }
        }

        fn says(&mut self, device: u32, said: Option<PinMove>) -> Ruling {
            self.sequence += 1;
            let sequence = self.sequence;
            self.says_as(device, sequence, said).unwrap()
        }

        fn says_as(&mut self, device: u32, sequence: u64, said: Option<PinMove>) -> Option<Ruling> {
            let address = if self.together { 0 } else { device };
            let asker = Asker {
                parties: parties(device),
                sequence,
                from: IpAddr::V4(Ipv4Addr::from(address)),
            };
            self.gate.rule(self.now, &asker, said, &mut self.rng)
        }

        /// A whole exchange of a device with a PIN.
        fn tries(&mut self, device: u32, pin: &str) -> Ruling {
            let pin = Pin::parse(pin).unwrap();
            let prover = Prover::start(&pin, &parties(device), &mut self.rng);
            let share = prover.share();
            let begun = begun(share);
            let answer = self.says(device, Some(begun));
            assert_eq!(answer, self.says(device, Some(begun)), "said again");
            let Ruling::Answer {
                share: Some(theirs),
                ..
            } = answer
            else {
                return answer;
            };
            self.says(
                device,
                Some(proof_of(share, theirs, prover.prove(theirs).unwrap())),
            )
        }
    }

    fn parties(device: u32) -> Parties {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&device.to_le_bytes());
        Parties {
            session: SessionId([1; 16]),
            key: PublicKey([2; 32]),
            device: DeviceId(id),
        }
    }

    const fn begun(share: PinShare) -> PinMove {
        PinMove {
            share,
            proof: None,
            theirs: None,
        }
    }

    const fn proof_of(share: PinShare, theirs: PinShare, proof: PinProof) -> PinMove {
        PinMove {
            share,
            proof: Some(proof),
            theirs: Some(theirs),
        }
    }

    /// The teacher's message in an answer.
    fn shared(ruling: &Ruling) -> PinShare {
        match ruling {
            Ruling::Answer {
                share: Some(share), ..
            } => *share,
            other => panic!("{other:?}"),
        }
    }

    fn waits(ruling: &Ruling) -> bool {
        matches!(ruling, Ruling::Answer { word: PinWord::Wait, seconds, .. } if *seconds > 0)
    }

    const WRONG: Ruling = Ruling::word(PinWord::Wrong);

    #[test]
    fn who_knows_the_pin_is_admitted_also_after_a_slip() {
        let mut trial = Trial::new();
        assert_eq!(trial.says(1, None), Ruling::word(PinWord::Needed));
        assert_eq!(trial.tries(1, "271829"), WRONG);
        assert_eq!(trial.tries(1, "271828"), Ruling::Admitted);
    }

    #[test]
    fn a_device_has_five_tries_and_then_waits() {
        let mut trial = Trial::new();
        for _ in 0..limits::PIN_BURST {
            assert_eq!(trial.tries(1, "111111"), WRONG);
        }
        let held = trial.tries(1, "271828");
        assert!(waits(&held), "{held:?}");
        // Others do not wait with it.
        assert_eq!(trial.tries(2, "271828"), Ruling::Admitted);
        trial.now = trial.now + limits::PIN_EVERY + Duration::from_secs(1);
        assert_eq!(trial.tries(1, "271828"), Ruling::Admitted);
    }

    #[test]
    fn devices_that_are_made_up_have_a_hundred_tries_together() {
        let mut trial = Trial::new();
        let wrong = (0..5_000).filter(|device| trial.tries(*device, "111111") == WRONG);
        assert_eq!(wrong.count(), limits::PINS_BURST as usize);
        assert!(trial.gate.exchanges.len() <= limits::PIN_EXCHANGES);
        assert!(trial.gate.devices.len() <= limits::MEMBERS);
        trial.now = trial.now + limits::PINS_EVERY;
        assert_eq!(trial.tries(9_999, "271828"), Ruling::Admitted);
    }

    #[test]
    fn a_class_that_is_right_is_not_held_up() {
        let mut trial = Trial::new();
        assert!((0..1_000).all(|device| trial.tries(device, "271828") == Ruling::Admitted));
    }

    #[test]
    fn devices_of_one_address_have_twenty_tries_and_leave_the_rest_to_others() {
        let mut trial = Trial::new();
        let mut wrong = 0;
        for device in 1..200 {
            let prover = Prover::start(
                &Pin::parse("111111").unwrap(),
                &parties(device),
                &mut trial.rng,
            );
            let share = prover.share();
            let asker = |sequence| Asker {
                parties: parties(device),
                sequence,
                from: IpAddr::V4(Ipv4Addr::LOCALHOST),
            };
            let answer = trial
                .gate
                .rule(trial.now, &asker(1), Some(begun(share)), &mut trial.rng);
            let theirs = shared(&answer.unwrap());
            let proof = proof_of(share, theirs, prover.prove(theirs).unwrap());
            let ruling = trial
                .gate
                .rule(trial.now, &asker(2), Some(proof), &mut trial.rng);
            wrong += u32::from(ruling == Some(WRONG));
        }
        assert_eq!(wrong, limits::PIN_ADDRESS_BURST);
        assert_eq!(trial.tries(9_999, "271828"), Ruling::Admitted);
    }

    #[test]
    fn after_too_many_tries_there_is_one_in_each_interval() {
        // One device, many at one address, many at an address each.
        for (many, together, burst, every) in [
            (false, false, 5, 30),
            (true, true, 20, 30),
            (true, false, 100, 10),
        ] {
            let mut trial = Trial::new();
            trial.together = together;
            let mut device = 0;
            let mut wrong = |trial: &mut Trial| {
                device += u32::from(many);
                let ruling = trial.tries(device, "111111");
                assert!(ruling == WRONG || waits(&ruling), "{ruling:?}");
                ruling == WRONG
            };
            assert_eq!((0..200).filter(|_| wrong(&mut trial)).count(), burst);
            let (every, moment) = (Duration::from_secs(every), Duration::from_micros(1));
            trial.now = trial.now + every.saturating_sub(moment);
            assert!(!wrong(&mut trial), "too soon after {burst}");
            trial.now = trial.now + moment;
            assert!(wrong(&mut trial), "no more after {burst}");
            assert!(!wrong(&mut trial), "two more after {burst}");
        }
    }

    #[test]
    fn one_exchange_serves_one_try() {
        let mut trial = Trial::new();
        let prover = Prover::start(&trial.gate.pin.clone(), &parties(1), &mut trial.rng);
        let share = prover.share();
        let theirs = shared(&trial.says(1, Some(begun(share))));
        let bad = proof_of(share, theirs, PinProof([0; 32]));
        assert_eq!(trial.says(1, Some(bad)), WRONG);
        let right = proof_of(share, theirs, prover.prove(theirs).unwrap());
        assert_eq!(trial.says(1, Some(right)), WRONG);
        assert_eq!(trial.gate.wrong, 1);
    }

    #[test]
    fn a_proof_for_another_exchange_is_not_judged() {
        let mut trial = Trial::new();
        let prover = Prover::start(&trial.gate.pin.clone(), &parties(1), &mut trial.rng);
        let share = prover.share();
        let of_an_earlier_life = proof_of(share, PinShare([9; 32]), PinProof([7; 32]));
        let theirs = shared(&trial.says(1, Some(of_an_earlier_life)));
        assert_eq!(shared(&trial.says(1, Some(of_an_earlier_life))), theirs);
        assert_eq!(trial.gate.wrong, 0);
    }

    #[test]
    fn requests_that_somebody_has_kept_disturb_nothing() {
        let mut trial = Trial::new();
        let pin = trial.gate.pin.clone();
        let old = Prover::start(&pin, &parties(1), &mut trial.rng).share();
        assert!(trial.says_as(1, 5, Some(begun(old))).is_some());
        let prover = Prover::start(&pin, &parties(1), &mut trial.rng);
        let share = prover.share();
        let theirs = shared(&trial.says_as(1, 6, Some(begun(share))).unwrap());
        // The old one again, under its own number and under that of the new one, which its signature does not allow.
        assert_eq!(trial.says_as(1, 5, Some(begun(old))), None);
        assert_eq!(trial.says_as(1, 6, Some(begun(old))), None);
        let right = proof_of(share, theirs, prover.prove(theirs).unwrap());
        assert_eq!(trial.says_as(1, 7, Some(right)), Some(Ruling::Admitted));
    }

    #[test]
    fn the_teacher_is_told_of_ten_wrong_ones_once() {
        let mut trial = Trial::new();
        let mut told = 0;
        for device in 0..limits::PINS_TOLD {
            assert_eq!(trial.tries(device, "111111"), WRONG);
            told += u32::from(trial.gate.take_told().is_some());
        }
        // What is no message at all is refused and not counted.
        assert_eq!(trial.says(77, Some(begun(PinShare([2; 32])))), WRONG);
        told += u32::from(trial.gate.take_told().is_some());
        assert_eq!(told, 1);
    }
}
