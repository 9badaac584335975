//! Why a witness does not cosign.

use std::fmt;
use std::path::PathBuf;

use counterfoil_merkle::witness::{SIZE_CONTENT_TYPE, size_body};

use crate::Error;

/// Why a witness does not cosign what it was asked to, with the answer that the C2SP witness protocol has for it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// 400: the request is malformed, or goes back to a smaller size.
    Malformed(
        /// What is wrong with it.
        String,
    ),
    /// 404: the witness does not follow this log.
    UnknownLog(
        /// Its origin.
        String,
    ),
    /// 403: no key that the witness trusts for this log signed the head, or a signature by one is bad.
    Untrusted(
        /// Who signed it, or which signature is bad.
        String,
    ),
    /// 409: the old size is not the one that the witness cosigned last.
    #[non_exhaustive]
    WrongSize {
        /// What it cosigned last; 0 for nothing.
        size: u64,
        /// The files that hold both heads, if the offered one contradicts the one that was cosigned.
        evidence: Vec<PathBuf>,
    },
    /// 422: the head does not continue the one that was cosigned last.
    #[non_exhaustive]
    Inconsistent {
        /// What does not follow.
        why: String,
        /// The files that hold both heads, if the offered one contradicts the one that was cosigned.
        evidence: Vec<PathBuf>,
    },
    /// 500: the witness itself failed. Nothing was cosigned.
    Failed(
        /// Why.
        Error,
    ),
}

impl Refusal {
    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Untrusted(_) => 403,
            Self::UnknownLog(_) => 404,
            Self::WrongSize { .. } => 409,
            Self::Inconsistent { .. } => 422,
            Self::Failed(_) => 500,
        }
    }

    /// The media type of [`body`](Self::body).
    #[must_use]
    pub const fn content_type(&self) -> &'static str {
        match self {
            Self::WrongSize { .. } => SIZE_CONTENT_TYPE,
            _ => "text/plain; charset=utf-8",
        }
    }

    /// What is answered: of [`WrongSize`](Self::WrongSize) the size, otherwise a sentence. Nothing about the witness's own
    /// machine.
    #[must_use]
    pub fn body(&self) -> String {
        match self {
            Self::WrongSize { size, .. } => size_body(*size),
            Self::Failed(_) => "the witness has failed; its operator knows why\n".to_owned(),
            Self::Inconsistent { why, .. } => format!("{why}\n"),
            other => format!("{other}\n"),
        }
    }

    /// The files that hold two heads of one size with different roots, both signed by the log; empty when there are none.
    #[must_use]
    pub fn evidence(&self) -> &[PathBuf] {
        match self {
            Self::WrongSize { evidence, .. } | Self::Inconsistent { evidence, .. } => evidence,
            _ => &[],
        }
    }
}

/// For the witness's operator. Whatever came from outside is shown with escapes.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) | Self::Untrusted(why) => f.write_str(why),
            Self::UnknownLog(origin) => {
                write!(f, "the log {origin:?} is not followed here")
            }
            Self::WrongSize { size, .. } => {
                write!(f, "the last size that was cosigned is {size}")
            }
            Self::Inconsistent { why, .. } => f.write_str(why),
            Self::Failed(error) => error.fmt(f),
        }?;
        if let [one, other] = self.evidence() {
            let (one, other) = (one.display(), other.display());
            write!(
                f,
                "; SPLIT VIEW: the log signed two heads of one size with different roots, kept in {one} and {other}"
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) => error.source(),
            _ => None,
        }
    }
}
