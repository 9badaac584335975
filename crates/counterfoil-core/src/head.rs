//! The head of a chain: all that a verifier has to trust.

use crate::{ChainId, Digest};

/// The last record of a chain that somebody vouches for (audit specification §5).
///
/// Whoever holds a head that was handed out earlier can tell whether a log still holds every record up to it, unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which chain.
    pub chain: ChainId,
    /// Sequence number of the last record, from 1. It is the tree size as well.
    pub seq: u64,
    /// Hash of the last record.
    pub hash: Digest,
    /// RFC 6962 root over the hashes of records 1 to `seq`, where the holder computed it.
    pub root: Option<Digest>,
}

impl Head {
    /// Whether the two say the same about the same record. A root that only one of them has is no contradiction.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.chain == other.chain
            && self.seq == other.seq
            && self.hash == other.hash
            && self.root.zip(other.root).is_none_or(|(a, b)| a == b)
    }
}
