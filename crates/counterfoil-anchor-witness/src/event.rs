//! What a witnessed anchor store tells whoever wants to know.

use std::fmt;
use std::path::PathBuf;

use counterfoil_core::Head;

use crate::figures::Outcome;
use crate::submission::NotCosigned;

/// Whom a store tells.
pub(crate) type Listener = Box<dyn Fn(&WitnessEvent) + Send + Sync>;

/// What came of having a head cosigned.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WitnessEvent {
    /// Enough witnesses cosigned.
    #[non_exhaustive]
    QuorumMet {
        /// The head.
        head: Head,
        /// The witnesses that did not cosign all the same.
        failures: Vec<WitnessFailure>,
    },
    /// Too few witnesses cosigned.
    #[non_exhaustive]
    QuorumMissed {
        /// The head.
        head: Head,
        /// The same as the error's text: which quorum, and what each witness said.
        why: String,
        /// The witnesses that did not cosign.
        failures: Vec<WitnessFailure>,
        /// Whether the anchor advances all the same, because the store was told to let it.
        advanced: bool,
    },
    /// A witness showed another head that the log signed. The anchor does not advance.
    #[non_exhaustive]
    SplitView {
        /// The head that was to be cosigned.
        head: Head,
        /// The witnesses that did not cosign; those with [`Outcome::SplitView`] showed the other head.
        failures: Vec<WitnessFailure>,
    },
}

/// Why one witness did not cosign. `Display` says it in a sentence without its full stop.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WitnessFailure {
    /// Its name in the policy.
    pub witness: String,
    /// The kind of failure.
    pub outcome: Outcome,
    /// What happened.
    pub why: String,
    /// Of a split view: the files that both signed heads are kept in.
    pub evidence: Vec<PathBuf>,
}

impl WitnessFailure {
    pub(crate) fn new(witness: &str, no: NotCosigned) -> Self {
        Self {
            witness: witness.to_owned(),
            outcome: no.outcome,
            why: no.why,
            evidence: no.files,
        }
    }
}

/// What a witness answered is shown with escapes for what could steer a terminal.
impl fmt::Display for WitnessFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (witness, why) = (self.witness.escape_debug(), &self.why);
        write!(f, "witness {witness}: {why}")
    }
}
