//! What goes wrong.

use std::io;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the failures that the tests of a log draw from"
)]
pub enum Failure {
    /// `EIO`.
    Io,
    /// `ENOSPC`.
    Full,
    /// `EINTR`: nothing happened. A sync leaves what was not written as it was.
    Interrupted,
    /// A write takes only a part. Other calls succeed.
    Short,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Io, Self::Full, Self::Interrupted, Self::Short];

    pub(crate) fn error(self) -> Option<io::Error> {
        match self {
            Self::Io => Some(io::Error::other("input/output error")),
            Self::Full => Some(io::ErrorKind::StorageFull.into()),
            Self::Interrupted => Some(io::ErrorKind::Interrupted.into()),
            Self::Short => None,
        }
    }
}

/// What goes wrong; nothing by default.
#[derive(Clone, Debug, Default)]
#[allow(
    clippy::exhaustive_structs,
    reason = "tests write it down with the rest as default"
)]
pub struct Faults {
    /// So many syncs of segments fail, after this many that succeed.
    pub failing_syncs: Option<(u32, u32)>,
    /// Bytes that files may still grow by, together.
    pub space: Option<usize>,
    /// A write takes at most so many bytes.
    pub longest_write: Option<usize>,
    /// After so many operations every one fails: the machine is gone.
    pub dies_at: Option<u64>,
    /// The calls from the first number up to before the second fail so; see [`MemFiles::calls`](crate::files::MemFiles::calls).
    pub at: Option<(u64, u64, Failure)>,
    /// After a failed sync the file reads as it is stored, and not as it was written.
    pub reverts: bool,
    /// Decides which pages a failed sync has written.
    pub seed: u64,
}
