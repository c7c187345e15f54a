//! What is odd about the clocks, which is told and never decides.

use std::time::Duration;

use serde::Serialize;

use super::date::Date;
use crate::core::time::UnixTime;
use crate::core::wire::statements::Certificate;

/// The local clock does not fit what was signed. It is shown; nothing is refused for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "clock", rename_all = "kebab-case")]
pub enum ClockWarning {
    /// The local clock is earlier than a time that is certainly past.
    #[error(
        "this computer's clock shows {}, but it is at least {}: set the clock",
        Date(*.local), Date(*.past)
    )]
    Behind {
        /// The local clock.
        local: UnixTime,
        /// What is certainly past.
        past: UnixTime,
    },
    /// By the local clock, the certificate is over.
    #[error(
        "by this computer's clock ({}) the teacher's certificate ended on {}: check the clock, or renew the certificate",
        Date(*.local), Date(*.end)
    )]
    SeemsExpired {
        /// The local clock.
        local: UnixTime,
        /// The certificate's end.
        end: UnixTime,
    },
    /// The local clock and the teacher's differ by more than [`ClockWarning::TOLERANCE`].
    #[error(
        "this computer's clock is {minutes} minutes {} the teacher's: times in the session may look wrong",
        if *.ahead { "ahead of" } else { "behind" }
    )]
    Differs {
        /// By so many minutes.
        minutes: u64,
        /// Whether the local clock is ahead.
        ahead: bool,
    },
}

impl ClockWarning {
    /// How far clocks may differ without a word.
    pub const TOLERANCE: Duration = Duration::from_mins(10);

    /// What is odd, if anything: the gravest only. `made` is the teacher's clock a moment ago.
    pub fn find(
        local: UnixTime,
        floor: UnixTime,
        certificate: &Certificate,
        made: Option<UnixTime>,
    ) -> Option<Self> {
        let past = floor.max(certificate.not_before);
        if local.0.saturating_add(Self::TOLERANCE.as_secs()) < past.0 {
            return Some(Self::Behind { local, past });
        }
        if local > certificate.not_after {
            return Some(Self::SeemsExpired {
                local,
                end: certificate.not_after,
            });
        }
        let apart = local.0.abs_diff(made?.0);
        (apart > Self::TOLERANCE.as_secs()).then(|| Self::Differs {
            minutes: apart / 60,
            ahead: Some(local) > made,
        })
    }
}
