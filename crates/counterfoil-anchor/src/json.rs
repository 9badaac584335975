//! The text of `anchor.json`.

use counterfoil_core::{ChainId, Digest, Head};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::{Anchor, Error};

const PARSE: &str = "parse an anchor";

impl Anchor {
    /// The text of `anchor.json`: one line with its line feed.
    #[must_use]
    pub fn to_json(&self) -> String {
        let head = self.head();
        // Members in the order of their keys. Ids and digests need no escaping; a checkpoint does.
        let mut text = format!("{{\"chain\":\"{}\"", head.chain);
        if let Some(note) = self.checkpoint() {
            text.push_str(&format!(",\"checkpoint\":{}", Value::from(note)));
        }
        text.push_str(&format!(",\"hash\":\"{}\"", head.hash));
        if let Some(root) = head.root {
            text.push_str(&format!(",\"root\":\"{root}\""));
        }
        text.push_str(&format!(",\"seq\":{},\"v\":1", head.seq));
        text.push_str("}\n");
        text
    }

    /// Parses `anchor.json`: one JSON object with the members of the specification and no others, each once.
    ///
    /// # Errors
    /// When a member is missing, unknown, doubled, of another form, or contradicts another; the kind is
    /// [`Corrupt`](crate::ErrorKind::Corrupt).
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        let refuse = |why: String| Error::corrupt(PARSE, why);
        let members: Members = serde_json::from_slice(text)
            .map_err(|error| refuse(format!("it is not the JSON of an anchor ({error})")))?;
        if members.v != 1 {
            return Err(refuse(format!(
                "its version is {}, and this program knows version 1",
                members.v
            )));
        }
        let chain = ChainId::new(&members.chain).map_err(|error| refuse(error.to_string()))?;
        let digest = |member: &str, text: &str| {
            Digest::from_hex(text.as_bytes()).ok_or_else(|| {
                refuse(format!(
                    "its {member} {text:?} is not 64 lower-case hexadecimal digits"
                ))
            })
        };
        let head = Head {
            chain,
            seq: members.seq,
            hash: digest("hash", &members.hash)?,
            root: members
                .root
                .as_deref()
                .map(|root| digest("root", root))
                .transpose()?,
        };
        let anchor = Self::new(head).map_err(|error| refuse(error.to_string()))?;
        match members.checkpoint {
            None => Ok(anchor),
            Some(note) => anchor
                .with_checkpoint(note)
                .map_err(|error| refuse(error.to_string())),
        }
    }
}

/// The members of `anchor.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    v: u64,
    chain: String,
    seq: u64,
    hash: String,
    #[serde(default, deserialize_with = "not_null")]
    root: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    checkpoint: Option<String>,
}

/// The format has no `null`: a member that says nothing is absent.
fn not_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}
