//! What a collector answers.

use std::time::Duration;

use counterfoil_core::Digest;
use serde::{Deserialize, Deserializer};
use ureq::Body;
use ureq::http::{Response, header};

use crate::Refusal;

/// Longest answer that is read, in bytes. An answer is a few numbers and a sentence.
pub(crate) const MAX_ANSWER: u64 = 64 << 10;

/// Longest sentence of a collector that is repeated, in characters.
const MAX_DETAIL: usize = 400;
/// Longest code that is taken for one.
const MAX_CODE: usize = 40;
/// Longest wait that is believed.
const MAX_WAIT: Duration = Duration::from_secs(600);

/// How far a collector has a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteHead {
    /// Number of the last record; 0 before the first.
    pub seq: u64,
    /// Its hash; zero before the first.
    pub hash: Digest,
}

/// What an upload came to: every record up to `seq` is durable at the collector.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Acknowledged {
    /// Number of the last durable record.
    pub seq: u64,
    /// Its hash.
    pub hash: Digest,
    /// How many of the records sent were known before.
    pub known: u64,
    /// The collector's cosignature of the checkpoint that was sent, as a line of a signed note, where it is a witness.
    pub cosignature: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct HeadAnswer {
    pub(crate) chain: String,
    pub(crate) seq: u64,
    pub(crate) hash: Hex,
}

#[derive(Deserialize)]
pub(crate) struct AckAnswer {
    acknowledged: u64,
    hash: Hex,
    #[serde(default)]
    known: u64,
    cosignature: Option<String>,
}

impl From<AckAnswer> for Acknowledged {
    fn from(answer: AckAnswer) -> Self {
        Self {
            seq: answer.acknowledged,
            hash: answer.hash.0,
            known: answer.known,
            cosignature: answer.cosignature,
        }
    }
}

/// A digest in lower-case hex.
#[derive(Clone, Copy)]
pub(crate) struct Hex(pub(crate) Digest);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: String,
    detail: String,
    seq: Option<u64>,
    expected: Option<Expected>,
    acknowledged: Option<u64>,
}

#[derive(Deserialize)]
struct Expected {
    seq: u64,
    hash: Hex,
}

/// The refusal in an answer that is no success; what is no problem document is one without a code.
pub(crate) fn refusal(answer: &Response<Body>, body: &[u8]) -> Refusal {
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    let detail: String = problem.detail.chars().take(MAX_DETAIL).collect();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let is_code = problem.code.len() <= MAX_CODE && problem.code.bytes().all(plain);
    Refusal {
        status: answer.status().as_u16(),
        code: if is_code { problem.code } else { String::new() },
        detail: detail.escape_debug().to_string(),
        seq: problem.seq,
        expected: problem.expected.map(|it| (it.seq, it.hash.0)),
        acknowledged: problem.acknowledged,
        retry_after: retry_after(answer),
    }
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3), which is how a collector writes it. A date is left unheard, and the own backoff
/// counts then.
fn retry_after(answer: &Response<Body>) -> Option<Duration> {
    let value = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    let seconds = value.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_WAIT))
}
