//! The C2SP trust policy: which logs count, and which witnesses must have seen a checkpoint.
//!
//! ```text
//! log <vkey> [<url>]
//! witness <name> <vkey> [<url>]
//! group <name> all|any|<k> <member>...
//! quorum <name>|none
//! ```
//!
//! A file is read strictly: names are defined before they are used, each is a member of at most one group, there is exactly one
//! quorum, keys are of the type that their role asks for, and every line ends with a line feed. Specification:
//! <https://c2sp.org/tlog-policy>. Two limits are ours: names and URLs are UTF-8 (comments may be any bytes), and a witness
//! whose only key is ML-DSA-44 is refused by name, because a quorum that counts on it could never be met here.
//!
//! ```
//! use counterfoil_merkle::policy::Policy;
//!
//! let policy = Policy::parse(
//!     b"log example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n\
//!       quorum none\n",
//! )?;
//! assert_eq!(policy.logs()[0].key().name(), "example.com/foo");
//! assert!(policy.evaluate(|_| false).is_met());
//! # Ok::<(), counterfoil_merkle::Error>(())
//! ```

mod parse;
mod quorum;
mod verify;

use std::fmt;

use crate::note::VerifierKey;

pub use quorum::QuorumVerdict;
pub use verify::{Accepted, CheckpointRejected};

/// Longest policy, in bytes.
pub const MAX_POLICY_LEN: usize = 262_144;
/// Most logs, most witnesses, and most groups of a policy.
pub const MAX_DEFINITIONS: usize = 256;

/// Which logs are accepted, and which of the known witnesses must have cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    /// In the order of their definition, so that a member stands before the group that names it.
    groups: Vec<Group>,
    /// What must be met; `None` is `quorum none`.
    quorum: Option<Member>,
}

impl Policy {
    /// The logs, in the order of the file. May be empty where a policy is only about witnesses.
    #[must_use]
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The witnesses, in the order of the file.
    #[must_use]
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    fn name_of(&self, member: Member) -> &str {
        match member {
            Member::Witness(at) => &self.witnesses[at].name,
            Member::Group(at) => &self.groups[at].name,
        }
    }
}

/// A log of a policy. Its key's name is the origin of its checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLog {
    key: VerifierKey,
    url: Option<String>,
}

impl PolicyLog {
    /// The log's key, of type 0x01.
    #[must_use]
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Where the log is served, as the file has it, unchecked.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }
}

/// A witness of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWitness {
    name: String,
    key: VerifierKey,
    url: Option<String>,
}

impl PolicyWitness {
    /// What this policy calls it; another name than its key's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The witness's key, of type 0x04.
    #[must_use]
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Where it takes checkpoints, as the file has it, unchecked: the submission prefix of the witness protocol.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: String,
    /// How many of the members must have seen a checkpoint; between 1 and all.
    threshold: usize,
    members: Vec<Member>,
}

/// A defined name, by its place among the witnesses or among the groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group(usize),
}

/// Writes the file: logs, witnesses, groups and quorum, without comments. It parses to the same policy.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for log in &self.logs {
            write!(f, "log {}", log.key)?;
            write_url(f, log.url())?;
        }
        for witness in &self.witnesses {
            write!(f, "witness {} {}", witness.name, witness.key)?;
            write_url(f, witness.url())?;
        }
        for group in &self.groups {
            write!(f, "group {} ", group.name)?;
            match group.threshold {
                all if all == group.members.len() => f.write_str("all")?,
                1 => f.write_str("any")?,
                k => write!(f, "{k}")?,
            }
            for member in &group.members {
                write!(f, " {}", self.name_of(*member))?;
            }
            f.write_str("\n")?;
        }
        let quorum = self.quorum.map_or(NONE, |quorum| self.name_of(quorum));
        writeln!(f, "quorum {quorum}")
    }
}

/// The predefined name.
const NONE: &str = "none";

fn write_url(f: &mut fmt::Formatter<'_>, url: Option<&str>) -> fmt::Result {
    match url {
        Some(url) => writeln!(f, " {url}"),
        None => writeln!(f),
    }
}
