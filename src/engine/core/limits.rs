//! Every limit of the protocol and every interval of the rules, in one place.
//!
//! Frame sizes stand in [`super::wire::frame`]; those of manifests and names beside their rules.

use std::time::Duration;

use super::time::Moment;

/// Longest title of a session, in bytes.
pub const SESSION_TITLE: usize = 64;
/// Longest title of an item, in bytes.
pub const ITEM_TITLE: usize = 255;
/// Longest name of a person or machine, in bytes.
pub const PERSON_NAME: usize = 64;
/// The lowest limit of what a device sends, in bytes a second: with less, nothing would end.
pub const LEAST_UPLOAD: u64 = 16 * 1024;
/// Longest roll number, in bytes.
pub const ROLL: usize = 32;
/// Longest message of a student, in bytes.
pub const STUDENT_TEXT: usize = 4 * 1024;
/// Longest message or announcement of a teacher, in bytes.
pub const TEACHER_TEXT: usize = 16 * 1024;
/// Longest snippet, in bytes.
pub const SNIPPET: usize = 64 * 1024;
/// Longest link, in bytes.
pub const URL: usize = 2 * 1024;
/// Longest signed body of an entry, in bytes.
pub const ENTRY_BODY: usize = 160 * 1024;
/// The same of a student's: the longest message as JSON may write it, sealed.
pub const STUDENT_ENTRY_BODY: usize = 40 * 1024;
/// Longest signed body of a statement other than an entry or a page, in bytes.
pub const STATEMENT_BODY: usize = 8 * 1024;
/// Most sessions that are kept track of, ...
pub const SESSIONS: usize = 64;
/// ... and most of them by teachers whom nobody vouches for.
pub const UNKNOWN_SESSIONS: usize = 32;
/// Most members of a session.
pub const MEMBERS: usize = 1_024;
/// New devices that one address brings to a session: so many at once, ...
pub const NEWCOMERS: u32 = 64;
/// ... so many at once of those that it passes on from others, ...
pub const NEWCOMERS_PASSED_ON: u32 = 256;
/// ... and then one in this time.
pub const NEWCOMER_EVERY: Duration = Duration::from_secs(2);
/// Most addresses that are dialled at a time because a datagram named them.
pub const DIALLED_ADDRESSES: usize = 256;
/// Most addresses of one device.
pub const ADDRESSES: usize = 16;
/// Most entries of a log that wait for an earlier one, ...
pub const PENDING_ENTRIES: usize = 256;
/// ... and most bytes of their signed bodies.
pub const PENDING_BYTES: usize = 4 * 1024 * 1024;
/// Most entries of a log, that of a teacher as well, ...
pub const LOG_ENTRIES: u64 = 100_000;
/// ... and most bytes of their signed bodies.
pub const LOG_BYTES: usize = 64 * 1024 * 1024;
/// A teacher's program keeps so many entries for withdrawals, mutes, policies, grants, revocations and the end, ...
pub const LAST_ENTRIES: u64 = 1_000;
/// ... and so many bytes of signed bodies.
pub const LAST_BYTES: usize = 1024 * 1024;
/// Most entries of a student's log.
pub const STUDENT_ENTRIES: u64 = 10_000;
/// Most file sets of a session that are received at a time.
pub const OPEN_SETS: usize = 256;
/// Most members, or statuses, in one message.
pub const MEMBERS_PER_MESSAGE: usize = 64;
/// Most bytes of signed bodies in one message, so that the frame stays below its limit.
pub const BYTES_PER_MESSAGE: usize = 96 * 1024;
/// Most hops of a request on its way to the teacher.
pub const JOIN_HOPS: u8 = 8;
/// New entries of one's own go to all members at once where that takes at most so many bytes, or else to neighbours.
pub const TOLD_DIRECTLY: usize = 32 * 1024;
/// What came from its author itself waits so long before it is passed on: the author told the others too.
pub const AFTER_AUTHOR: Duration = Duration::from_millis(50);
/// Neighbours that new things are passed on to at once, besides ring neighbours and teacher.
pub const RANDOM_NEIGHBOURS: usize = 4;

/// When a new session is announced, after its start or a change of interfaces.
pub const ANNOUNCE_BURST: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
];
/// Between announcements after that, and between questions of a waiting student.
pub const ANNOUNCE_EVERY: Duration = Duration::from_secs(2);
/// For how long an announcement counts, from receipt.
pub const ANNOUNCE_LIFE: Duration = Duration::from_secs(15);
/// Between ticks.
pub const TICK_EVERY: Duration = Duration::from_secs(5);
/// After this without tick or link, the teacher is away.
pub const TEACHER_AWAY: Duration = Duration::from_secs(15);
/// For so long a session that was begun to be joined keeps this machine from joining another by itself though nobody
/// answers, ...
pub const JOIN_ANSWER: Duration = Duration::from_secs(15);
/// ... and one that was joined though its teacher is away.
pub const TEACHER_GONE: Duration = Duration::from_mins(10);
/// Between digests while something changes.
pub const DIGEST_MIN: Duration = Duration::from_secs(1);
/// Between digests when nothing changes.
pub const DIGEST_MAX: Duration = Duration::from_secs(8);
/// Between statuses that are passed on.
pub const STATUS_EVERY: Duration = Duration::from_secs(1);
/// The same for each member, where that is more, ...
pub const STATUS_SHARE: Duration = Duration::from_millis(40);
/// ... but no more than this: a teacher looks at them.
pub const STATUS_RARELY: Duration = Duration::from_secs(5);
/// Final statuses of one student that are kept on the teacher's disk: so many at once, then one in that time.
pub const STATUS_BURST: u32 = 512;
/// Until a request to be admitted is repeated.
pub const JOIN_AGAIN: Duration = Duration::from_secs(2);
/// How much later the device with the larger id dials, giving the other one the first try.
pub const SECOND_DIALLER: Duration = Duration::from_millis(1_500);
/// Shortest and longest time until a failed dial is repeated.
pub const DIAL_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How much later an IPv6 address is dialled than an IPv4 one that was heard of at the same time.
pub const IPV6_LATER: Duration = Duration::from_millis(100);
/// Until a page of a manifest is asked for again, ...
pub const PAGE_AGAIN: Duration = Duration::from_secs(1);
/// ... and where somebody else offers it who was not late before; ...
pub const PAGE_ELSEWHERE: Duration = Duration::from_millis(250);
/// ... both doubled at most so often while none comes.
pub const PAGE_DOUBLINGS: u32 = 3;
/// After this without a request, pages are offered to those who may not have heard of them.
pub const PAGES_REST: Duration = Duration::from_millis(500);
/// So many at first, and twice as many each time after that.
pub const PAGES_REST_FIRST: usize = 4;
/// After this they are in any case, whatever is requested.
pub const PAGES_REST_MOST: Duration = Duration::from_secs(8);
/// While the known hashes last so much longer that a quarter of it is more than these, that quarter counts: for the offer up to
/// [`PAGES_REST_MOST`], for a page that is asked for up to this.
pub const PAGES_SLACK: Duration = Duration::from_secs(2);
/// Pages of hashes that are fetched before a set has its place on the disk.
pub const HASHES_AHEAD: u32 = 64;
/// Chunks whose hashes the teacher's device offers at first; then of twice as many again as are given away, ...
pub const HASHES_SHOWN: u32 = 512;
/// ... or as leave in this time, if that is more; ...
pub const SHOWN_AHEAD: Duration = Duration::from_secs(3);
/// ... looked at as often, ...
pub const SHOW_EVERY: Duration = Duration::from_millis(50);
/// ... and this rarely while nothing is given away.
pub const SHOW_RARELY: Duration = Duration::from_secs(2);
/// How many students each student passes the pages of a manifest on to; the teacher's device passes them on to one in each of two
/// trees.
pub const PAGES_BELOW: usize = 2;
/// Between two events about the progress of one item.
pub const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// Messages of a student: so many at once …
pub const TEXT_BURST: u32 = 5;
/// … and then one in this time.
pub const TEXT_EVERY: Duration = Duration::from_secs(1);
/// Requests to be admitted that one link may pass on: so many at once …
pub const JOIN_BURST: u32 = 256;
/// … and then one in this time.
pub const JOIN_EVERY: Duration = Duration::from_millis(100);
/// Wrong PINs of one device: so many at once …
pub const PIN_BURST: u32 = 5;
/// … and then one in this time.
pub const PIN_EVERY: Duration = Duration::from_secs(30);
/// Wrong PINs over the links of one address: so many at once …
pub const PIN_ADDRESS_BURST: u32 = 20;
/// … and then one in this time.
pub const PIN_ADDRESS_EVERY: Duration = Duration::from_secs(30);
/// Addresses whose wrong PINs are counted at a time.
pub const PIN_ADDRESSES: usize = 1_024;
/// How often a device begins a proof again with one PIN that was typed: each exchange tells the teacher's side about one.
pub const PIN_RESTARTS: u8 = 3;
/// Wrong PINs of all devices of a session, which cost nothing to make: so many at once …
pub const PINS_BURST: u32 = 100;
/// … and then one in this time: of a million PINs that is one in two thousand an hour.
pub const PINS_EVERY: Duration = Duration::from_secs(10);
/// How long an exchange about a PIN lasts.
pub const PIN_EXCHANGE: Duration = Duration::from_mins(1);
/// Exchanges about a PIN that a teacher's device keeps at a time.
pub const PIN_EXCHANGES: usize = 512;
/// So many wrong PINs, and each time as many more, are told to the teacher.
pub const PINS_TOLD: u32 = 10;

/// Cuts a list of members or statuses into parts that fit one message each: others have signed them, and may have made them as
/// long as they can be.
pub fn parts<'a, T>(
    mut all: &'a [T],
    size: impl Fn(&T) -> usize + 'a,
) -> impl Iterator<Item = &'a [T]> {
    std::iter::from_fn(move || {
        let few = &all[..all.len().min(MEMBERS_PER_MESSAGE)];
        let mut bytes = 0;
        let fitting = few.iter().take_while(|one| {
            bytes += size(one);
            bytes <= BYTES_PER_MESSAGE
        });
        let count = fitting.count().max(1);
        let (part, rest) = all.split_at_checked(count)?;
        all = rest;
        Some(part)
    })
}

/// A token bucket: `burst` at once, then one every `every`.
#[derive(Debug, Clone)]
pub struct Bucket {
    burst: u32,
    every: Duration,
    tokens: u32,
    filled: Option<Moment>,
}

impl Bucket {
    /// A full bucket.
    pub const fn new(burst: u32, every: Duration) -> Self {
        Self {
            burst,
            every,
            tokens: burst,
            filled: None,
        }
    }

    /// Puts back one that was taken.
    pub fn put_back(&mut self) {
        self.tokens = self.tokens.saturating_add(1).min(self.burst);
    }

    /// How long it takes until there is one after an empty bucket was asked.
    pub fn wait(&self, now: Moment) -> Duration {
        let since = self
            .filled
            .map_or(Duration::ZERO, |filled| now.since(filled));
        self.every.saturating_sub(since)
    }

    /// Takes one token, if there is one.
    pub fn take(&mut self, now: Moment) -> bool {
        let filled = *self.filled.get_or_insert(now);
        let every = self.every.as_micros().max(1);
        let earned = now.since(filled).as_micros() / every;
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(u32::MAX);
            self.tokens = self.tokens.saturating_add(earned).min(self.burst);
            self.filled = Some(filled + self.every.saturating_mul(earned));
        }
        if self.tokens == 0 {
            return false;
        }
        self.tokens -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::new(2, Duration::from_secs(1));
        let start = Moment(5_000_000);
        assert!(bucket.take(start) && bucket.take(start) && !bucket.take(start));
        assert!(!bucket.take(start + Duration::from_millis(900)));
        assert!(bucket.take(start + Duration::from_millis(1_100)));
        assert!(!bucket.take(start + Duration::from_millis(1_200)));
        assert_eq!(
            bucket.wait(start + Duration::from_millis(1_200)),
            Duration::from_millis(800)
        );
        bucket.put_back();
        assert!(bucket.take(start + Duration::from_millis(1_200)));
        assert!(bucket.take(start + Duration::from_mins(1)));
    }
}
