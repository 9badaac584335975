//! The anchor: a head that somebody keeps, and its JSON text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_core::{ChainId, Digest, Head};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Error;

/// Largest sequence number that every JSON library reads exactly (audit specification §1).
const MAX_SEQ: u64 = (1 << 53) - 1;
const MAKE: &str = "make an anchor";
const PARSE: &str = "parse an anchor";

/// The head of a log, with the signed checkpoint over it if there is one: the content of `anchor.json`
/// (audit specification §5).
///
/// Whatever is present agrees: the checkpoint's origin, size and root are the head's. Its signatures are not checked here;
/// they are between the log and its verifier.
///
/// ```
/// use counterfoil_anchor::Anchor;
/// let text = format!(
///     "{{\"v\":1,\"chain\":\"audit.example.com/leases/1\",\"seq\":7,\"hash\":\"{}\"}}\n",
///     "ab".repeat(32)
/// );
/// let anchor = Anchor::from_json(text.as_bytes())?;
/// assert_eq!(anchor.head().seq, 7);
/// assert_eq!(anchor.to_json(), text);
/// # Ok::<(), counterfoil_anchor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    head: Head,
    checkpoint: Option<String>,
}

impl Anchor {
    /// Longest checkpoint, signatures included, in bytes: the limit of a signed note.
    pub const MAX_CHECKPOINT_LEN: usize = 1_000_000;

    /// An anchor without a checkpoint.
    ///
    /// # Errors
    /// When the head's `seq` is 0 or above 2^53 − 1.
    pub fn new(head: Head) -> Result<Self, Error> {
        if (1..=MAX_SEQ).contains(&head.seq) {
            return Ok(Self {
                head,
                checkpoint: None,
            });
        }
        Err(Error::invalid(
            MAKE,
            format!(
                "seq {} of {} is not between 1 and 2^53 - 1",
                head.seq, head.chain
            ),
        ))
    }

    /// Adds the signed checkpoint over this head, signatures included.
    ///
    /// # Errors
    /// When its origin, size or root is not the head's, or it is no checkpoint.
    pub fn with_checkpoint(mut self, note: impl Into<String>) -> Result<Self, Error> {
        let note = note.into();
        check_agreement(&self.head, &note).map_err(|why| Error::invalid(MAKE, why))?;
        self.checkpoint = Some(note);
        Ok(self)
    }

    /// The head.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The signed checkpoint, byte for byte as it was signed.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&str> {
        self.checkpoint.as_deref()
    }

    /// The text of `anchor.json`: one line with its line feed.
    #[must_use]
    pub fn to_json(&self) -> String {
        let root = self.head.root.map(|root| root.to_string());
        let members = Members {
            v: 1,
            chain: self.head.chain.as_str().to_owned(),
            seq: self.head.seq,
            hash: self.head.hash.to_string(),
            root,
            checkpoint: self.checkpoint.clone(),
        };
        #[expect(
            clippy::expect_used,
            reason = "strings and one integer always serialise: there is no map with foreign keys and no writer to fail"
        )]
        let mut text = serde_json::to_string(&members).expect("an anchor serialises");
        text.push('\n');
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

/// The members of `anchor.json`, in the order in which they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    v: u64,
    chain: String,
    seq: u64,
    hash: String,
    #[serde(
        default,
        deserialize_with = "not_null",
        skip_serializing_if = "Option::is_none"
    )]
    root: Option<String>,
    #[serde(
        default,
        deserialize_with = "not_null",
        skip_serializing_if = "Option::is_none"
    )]
    checkpoint: Option<String>,
}

/// The format has no `null`: a member that says nothing is absent.
fn not_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// Compares the three lines that open a checkpoint with the head; an `Err` says what differs.
///
/// This reads no more of the note than that. `counterfoil-merkle` parses notes in full, and this crate stays below it.
fn check_agreement(head: &Head, note: &str) -> Result<(), String> {
    if note.len() > Anchor::MAX_CHECKPOINT_LEN {
        return Err(format!(
            "the checkpoint has {} bytes; the limit is {}",
            note.len(),
            Anchor::MAX_CHECKPOINT_LEN
        ));
    }
    let mut lines = note.split('\n');
    let (Some(origin), Some(size), Some(root), Some(_)) =
        (lines.next(), lines.next(), lines.next(), lines.next())
    else {
        return Err("the checkpoint has fewer than three lines".to_owned());
    };
    if origin != head.chain.as_str() {
        return Err(format!(
            "the checkpoint is of {origin:?}, and the head of {}",
            head.chain
        ));
    }
    if size != head.seq.to_string() {
        return Err(format!(
            "the checkpoint has size {size:?}, and the head seq {}",
            head.seq
        ));
    }
    let root = STANDARD
        .decode(root)
        .ok()
        .and_then(|bytes| <[u8; Digest::LEN]>::try_from(bytes).ok())
        .map(Digest::from_bytes)
        .ok_or_else(|| {
            format!("the checkpoint's root {root:?} is not 32 bytes of padded base64")
        })?;
    match head.root {
        Some(expected) if expected != root => Err(format!(
            "the checkpoint has the root {root}, and the head {expected}"
        )),
        _ => Ok(()),
    }
}
