//! Closed sets: what is leased, and what is done with it.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// Declares a closed set with a stable text and a stable index per variant.
macro_rules! closed_set {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$doc:meta])* $variant:ident => $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(clippy::exhaustive_enums, reason = "a closed set: labels and arrays are sized by it")]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every variant, in index order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The text in labels, records and events: lower-case, stable for ever.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Position in [`ALL`](Self::ALL), for arrays with one element per variant.
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }

            /// The variant at this position of [`ALL`](Self::ALL).
            #[must_use]
            pub fn from_index(index: usize) -> Option<Self> {
                Self::ALL.get(index).copied()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::ALL.iter().copied().find(|it| it.as_str() == text).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|it| it.as_str()).collect();
                    Error::invalid(concat!("parse ", $what), format!("{text:?} is none of {}", known.join(", ")))
                })
            }
        }
    };
}
pub(crate) use closed_set;

closed_set! {
    /// What a lease is held on.
    ResourceType, "a resource type" {
        /// Processor time.
        Cpu => "cpu",
        /// Memory.
        Mem => "mem",
        /// Accelerators.
        Gpu => "gpu",
        /// Block or object storage.
        Storage => "storage",
        /// Network capacity.
        Net => "net",
    }
}

closed_set! {
    /// What is done with a leased resource.
    OpType, "an operation type" {
        /// Bytes out of the resource.
        Read => "read",
        /// Bytes into the resource.
        Write => "write",
        /// Work handed to the resource.
        Submit => "submit",
    }
}
