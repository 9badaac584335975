//! How a replica is opened.

use std::sync::Arc;

use counterfoil_core::Head;
use counterfoil_signer::Keyring;

use crate::log::files::{FileSystem, StdFiles};
use crate::verify::KeyReader;

/// How a [`Replica`](super::Replica) is opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReplicaOptions {
    /// The keys that are trusted, as for [`Intake::new`](crate::intake::Intake::new): the log key that was registered.
    pub keys: Arc<Keyring>,
    /// Reads keys that the chain names, so that rotations and epochs can be followed.
    pub key_reader: Option<KeyReader>,
    /// The file system; the operating system's unless a test says otherwise.
    pub files: Arc<dyn FileSystem>,
    /// A segment ends at the first multiple of 256 records at which it has so many bytes. An opening after a crash verifies at most
    /// about one segment, and retention removes whole ones: 16 MiB.
    pub segment_bytes: u64,
    /// The head that somebody keeps apart from the directory: records up to it were acknowledged, so they have to be there.
    pub vouched: Option<Head>,
}

impl ReplicaOptions {
    /// Trusts these keys, follows no others, on the operating system's files.
    #[must_use]
    pub fn new(keys: Arc<Keyring>) -> Self {
        Self {
            keys,
            key_reader: None,
            files: Arc::new(StdFiles),
            segment_bytes: 16 << 20,
            vouched: None,
        }
    }
}
