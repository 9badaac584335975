//! Verifying logs of any size (audit specification §10 to §13).
//!
//! The head is read first, then the log, once and in constant memory (but for one small entry per lane). Everything that is
//! wrong is reported, not only the first. Integrity and completeness are two verdicts.
//!
//! ```
//! use counterfoil_audit::verify::{Verdict, VerifyOptions, verify_reader};
//! let report = verify_reader(std::io::empty(), "nothing", &VerifyOptions::new());
//! // Nothing verified is never VALID.
//! assert_eq!((report.verdict, report.exit_code()), (Verdict::Incomplete, 3));
//! ```

pub(crate) mod batch;
mod cause;
mod epochs;
mod erasure;
mod findings;
pub(crate) mod heads;
pub(crate) mod judge;
mod lanes;
pub(crate) mod log_keys;
mod policy;
mod progress;
mod reason;
mod report;
mod run;
mod state;

use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use counterfoil_core::Timestamp;
use counterfoil_merkle::policy::Policy as TrustPolicy;
use counterfoil_signer::Keyring;

pub use cause::Cause;
pub use heads::{GivenHead, KeyReader};
use log_keys::{KeySource, Keys};
pub use progress::Progress;
pub use reason::{Reason, Verdict};
pub use report::{
    Completeness, Cosigned, Erasables, Failure, HeadSource, KeyReport, KeyRole, LaneReport,
    MissingRange, Report, StateUse, Tail,
};
pub use state::{MAX_STATE, VerifiedState};

/// How a log is verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VerifyOptions<'a> {
    /// The head that is trusted; without one the verdict is at best INCOMPLETE.
    pub head: Option<GivenHead>,
    /// The keys that are trusted: the log's key by the chain's id, its record key by the id with `/record` behind it, the key
    /// of epoch `n` by the id with `/epoch/<n>`. Keys that rotations lead to from these are trusted as well.
    pub keys: &'a Keyring,
    /// Reads keys that the log names, so that a signature that fails under one is found although the key was not given, and
    /// rotations and epochs can be followed. Without it such signatures are counted as not checked, and a log in epochs does
    /// not satisfy a given log key.
    pub key_reader: Option<KeyReader>,
    /// What the trusted head must meet besides: which log must have signed it, and which witnesses cosigned.
    pub trust: Option<Trust<'a>>,
    /// Whether records beyond the head make the log incomplete.
    pub require_anchored_tail: bool,
    /// How old the oldest record beyond the head may be.
    pub max_tail_age: Option<Duration>,
    /// The time that ages are counted from.
    pub now: Timestamp,
    /// Leaves the grammar of bodies out, and with it policies and completeness. The report says so.
    pub hash_only: bool,
    /// Looks into lines that fail for what happened to them: a record that was written again, a flipped bit. Takes some
    /// milliseconds for each of the first few.
    pub diagnose: bool,
    /// The state of an earlier verification of this log, to go on from.
    pub state: Option<&'a VerifiedState>,
    /// Whether to make such a state for the next time.
    pub keep_state: bool,
    /// Is told how far the verification is.
    pub progress: Option<Progress<'a>>,
    /// Threads that hash and parse; 0 counts as 1. The report is the same for every number.
    pub jobs: usize,
    /// Most failures that are listed; all are counted.
    pub max_failures: usize,
}

/// A C2SP trust policy, and the keyring of its keys ([`Keyring::of_policy`]).
#[derive(Clone, Copy, Debug)]
#[allow(
    clippy::exhaustive_structs,
    reason = "a policy and its keys are all that there is to it"
)]
pub struct Trust<'a> {
    /// Which logs and witnesses count, and how many of them.
    pub policy: &'a TrustPolicy,
    /// Judges their signatures.
    pub keys: &'a Keyring,
}

static NO_KEYS: LazyLock<Keyring> = LazyLock::new(Keyring::new);

impl VerifyOptions<'_> {
    /// Trusts no head and no key, on one thread; lists 100 failures.
    #[must_use]
    pub fn new() -> Self {
        Self {
            head: None,
            keys: &NO_KEYS,
            key_reader: None,
            trust: None,
            require_anchored_tail: false,
            max_tail_age: None,
            now: Timestamp::default(),
            hash_only: false,
            diagnose: false,
            progress: None,
            state: None,
            keep_state: false,
            jobs: 1,
            max_failures: 100,
        }
    }
}

impl VerifyOptions<'_> {
    /// The keys to judge by.
    pub(crate) const fn key_source(&self) -> KeySource<'_> {
        KeySource {
            keys: Keys::Lent(self.keys),
            reader: self.key_reader,
        }
    }
}

impl Default for VerifyOptions<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// Verifies the log directory or the JSONL file at `path`. What cannot be read is part of the report.
#[must_use]
pub fn verify_path(path: &Path, options: &VerifyOptions<'_>) -> Report {
    run::path(path, options)
}

/// Verifies JSONL from a reader; `name` stands for it in the report.
#[must_use]
pub fn verify_reader(reader: impl Read, name: &str, options: &VerifyOptions<'_>) -> Report {
    run::reader(reader, name, options)
}
