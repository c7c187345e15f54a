//! The teacher's signs of life: answers to a nonce, ticks, and which way they came.

use super::session::Session;
use super::shared::Shared;
use crate::core::ids::{Epoch, LinkId, Nonce};
use crate::core::limits;
use crate::core::signed::{Domain, Signed};
use crate::core::time::{Moment, Now, UnixTime};
use crate::core::wire::control::Control;
use crate::core::wire::statements::{Fresh, Tick};

/// When and how the teacher was last heard.
#[derive(Default)]
pub(super) struct Heard {
    pub last: Option<Moment>,
    pub tick: (Epoch, u64),
    /// That tick as signed, and when it came.
    newest: Option<(Signed, Moment)>,
    /// The link towards the teacher, and how far that is.
    pub parent: Option<(LinkId, u8)>,
    /// Whether people were told that the teacher is away.
    pub told_away: bool,
}

impl Heard {
    /// The teacher's clock, as far as ticks tell it.
    pub fn time(&self, now: Now) -> Option<UnixTime> {
        let (tick, at) = self.newest.as_ref()?;
        let said = tick.peek::<Tick>().ok()?.time.0;
        let since = now.moment.since(*at).as_secs();
        Some(UnixTime(said.saturating_add(since)))
    }
}

impl Session {
    /// The link over which the teacher is nearest, and how many hops that is.
    pub(super) fn way_to_teacher(&self) -> Option<(LinkId, u8)> {
        self.teacher_link()
            .map(|link| (link, 0))
            .or(self.heard.parent)
    }

    /// Tells a new neighbour at once which way the teacher is, so that its status does not wait for
    /// the next tick.
    pub(super) fn pass_on_tick(&self, shared: &mut Shared, now: Now, link: LinkId) {
        let Some((_, far)) = self.way_to_teacher() else {
            return;
        };
        let fresh = |(_, at): &&(Signed, Moment)| now.moment.since(*at) < limits::TICK_EVERY * 2;
        if let Some((tick, _)) = self.heard.newest.as_ref().filter(fresh) {
            let tick = Control::Tick {
                session: self.id,
                tick: tick.clone(),
                hops: far.max(1),
            };
            shared.send(link, &tick);
        }
    }

    pub(super) fn prove_fresh(&self, shared: &mut Shared, now: Now, link: LinkId, nonce: Nonce) {
        let (Some(own), Some(known)) = (&self.own, shared.links.get(&link)) else {
            return;
        };
        let fresh = Fresh {
            session: self.id,
            epoch: self.teacher.epoch,
            nonce,
            device: known.peer,
            time: now.wall,
        };
        let proof = Signed::seal(Domain::Fresh, &fresh, &own.key);
        shared.send(
            link,
            &Control::Fresh {
                session: self.id,
                proof,
            },
        );
    }

    /// The teacher's device answered the nonce.
    pub(super) fn on_fresh(&mut self, shared: &mut Shared, now: Now, link: LinkId, proof: &Signed) {
        let Some(known) = shared.links.get(&link) else {
            return;
        };
        let key = self.teacher.session_key;
        let answered = proof
            .open::<Fresh>(Domain::Fresh, key.as_bytes())
            .is_ok_and(|fresh| {
                fresh.session == self.id && fresh.nonce == known.nonce && fresh.device == shared.id
            });
        if answered {
            self.heard.last = Some(now.moment);
            self.teacher_back(shared);
        }
    }

    /// Sends a tick of the own session.
    pub(super) fn send_tick(&mut self, shared: &mut Shared, now: Now, links: &[LinkId]) {
        let head = self.feed.head(self.feed.teacher);
        let Some(own) = &mut self.own else { return };
        own.ticked += 1;
        let tick = Tick {
            session: self.id,
            epoch: self.teacher.epoch,
            sequence: own.ticked,
            head,
            time: now.wall,
        };
        let tick = Signed::seal(Domain::Tick, &tick, &own.key);
        shared.send_all(
            links,
            &Control::Tick {
                session: self.id,
                tick,
                hops: 0,
            },
        );
    }

    /// A tick came: the teacher is there, in the direction of this link.
    pub(super) fn on_tick(
        &mut self,
        shared: &mut Shared,
        now: Now,
        link: LinkId,
        tick: Signed,
        hops: u8,
    ) {
        if self.own.is_some() || tick.body.len() > limits::STATEMENT_BODY {
            return;
        }
        let Ok(body) = tick.peek::<Tick>() else {
            return;
        };
        let number = (body.epoch, body.sequence);
        if body.session != self.id || number < self.heard.tick {
            return;
        }
        let newer = number > self.heard.tick;
        if newer {
            let Some(key) = self.keys.get(&body.epoch) else {
                return;
            };
            if tick.verify(Domain::Tick, key.as_bytes()).is_err() {
                return;
            }
            self.heard.tick = number;
            self.heard.newest = Some((tick.clone(), now.moment));
            self.heard.last = Some(now.moment);
            shared.trust.learn_time(&self.teacher, body.time, now.wall);
        }
        let hops = hops.saturating_add(1);
        let nearer = self
            .heard
            .parent
            .is_none_or(|(parent, far)| hops < far || parent == link);
        if self.is_member_link(link) && (newer || nearer) && hops <= limits::JOIN_HOPS {
            let changed = self.heard.parent.map(|(parent, _)| parent) != Some(link);
            self.heard.parent = Some((link, hops));
            if changed && self.teacher_link().is_none() {
                self.resend_statuses(shared);
            }
        }
        if newer {
            self.teacher_back(shared);
            // Who sees the teacher alone may not be among the few that entries are sent to.
            if body.head > self.feed.head(self.feed.teacher) && self.is_member_link(link) {
                self.lack(shared, now, link, self.feed.teacher);
            }
            let hops = self.way_to_teacher().map_or(hops, |(_, far)| far.max(1));
            let to = self.neighbours(shared, Some(link));
            shared.send_all(
                &to,
                &Control::Tick {
                    session: self.id,
                    tick,
                    hops,
                },
            );
        }
    }

    pub(super) fn teacher_back(&mut self, shared: &mut Shared) {
        if self.heard.told_away {
            self.heard.told_away = false;
            self.tell(shared);
        }
    }

    /// Sends a tick of the own session when it is time.
    pub(super) fn tick_if_due(&mut self, shared: &mut Shared, now: Now) {
        let ended = self.ended;
        let Some(own) = self
            .own
            .as_mut()
            .filter(|own| own.tick_due <= now.moment && !ended)
        else {
            return;
        };
        own.tick_due = now.moment + limits::TICK_EVERY;
        let links = self.member_links();
        self.send_tick(shared, now, &links);
    }

    /// The teacher was not heard for long: people are told, unless there is a link.
    pub(super) fn away_if_due(&mut self, shared: &mut Shared, now: Now) {
        let late = |last: Moment| last + limits::TEACHER_AWAY <= now.moment;
        let waiting = self.own.is_none() && self.is_member() && !self.heard.told_away;
        if !waiting || !self.heard.last.is_some_and(late) {
            return;
        }
        if self.teacher_link().is_some() {
            self.heard.last = Some(now.moment);
        } else {
            self.heard.told_away = true;
            self.heard.parent = None;
            self.tell(shared);
        }
    }
}
