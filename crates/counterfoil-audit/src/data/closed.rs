//! Closed sets that data members take their texts from.

use std::fmt;

use counterfoil_core::{Digest, FabricError, OpType, ResourceType};

/// A closed set with one text per variant.
pub(crate) trait ClosedSet: Sized + 'static {
    fn text(&self) -> &'static str;
    fn from_text(text: &str) -> Option<Self>;
}

macro_rules! of_core {
    ($($type:ty),+) => {$(
        impl ClosedSet for $type {
            fn text(&self) -> &'static str {
                self.as_str()
            }

            fn from_text(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == text)
            }
        }
    )+};
}
of_core!(ResourceType, OpType, FabricError);

macro_rules! closed {
    ($($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident => $text:literal,)+ })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(clippy::exhaustive_enums, reason = "the set is fixed by version 1 of the format")]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// The text in records.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl ClosedSet for $name {
            fn text(&self) -> &'static str {
                self.as_str()
            }

            fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}

closed! {
    /// What was decided about a bundle.
    Admission {
        /// It was let in.
        Admitted => "admitted",
        /// It was not.
        Rejected => "rejected",
    }
    /// What a log signs.
    SigningMode {
        /// Nothing.
        None => "none",
        /// Heads, as C2SP checkpoints.
        Checkpoint => "checkpoint",
        /// Every record; and heads, where a log key is there.
        Record => "record",
    }
    /// What records are hashed with.
    HashAlgorithm {
        /// SHA-256.
        Sha256 => "sha256",
    }
    /// Why a log was closed.
    CloseReason {
        /// The process ended in order.
        Shutdown => "shutdown",
        /// It will be opened again at once.
        Restart => "restart",
        /// It could not go on.
        Failure => "failure",
    }
    /// Why a chain follows another one.
    ChainRestartReason {
        /// The anchor vouches for records that the log no longer has.
        AnchorAhead => "anchor_ahead",
        /// The log was damaged below its durable mark.
        LogDamaged => "log_damaged",
        /// The log was gone.
        LogAbsent => "log_absent",
        /// The signing key was lost.
        KeyLost => "key_lost",
        /// Somebody asked for it.
        Requested => "requested",
    }
    /// What was wrong with the first line of a tail that was moved to quarantine.
    RecoveryReason {
        /// It was cut short.
        Torn => "torn",
        /// It was no line of the format.
        Grammar => "grammar",
        /// Its hash was not that of its body.
        Hash => "hash",
        /// It did not name its predecessor.
        Link => "link",
        /// Its number or time did not continue.
        Order => "order",
    }
    /// Which role a key has.
    KeyRole {
        /// It signs checkpoints.
        Log => "log",
        /// It signs records.
        Record => "record",
    }
    /// Why records were lost.
    LossReason {
        /// The queue had no room and the policy was to drop.
        QueueFull => "queue_full",
        /// The queue had no room and the caller was told so.
        Refused => "refused",
        /// The log was closing.
        Shutdown => "shutdown",
        /// It did not fit the queue.
        Oversize => "oversize",
        /// Its producer ended in the middle.
        Abandoned => "abandoned",
        /// It broke a rule of the format.
        Invalid => "invalid",
    }
    /// Why records may be removed.
    RetentionReason {
        /// They are old enough.
        Age => "age",
        /// The log is large enough.
        Bytes => "bytes",
    }
    /// What was done with records.
    AccessAction {
        /// They were read.
        Read => "read",
        /// They left the system.
        Export => "export",
    }
}

/// The digest of a payload that is kept elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the set is fixed by version 1 of the format"
)]
pub enum PayloadDigest {
    /// SHA-256.
    Sha256(Digest),
    /// BLAKE3.
    Blake3(Digest),
}

impl PayloadDigest {
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let (algorithm, digits) = text.split_once(':')?;
        let digest = Digest::from_hex(digits.as_bytes())?;
        match algorithm {
            "sha256" => Some(Self::Sha256(digest)),
            "blake3" => Some(Self::Blake3(digest)),
            _ => None,
        }
    }
}

impl fmt::Display for PayloadDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(digest) => write!(f, "sha256:{digest}"),
            Self::Blake3(digest) => write!(f, "blake3:{digest}"),
        }
    }
}
