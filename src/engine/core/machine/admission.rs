//! How a device becomes a member: requests, the proof of a PIN, the teacher's decision.

use super::gate::{Asker, Ruling};
use super::members::cut;
use super::session::{Session, Stage};
use super::shared::Shared;
use crate::api::WarningKind;
use crate::core::ids::{DeviceId, LinkId, PinProof, PinShare, PublicKey};
use crate::core::io::Disk;
use crate::core::limits;
use crate::core::pin::{Parties, Pin, Prover};
use crate::core::signed::{Domain, Signed};
use crate::core::time::Now;
use crate::core::wire::control::{Control, DenyReason, Member};
use crate::core::wire::statements::{Admission, Join, PinAnswer, PinMove, PinWord, Token};

/// The own proof of a PIN, as far as it has come.
pub(super) struct PinTry {
    pin: Pin,
    /// The session's key that it is made for: the next life has another.
    key: PublicKey,
    /// The exchange, until the teacher's part is here.
    prover: Option<Prover>,
    share: PinShare,
    proof: Option<PinProof>,
    theirs: Option<PinShare>,
    /// How often the teacher's side wanted another exchange.
    restarts: u8,
}

impl PinTry {
    fn start(pin: Pin, parties: &Parties, shared: &mut Shared) -> Self {
        let prover = Prover::start(&pin, parties, &mut shared.rng);
        Self {
            share: prover.share(),
            key: parties.key,
            pin,
            prover: Some(prover),
            proof: None,
            theirs: None,
            restarts: 0,
        }
    }

    const fn told(&self) -> PinMove {
        PinMove {
            share: self.share,
            proof: self.proof,
            theirs: self.theirs,
        }
    }
}

impl Session {
    /// Begins to join, or asks again; with what a person typed, where there is a PIN.
    pub(super) fn join(&mut self, shared: &mut Shared, now: Now, pin: Option<Pin>) {
        if self.own.is_some() || self.is_member() {
            return;
        }
        self.stage = Stage::Joining;
        self.began = now.moment;
        self.announced_until = None;
        self.members.request = None;
        let parties = self.parties(shared.id);
        self.members.pin = pin.map(|pin| PinTry::start(pin, &parties, shared));
        self.tell(shared);
        let links: Vec<_> = shared.links.keys().copied().collect();
        for link in links {
            self.greet(shared, link);
        }
        self.ask_to_join(shared, now, None);
    }

    /// Who would prove a PIN to whom.
    const fn parties(&self, device: DeviceId) -> Parties {
        Parties {
            session: self.id,
            key: self.teacher.session_key,
            device,
        }
    }

    /// Sends the own request over one link, or over all.
    pub(super) fn ask_to_join(&mut self, shared: &mut Shared, now: Now, link: Option<LinkId>) {
        if self.stage != Stage::Joining && !self.members.guest {
            self.members.join_due = None;
            return;
        }
        let last = &mut self.members.last_request;
        let join = self.members.request.get_or_insert_with(|| {
            // Never used before, and rising over a restart by the wall clock's part.
            *last = (now.wall.0 << 20 | shared.rng.number() >> 44).max(*last + 1);
            let join = Join {
                session: self.id,
                device: shared.id,
                name: cut(&shared.person.name, limits::PERSON_NAME),
                roll: cut(&shared.person.roll, limits::ROLL),
                machine: cut(&shared.person.machine, limits::PERSON_NAME),
                sealing: shared.sealing_key(),
                sequence: *last,
                pin: self.members.pin.as_ref().map(PinTry::told),
            };
            Signed::seal(Domain::Join, &join, &shared.device)
        });
        let message = Control::Join {
            session: self.id,
            join: join.clone(),
            hops: 0,
        };
        let links: Vec<_> = match link {
            Some(link) => vec![link],
            None => self.peers.keys().copied().collect(),
        };
        shared.send_all(&links, &message);
        self.members.join_due = Some(now.moment + limits::JOIN_AGAIN);
    }

    /// A request came, perhaps over others.
    pub(super) fn on_join(
        &mut self,
        shared: &mut Shared,
        now: Now,
        link: LinkId,
        join: Signed,
        hops: u8,
    ) {
        let fits = join.body.len() <= limits::STATEMENT_BODY && hops <= limits::JOIN_HOPS;
        if !self.is_member() || !fits {
            return;
        }
        let Ok(body) = join.peek::<Join>() else {
            return;
        };
        let Some(known) = shared.links.get_mut(&link) else {
            return;
        };
        let direct = known.peer == body.device;
        if body.session != self.id || !known.joins.take(now.moment) {
            return;
        }
        if self.own.is_some() {
            if join.verify(Domain::Join, &body.device.0).is_ok() {
                self.decide(shared, now, link, &body, direct);
            }
            return;
        }
        let Some((towards, _)) = self.way_to_teacher() else {
            if direct && join.verify(Domain::Join, &body.device.0).is_ok() {
                self.admit_meanwhile(shared, now, link, body.device);
            }
            return;
        };
        if towards == link || hops >= limits::JOIN_HOPS {
            return;
        }
        // A repeated request is passed on again: the answer to the first one may be lost.
        if join.verify(Domain::Join, &body.device.0).is_err() {
            return;
        }
        if self.members.routes.len() > limits::MEMBERS * 2 {
            self.members.routes.clear();
        }
        self.members.routes.insert(body.device, link);
        shared.send(
            towards,
            &Control::Join {
                session: self.id,
                join,
                hops: hops + 1,
            },
        );
        if let Some(known) = self.members.known.get(&body.device) {
            let member = Member {
                token: known.signed.clone(),
                contact: None,
            };
            shared.send(
                link,
                &Control::Members {
                    session: self.id,
                    members: vec![member],
                },
            );
        }
    }

    /// The teacher is away. Who was a member is one still; whoever else asks takes part in an open
    /// session as a guest, receives and passes on, but does not write.
    fn admit_meanwhile(&mut self, shared: &mut Shared, now: Now, link: LinkId, device: DeviceId) {
        if let Some(known) = self.members.known.get(&device) {
            let member = Member {
                token: known.signed.clone(),
                contact: None,
            };
            let (session, members) = (self.id, vec![member]);
            shared.send(link, &Control::Members { session, members });
            self.admit(shared, now, link);
            self.send_members(shared, link);
            return;
        }
        let open = self.admission == Admission::Open && !self.feed.policy.pin;
        if !open || !self.heard.told_away {
            return;
        }
        shared.send(link, &Control::Guest { session: self.id });
        self.send_members(shared, link);
        self.admit(shared, now, link);
    }

    /// A member lets this machine take part until the teacher is back.
    pub(super) fn on_guest(&mut self, shared: &mut Shared, link: LinkId) {
        let by_member = self.peers.get(&link).is_some_and(|peer| peer.member);
        if self.stage == Stage::Joining && by_member && !self.members.restoring {
            self.members.guest = true;
            self.members.restoring = true;
            self.heard.told_away = true;
            shared.disk(Disk::Restore { session: self.id });
        }
    }

    /// No longer a guest: the own token is here.
    pub(super) fn guest_admitted(&mut self, shared: &mut Shared, now: Now) {
        self.members.guest = false;
        self.members.join_due = None;
        self.renew_contact(shared, now);
        let links: Vec<_> = self.peers.keys().copied().collect();
        for link in links {
            self.greet(shared, link);
        }
    }

    /// The teacher's machine decides about a request.
    fn decide(&mut self, shared: &mut Shared, now: Now, link: LinkId, join: &Join, direct: bool) {
        let id = self.id;
        let deny = |shared: &mut Shared, why| {
            shared.send(link, &Control::Denied { session: id, why });
        };
        let fits = join.name.len() <= limits::PERSON_NAME
            && join.roll.len() <= limits::ROLL
            && join.machine.len() <= limits::PERSON_NAME;
        if self.ended || !fits {
            return;
        }
        if !self.members.known.contains_key(&join.device)
            && !self.has_proven(shared, now, link, join)
        {
            return;
        }
        let known = self.members.known.get(&join.device);
        if known.is_none() && self.members.known.len() >= limits::MEMBERS {
            deny(shared, DenyReason::Full);
            return;
        }
        let from = shared.links.get(&link).map(|link| link.remote.ip());
        let newcomers = &mut self.members.newcomers;
        if known.is_none() && !from.is_some_and(|from| newcomers.take(now.moment, from, direct)) {
            return;
        }
        let signed = match known {
            Some(known)
                if known.token.sequence == join.sequence
                    && known.token.epoch == self.teacher.epoch =>
            {
                known.signed.clone()
            }
            _ => {
                let Some(own) = &self.own else { return };
                let token = Token {
                    session: self.id,
                    epoch: self.teacher.epoch,
                    device: join.device,
                    name: join.name.clone(),
                    roll: join.roll.clone(),
                    machine: join.machine.clone(),
                    sealing: join.sealing,
                    sequence: join.sequence,
                };
                Signed::seal(Domain::Token, &token, &own.key)
            }
        };
        let member = Member {
            token: signed.clone(),
            contact: None,
        };
        shared.send(
            link,
            &Control::Members {
                session: self.id,
                members: vec![member.clone()],
            },
        );
        if self.insert_token(shared, now, signed.peek().ok(), signed) {
            let to = self.neighbours(shared, Some(link));
            shared.send_all(
                &to,
                &Control::Members {
                    session: self.id,
                    members: vec![member],
                },
            );
        }
        if direct {
            self.admit(shared, now, link);
            self.send_members(shared, link);
        }
    }

    /// Whether a device that is not known has proven the PIN, if there is one; where it has not, it is told what to do.
    fn has_proven(&mut self, shared: &mut Shared, now: Now, link: LinkId, join: &Join) -> bool {
        let parties = self.parties(join.device);
        let (Some(own), Some(known)) = (&mut self.own, shared.links.get(&link)) else {
            return false;
        };
        let Some(gate) = &mut own.gate else {
            return true;
        };
        let asker = Asker {
            parties,
            sequence: join.sequence,
            from: known.remote.ip(),
        };
        let (word, share, seconds) = match gate.rule(now.moment, &asker, join.pin, &mut shared.rng)
        {
            None => return false,
            Some(Ruling::Admitted) => return true,
            Some(Ruling::Answer {
                word,
                share,
                seconds,
            }) => (word, share, seconds),
        };
        let answer = PinAnswer {
            session: self.id,
            device: join.device,
            sequence: join.sequence,
            word,
            share,
            seconds,
        };
        let answer = Signed::seal(Domain::Pin, &answer, &own.key);
        if let Some(wrong) = gate.take_told() {
            let text = format!(
                "{wrong} wrong PINs were tried in this session, the last one at {}: if nobody mistypes that often, somebody is \
                 guessing",
                join.machine
            );
            shared.warn(WarningKind::WrongPins, Some(self.id), text);
        }
        let session = self.id;
        shared.send(link, &Control::Pin { session, answer });
        false
    }

    /// The teacher's device answered a request that has not proven the PIN: the own one, or one that came over this machine.
    pub(super) fn on_pin(&mut self, shared: &mut Shared, now: Now, from: LinkId, answer: Signed) {
        if answer.body.len() > limits::STATEMENT_BODY {
            return;
        }
        let key = self.teacher.session_key;
        let Ok(body) = answer.open::<PinAnswer>(Domain::Pin, key.as_bytes()) else {
            return;
        };
        if body.session != self.id {
            return;
        }
        if body.device != shared.id {
            let mut direct = self
                .peers
                .iter()
                .filter(|(_, peer)| peer.device == body.device);
            let back = self.members.routes.remove(&body.device);
            let back = direct.next().map(|(link, _)| *link).or(back);
            if let Some(back) = back.filter(|back| *back != from && self.is_member()) {
                let session = self.id;
                shared.send(back, &Control::Pin { session, answer });
            }
            return;
        }
        let asked = self.members.request.as_ref();
        let asked = asked.and_then(|request| request.peek::<Join>().ok());
        if self.stage != Stage::Joining || asked.is_none_or(|join| join.sequence != body.sequence) {
            return;
        }
        match (body.word, body.share) {
            (PinWord::Share, Some(share)) => self.prove(shared, now, share),
            (PinWord::Unknown | PinWord::Share, _) => {}
            (word, _) => {
                let seconds = if word == PinWord::Wait {
                    body.seconds
                } else {
                    0
                };
                self.want_pin(shared, word == PinWord::Wrong, seconds);
            }
        }
    }

    /// The teacher's part of the exchange is here.
    fn prove(&mut self, shared: &mut Shared, now: Now, theirs: PinShare) {
        let parties = self.parties(shared.id);
        let Some(pin) = &mut self.members.pin else {
            return;
        };
        let same_life = pin.key == parties.key;
        if let Some(prover) = pin.prover.take().filter(|_| same_life) {
            (pin.proof, pin.theirs) = (prover.prove(theirs), Some(theirs));
        } else if pin.restarts < limits::PIN_RESTARTS {
            // The teacher's device had forgotten the exchange, or has been started anew: another one.
            let restarts = pin.restarts + 1;
            *pin = PinTry::start(pin.pin.clone(), &parties, shared);
            pin.restarts = restarts;
        } else {
            // Each exchange tells the other side about one PIN: it does not get more of them by itself.
            self.want_pin(shared, false, 0);
            return;
        }
        self.members.request = None;
        self.ask_to_join(shared, now, None);
    }

    /// A person has to type the PIN.
    fn want_pin(&mut self, shared: &mut Shared, wrong: bool, seconds: u32) {
        self.members.pin = None;
        self.members.join_due = None;
        self.stage = Stage::PinWanted { wrong, seconds };
        self.tell(shared);
    }

    /// The teacher's answer to a request that came over this machine goes on to who asked: that
    /// one is no neighbour before it has its token.
    pub(super) fn pass_on_admission(
        &self,
        shared: &mut Shared,
        from: LinkId,
        device: DeviceId,
        member: &Member,
    ) {
        let asked = self
            .peers
            .iter()
            .find(|(link, peer)| peer.device == device && !peer.member && **link != from);
        if let Some((&link, _)) = asked {
            let members = vec![member.clone()];
            let session = self.id;
            shared.send(link, &Control::Members { session, members });
        }
    }

    pub(super) fn on_denied(&mut self, shared: &mut Shared, link: LinkId, why: DenyReason) {
        let teacher = self
            .peers
            .get(&link)
            .is_some_and(|p| p.device == self.teacher.device);
        if self.stage == Stage::Joining && teacher {
            self.stage = Stage::Denied(why);
            self.tell(shared);
        }
    }
}
