//! The words of the platform: what there is, in which states, and who may do what.

use counterfoil::Timestamp;
use serde::Serialize;

/// Declares a closed set of words, which are values of labels, of JSON, and of columns.
macro_rules! words {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($body:tt)+ }) => {
        counterfoil::metrics::label_values! {
            $(#[$meta])* $vis enum $name { $($body)+ }
        }

        impl std::str::FromStr for $name {
            type Err = crate::domain::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.iter().find(|it| it.as_str() == text);
                found.copied().ok_or(crate::domain::UnknownWord)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

pub(crate) use words;

/// A text that is no word of its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "it has nothing to say")]
pub struct UnknownWord;

words! {
    /// How far an allocation has come.
    pub enum AllocationState {
        /// Asked for; nobody has begun.
        Requested = "requested",
        /// A worker is at it.
        Provisioning = "provisioning",
        /// It may be used.
        Active = "active",
        /// Given back.
        Released = "released",
        /// It could not be provisioned; what it cost was given back.
        Failed = "failed",
    }
}

words! {
    /// What is told through the outbox.
    pub enum EventType {
        /// An allocation was asked for.
        AllocationRequested = "allocation.requested",
        /// An allocation was given back.
        AllocationReleased = "allocation.released",
    }
}

words! {
    /// What somebody is to a tenant.
    pub enum Role {
        /// Operates the platform: everything that a member does, and the overview of operations.
        Admin = "admin",
        /// Uses the platform.
        Member = "member",
    }
}

/// Who asks: the holder of an API key, within one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The tenant.
    pub tenant: String,
    /// What they are to it.
    pub role: Role,
}

/// Storage on a node, for a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Allocation {
    /// Its name for everybody outside: `al-` and 16 hexadecimal digits.
    pub id: String,
    /// The tenant's project that it belongs to.
    pub project: String,
    /// How large it is.
    pub bytes: i64,
    /// The node that was asked for, or that it came to lie on.
    pub node: Option<String>,
    /// How far it has come.
    pub state: AllocationState,
    /// Why it failed, where it did.
    pub error_code: Option<String>,
    /// When it was asked for.
    #[serde(serialize_with = "as_text")]
    pub created_at: Timestamp,
    /// When its state changed last.
    #[serde(serialize_with = "as_text")]
    pub updated_at: Timestamp,
    #[serde(skip)]
    pub(crate) tenant: String,
}

impl Allocation {
    /// What an allocation of `bytes` costs: a cent for each mebibyte that it begins.
    pub(crate) const fn price(bytes: i64) -> i64 {
        bytes.saturating_add((1 << 20) - 1) >> 20
    }
}

/// Whether a name of a tenant, project, node or workspace is one: it ends up in labels and paths.
pub(crate) fn is_name(text: &str) -> bool {
    let inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with(['-', '_'])
}

fn as_text<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}
