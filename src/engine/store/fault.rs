//! What went wrong with the disk.

use std::io;
use std::path::{Path, PathBuf};

use crate::core::wire::statements::FailReason;

/// Something could not be done with a file or folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {doing} {}: {text}{}", path.display(), remedy(*reason))]
pub struct DiskFault {
    /// The kind, which travels to the teacher.
    pub reason: FailReason,
    /// What was being done, as in "cannot …".
    pub doing: &'static str,
    /// To what.
    pub path: PathBuf,
    /// What the system said.
    pub text: String,
}

impl DiskFault {
    /// A fault out of what the system said.
    pub fn new(doing: &'static str, path: impl Into<PathBuf>, error: &io::Error) -> Self {
        Self {
            reason: reason(error.kind()),
            doing,
            path: path.into(),
            text: error.to_string(),
        }
    }

    /// A fault of a known kind.
    pub fn because(
        reason: FailReason,
        doing: &'static str,
        path: impl Into<PathBuf>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            reason,
            doing,
            path: path.into(),
            text: text.into(),
        }
    }
}

/// The kind of fault that an error of the system is.
fn reason(kind: io::ErrorKind) -> FailReason {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FailReason::DiskFull,
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotADirectory => FailReason::NotWritable,
        _ => FailReason::DiskError,
    }
}

const fn remedy(reason: FailReason) -> &'static str {
    match reason {
        FailReason::DiskFull => ". Free some space there, then try again.",
        FailReason::NotWritable => ". Choose another folder, or have its permissions changed.",
        _ => ".",
    }
}

/// Names what was being done when an [`io::Result`] failed.
pub(crate) trait Doing<T> {
    /// The error as a [`DiskFault`].
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, DiskFault>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, DiskFault> {
        self.map_err(|error| DiskFault::new(doing, path, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_what_where_and_what_to_do() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let fault = DiskFault::new("write", "/home/a/lab.zip", &full);
        assert_eq!(fault.reason, FailReason::DiskFull);
        let text = fault.to_string();
        assert!(text.starts_with("cannot write /home/a/lab.zip: "), "{text}");
        assert!(
            text.ends_with("Free some space there, then try again."),
            "{text}"
        );
    }
}
