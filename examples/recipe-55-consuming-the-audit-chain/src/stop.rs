//! Why a consumer does not go on.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

/// What stands in the way.
#[derive(Debug)]
#[allow(
    clippy::exhaustive_enums,
    reason = "whoever runs a consumer decides what to do in each case"
)]
pub enum Stop {
    /// The collector cannot be reached or has no time. Worth another try; nothing was taken.
    Away(String),
    /// The collector serves another history than it did, or one that does not verify. Never worth another try: somebody has to look,
    /// and what was served lies in `evidence`.
    OtherHistory {
        /// Why it is another one.
        why: String,
        /// What was served instead, byte for byte.
        evidence: PathBuf,
    },
    /// Something of our own failed: the disk, or the action.
    Failed(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(why) => write!(f, "the collector did not answer: {why}; try again"),
            Self::OtherHistory { why, evidence } => write!(
                f,
                "the collector serves another history: {why}; do not go on before somebody has looked at {}",
                evidence.display()
            ),
            Self::Failed(_) => f.write_str("cannot keep or act on what the collector served"),
        }
    }
}

impl Error for Stop {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(source) => Some(source.as_ref()),
            _ => None,
        }
    }
}

/// For what is our own fault.
pub(crate) fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Stop {
    Stop::Failed(error.into())
}
