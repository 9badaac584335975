//! What a collector answers.

use counterfoil_core::Digest;
use serde::Deserialize;

/// How far a collector is with a chain.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct RemoteHead {
    /// The chain.
    pub chain: String,
    /// Number of the last record that it has; 0 before the first.
    pub seq: u64,
    /// The hash of that record, zero before the first.
    #[serde(deserialize_with = "digest")]
    pub hash: Digest,
}

/// What a collector took of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Ack {
    /// Every record up to this one is durable there.
    pub acknowledged: u64,
    /// The hash of that record.
    #[serde(deserialize_with = "digest")]
    pub hash: Digest,
    /// Records of the upload that it had already.
    #[serde(default)]
    pub known: u64,
    /// Its own signature under the checkpoint that came last, a line of a signed note.
    #[serde(default)]
    pub cosignature: Option<String>,
}

/// A problem (RFC 9457), as far as it is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    pub(crate) code: String,
    pub(crate) detail: String,
    pub(crate) seq: Option<u64>,
    pub(crate) expected: Option<Expected>,
    pub(crate) acknowledged: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Expected {
    pub(crate) seq: u64,
    #[serde(deserialize_with = "digest")]
    pub(crate) hash: Digest,
}

fn digest<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Digest, D::Error> {
    let text = String::deserialize(from)?;
    text.parse()
        .map_err(|_| serde::de::Error::custom("a hash is 64 hexadecimal digits"))
}
