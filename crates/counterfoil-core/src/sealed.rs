//! A line of the audit log, as it stands on disk.

use crate::Digest;

/// One sealed record: its exact bytes, line feed included, with the two facts that readers ask for most.
///
/// Exporters ship these bytes unchanged; whoever parses and writes them again has another document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedLine {
    /// Sequence number, from 1.
    pub seq: u64,
    /// The record's hash.
    pub hash: Digest,
    /// The line, ending with LF.
    pub bytes: Vec<u8>,
}
