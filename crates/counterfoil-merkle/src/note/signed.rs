//! A note and its signature lines.

use std::fmt;
use std::str::FromStr;

use super::key::check_foreign_name;
use super::{KeyId, MAX_NOTE_LEN, MAX_SIGNATURES, check_key_name, check_text};
use crate::{Error, base64_text};

/// The dash and the space that open a signature line.
const LINE_START: &str = "\u{2014} ";
const PARSE: &str = "parse a signed note";
const SIGN: &str = "add a signature to a note";

/// One signature line: who, and the signature's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: KeyId,
    bytes: Vec<u8>,
}

impl NoteSignature {
    /// A signature by the key of that name and id; `bytes` are what the key's type defines (64 for Ed25519).
    ///
    /// # Errors
    /// When the name is no key name, or there are no bytes.
    pub fn new(name: &str, id: KeyId, bytes: Vec<u8>) -> Result<Self, Error> {
        check_key_name(name)?;
        if bytes.is_empty() {
            return Err(Error::invalid(
                SIGN,
                format!("the signature by {name:?} has no bytes"),
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            id,
            bytes,
        })
    }

    /// Name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Id of the key.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The signature, without the key id.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl FromStr for NoteSignature {
    type Err = Error;

    /// Parses one line, without its line feed. The name may be any that the specification allows.
    fn from_str(line: &str) -> Result<Self, Error> {
        let refuse = |why: &str| {
            Error::invalid(
                PARSE,
                format!(
                    "the signature line {line:?} {why}; it looks like \"\u{2014} name base64\""
                ),
            )
        };
        let rest = line
            .strip_prefix(LINE_START)
            .ok_or_else(|| refuse("does not begin with an em dash and a space"))?;
        let (name, signature) = rest
            .split_once(' ')
            .ok_or_else(|| refuse("has no name and signature"))?;
        let decoded = base64_text::decode(signature)
            .ok_or_else(|| refuse("does not end with padded base64"))?;
        match decoded.split_first_chunk::<4>() {
            Some((id, bytes)) if !bytes.is_empty() => {
                check_foreign_name(name)?;
                Ok(Self {
                    name: name.to_owned(),
                    id: KeyId(u32::from_be_bytes(*id)),
                    bytes: bytes.to_vec(),
                })
            }
            _ => Err(refuse("has fewer than five bytes in its base64")),
        }
    }
}

impl fmt::Display for NoteSignature {
    /// The line, without its line feed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.0.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.bytes);
        let mut text = String::new();
        base64_text::push(&mut text, &bytes);
        write!(f, "{LINE_START}{} {text}", self.name)
    }
}

/// What the owner of the trusted keys says about one signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the three cases are the specification's; a fourth would change what verifying means"
)]
pub enum Judgement {
    /// No trusted key has this name and id: the line is ignored.
    Unknown,
    /// A trusted key verifies it.
    Valid,
    /// A trusted key has this name and id and does not verify it: the note is rejected.
    Invalid,
}

/// Why a well-formed note does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteRejected {
    /// A signature that claims a trusted key is not by that key: the note was forged or changed.
    BadSignature {
        /// Name of the trusted key.
        name: String,
        /// Its id.
        id: KeyId,
    },
    /// No signature is by a trusted key: nothing is known about the text.
    NoTrustedSignature {
        /// Names and ids of the keys that did sign, as `name+id`.
        signers: Vec<String>,
    },
}

/// Names are shown with escapes for what could steer a terminal or hide.
impl fmt::Display for NoteRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSignature { name, id } => write!(
                f,
                "the signature by {}+{id} does not verify: the note was changed after it was signed, or was never signed by this key",
                name.escape_debug()
            ),
            Self::NoTrustedSignature { signers } => write!(
                f,
                "no trusted key signed this note; it is signed by {}: pass the verifier key of one of them if you trust it",
                signers.join(", ").escape_debug()
            ),
        }
    }
}

impl std::error::Error for NoteRejected {}

/// A text with at least one signature line.
///
/// ```
/// use counterfoil_merkle::note::{Judgement, SignedNote};
/// let note = SignedNote::parse(
///     "This is an example message.\n\n\
///      — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
/// )?;
/// assert_eq!(note.text(), "This is an example message.\n");
/// assert_eq!(note.signatures()[0].name(), "example.com/foo");
/// // Without a trusted key a note says nothing.
/// assert!(note.verify(|_, _| Judgement::Unknown).is_err());
/// # Ok::<(), counterfoil_merkle::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// A note with its first signature, which was made over exactly the bytes of `text`.
    ///
    /// # Errors
    /// When `text` does not end with a line feed or holds a control character, or the note would be too large.
    pub fn new(text: &str, signature: NoteSignature) -> Result<Self, Error> {
        check_text(SIGN, text)?;
        if !text.ends_with('\n') {
            return Err(Error::invalid(
                SIGN,
                "the text does not end with a line feed",
            ));
        }
        let mut note = Self {
            text: text.to_owned(),
            signatures: Vec::with_capacity(1),
        };
        note.add_signature(signature)?;
        Ok(note)
    }

    /// Adds a line under those that are there.
    ///
    /// # Errors
    /// When the same key has signed already, or the note would have more than [`MAX_SIGNATURES`] lines or
    /// [`MAX_NOTE_LEN`] bytes. The note is unchanged then.
    pub fn add_signature(&mut self, signature: NoteSignature) -> Result<(), Error> {
        let same_key =
            |other: &NoteSignature| other.name == signature.name && other.id == signature.id;
        if self.signatures.iter().any(same_key) {
            return Err(Error::invalid(
                SIGN,
                format!("{}+{} has signed it already", signature.name, signature.id),
            ));
        }
        if self.signatures.len() == MAX_SIGNATURES {
            return Err(Error::too_large(
                SIGN,
                format!("it has {MAX_SIGNATURES} signatures already, and no reader accepts more"),
            ));
        }
        self.signatures.push(signature);
        let len = self.to_text().len();
        if len > MAX_NOTE_LEN {
            self.signatures.pop();
            return Err(Error::too_large(
                SIGN,
                format!("it would have {len} bytes; the limit is {MAX_NOTE_LEN}"),
            ));
        }
        Ok(())
    }

    /// Parses a note. Well-formedness is all that this checks: see [`verify`](Self::verify).
    ///
    /// # Errors
    /// When the note breaks a rule of the format or exceeds one of its limits.
    pub fn parse(note: &str) -> Result<Self, Error> {
        if note.len() > MAX_NOTE_LEN {
            return Err(Error::too_large(
                PARSE,
                format!("it has {} bytes; the limit is {MAX_NOTE_LEN}", note.len()),
            ));
        }
        check_text(PARSE, note)?;
        let lines = note.strip_suffix('\n').ok_or_else(|| {
            Error::invalid(PARSE, "its last byte is not a line feed; was it cut off?")
        })?;
        let (text, lines) = match lines.rfind("\n\n") {
            Some(at) => (&note[..=at], &lines[at + 2..]),
            None => {
                return Err(Error::invalid(
                    PARSE,
                    "no empty line separates a text from signatures; is it signed at all?",
                ));
            }
        };
        let count = lines.split('\n').count();
        if count > MAX_SIGNATURES {
            return Err(Error::too_large(
                PARSE,
                format!("it has {count} signatures; the limit is {MAX_SIGNATURES}"),
            ));
        }
        Ok(Self {
            text: text.to_owned(),
            signatures: lines
                .split('\n')
                .map(str::parse)
                .collect::<Result<_, _>>()?,
        })
    }

    /// What was signed, with its final line feed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures in the order of their lines; at least one.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The whole note, byte for byte what [`parse`](Self::parse) read.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = format!("{}\n", self.text);
        for signature in &self.signatures {
            out.push_str(&signature.to_string());
            out.push('\n');
        }
        out
    }

    /// Judges every signature: those by unknown keys are ignored, every one that claims a trusted key must verify, and at
    /// least one must be by a trusted key. Returns the valid ones.
    ///
    /// `judge` is given the text and a signature over it; the `Keyring` of `counterfoil-signer` does this for a set of keys.
    /// Where one key signed twice both signatures must verify (Go's reader looks at the first only).
    ///
    /// # Errors
    /// When a rule does not hold; a bad signature is reported before anything else.
    pub fn verify(
        &self,
        judge: impl Fn(&str, &NoteSignature) -> Judgement,
    ) -> Result<Vec<&NoteSignature>, NoteRejected> {
        let mut valid = Vec::new();
        for signature in &self.signatures {
            match judge(&self.text, signature) {
                Judgement::Unknown => {}
                Judgement::Valid => valid.push(signature),
                Judgement::Invalid => {
                    return Err(NoteRejected::BadSignature {
                        name: signature.name.clone(),
                        id: signature.id,
                    });
                }
            }
        }
        if valid.is_empty() {
            return Err(NoteRejected::NoTrustedSignature {
                signers: self
                    .signatures
                    .iter()
                    .map(|signature| format!("{}+{}", signature.name, signature.id))
                    .collect(),
            });
        }
        Ok(valid)
    }
}
