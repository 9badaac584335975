//! What a verification found up to its head, kept so that the next one reads only what is new.
//!
//! The state stands right before the record of the head, which is read again: whoever replaced it, or went on from another one,
//! is found by the rules that find it in any log. What came before is vouched for by whoever keeps the state, as an anchor is.

use counterfoil_core::{ChainId, Digest, Head, Timestamp};
use counterfoil_signer::Keyring;
use serde::{Deserialize, Serialize};

use super::lanes::SavedLanes;
use crate::hash::sha256;
use crate::{Error, ErrorKind};

/// The first line of a state.
const MAGIC: &str = "counterfoil.dev/verify-state/v1\n";

/// Longest state, in bytes.
pub const MAX_STATE: u64 = 64 << 20;

/// What a verification found up to a trusted head. Opaque: made by a verification that ended VALID, given to the next one.
///
/// It must be kept like an anchor, apart from the log: whoever can write it can make a verifier pass over records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifiedState {
    pub(crate) chain: String,
    /// The head that was verified.
    pub(crate) seq: u64,
    pub(crate) hash: String,
    pub(crate) root: Option<String>,
    /// What stands before its record: the stated hash, the time, and the nodes of the tree.
    pub(crate) prev: String,
    pub(crate) prev_time: String,
    pub(crate) nodes: Vec<String>,
    /// Where its line begins, in which segment.
    pub(crate) segment: Option<u64>,
    pub(crate) offset: u64,
    /// First record and length of the segments before it.
    pub(crate) segments: Vec<(u64, u64)>,
    pub(crate) hash_only: bool,
    /// The keys that were given.
    pub(crate) keys: Vec<String>,
    pub(crate) lanes: SavedLanes,
    /// The records that say which policy and keys are in force.
    pub(crate) policy: Vec<PolicyLine>,
}

/// A record about the policy, and the tree before it where it is about the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyLine {
    pub(crate) seq: u64,
    pub(crate) nodes: Vec<String>,
    pub(crate) line: String,
}

impl VerifiedState {
    /// Reads a state.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] when it is none, was cut or changed, or is longer than [`MAX_STATE`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let refused = |why: &str| Error::new(ErrorKind::Corrupt, "read a verification state", why);
        if bytes.len() as u64 > MAX_STATE {
            return Err(refused("it is longer than any state"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| refused("it is no text"))?;
        let rest = text
            .strip_prefix(MAGIC)
            .ok_or_else(|| refused("it does not begin as a state does"))?;
        let (body, sum) = rest
            .strip_suffix('\n')
            .and_then(|rest| rest.split_once('\n'))
            .ok_or_else(|| refused("it has not three lines"))?;
        if sum != sha256(body.as_bytes()).to_string() {
            return Err(refused(
                "its last line is not the hash of the one before: it was cut or changed",
            ));
        }
        let state: Self = serde_json::from_str(body)
            .map_err(|error| refused("its content is not that of a state").with_source(error))?;
        // Whatever is used later without asking is asked for here.
        let sound = ChainId::new(&state.chain).is_ok()
            && state.seq > 0
            && state.nodes.len() == (state.seq - 1).count_ones() as usize
            && state.prev.len() == 64
            && state.prev_time.len() == 30
            && Digest::from_hex(state.hash.as_bytes()).is_some();
        sound
            .then_some(state)
            .ok_or_else(|| refused("its parts contradict each other"))
    }

    /// The state as text that [`from_bytes`](Self::from_bytes) reads.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when it is longer than [`MAX_STATE`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let refused = |why: String| Error::invalid("write a verification state", why);
        let body = serde_json::to_string(self).map_err(|error| refused(error.to_string()))?;
        let sum = sha256(body.as_bytes());
        let text = format!("{MAGIC}{body}\n{sum}\n");
        if text.len() as u64 > MAX_STATE {
            return Err(refused(format!("it has {} bytes", text.len())));
        }
        Ok(text.into_bytes())
    }

    /// When the record before it was sealed.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        Timestamp::from_text(self.prev_time.as_bytes())
    }

    /// The head that was verified; `None` for one that is none, which reading refuses.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        Some(Head {
            chain: ChainId::new(&self.chain).ok()?,
            seq: self.seq,
            hash: Digest::from_hex(self.hash.as_bytes())?,
            root: match &self.root {
                Some(root) => Some(Digest::from_hex(root.as_bytes())?),
                None => None,
            },
        })
    }
}

/// The given keys, as a state names them.
pub(crate) fn keys_of(keys: &Keyring) -> Vec<String> {
    let mut keys: Vec<String> = keys.keys().map(ToString::to_string).collect();
    keys.sort();
    keys
}

pub(crate) fn digests(texts: &[String]) -> Option<Vec<Digest>> {
    texts
        .iter()
        .map(|text| Digest::from_hex(text.as_bytes()))
        .collect()
}

pub(crate) fn texts(digests: &[Digest]) -> Vec<String> {
    digests.iter().map(ToString::to_string).collect()
}
