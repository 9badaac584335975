//! Key names, key ids and verifier keys.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::{Error, base64_text};

/// The first four bytes of a key's hash, big-endian: enough to find a key, not enough to trust one.
///
/// Written as eight lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(
    /// The id as a number.
    pub u32,
);

impl KeyId {
    /// The id of a public key under a name: the head of SHA-256(name ‖ LF ‖ type ‖ key).
    #[must_use]
    pub fn of(name: &str, key_type: KeyType, public_key: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(name);
        hasher.update([b'\n', key_type.byte()]);
        hasher.update(public_key);
        let hash: [u8; 32] = hasher.finalize().into();
        Self(u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]))
    }
}

impl FromStr for KeyId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 8
            && text.bytes().all(lower_hex)
            && let Ok(id) = u32::from_str_radix(text, 16)
        {
            return Ok(Self(id));
        }
        Err(Error::invalid(
            "parse a key id",
            format!("{text:?} is not eight lower-case hexadecimal digits"),
        ))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// How the signatures of a key are made: the type byte in front of a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyType {
    /// 0x01: Ed25519 over the text itself. What logs sign with.
    Ed25519,
    /// 0x04: Ed25519 over a time and the text of a checkpoint ([`cosignature`](crate::cosignature)). What witnesses sign with.
    Ed25519Cosignature,
}

impl KeyType {
    /// The type byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Ed25519Cosignature => 0x04,
        }
    }

    /// A short name. Of Ed25519 it is the one that the audit format uses, as `alg` of a record signature and as the signing
    /// mode in `log_opened`; keys of another type have no place in that format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Ed25519Cosignature => "cosignature/v1",
        }
    }

    /// Length of a public key, in bytes.
    #[must_use]
    pub const fn public_key_len(self) -> usize {
        match self {
            Self::Ed25519 | Self::Ed25519Cosignature => 32,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Ed25519, Self::Ed25519Cosignature]
            .into_iter()
            .find(|key_type| key_type.byte() == byte)
    }
}

/// Checks a key name: not empty, no white space of any kind, no `+`, no control character.
///
/// A [`ChainId`](counterfoil_core::ChainId) is always a valid key name.
///
/// # Errors
/// When the name breaks one of the rules; the message says which.
pub fn check_key_name(name: &str) -> Result<(), Error> {
    check_foreign_name(name)?;
    if name.chars().any(char::is_control) {
        return refuse_name(name, "holds a control character; write the name without it");
    }
    Ok(())
}

/// The rules of C2SP alone, for the names of signers that nobody here knows: a note is not malformed for them.
pub(super) fn check_foreign_name(name: &str) -> Result<(), Error> {
    if name.is_empty() {
        return refuse_name(
            name,
            "is empty; a name looks like audit.example.com/leases/1",
        );
    }
    if name.chars().any(char::is_whitespace) {
        return refuse_name(name, "holds white space; write the name without it");
    }
    if name.contains('+') {
        return refuse_name(
            name,
            "holds a '+', which separates the parts of a key; choose a name without it",
        );
    }
    Ok(())
}

fn refuse_name(name: &str, why: &str) -> Result<(), Error> {
    Err(Error::invalid("use a key name", format!("{name:?} {why}")))
}

/// A public key with its name: `<name>+<key id>+<base64 of type and key>`, the "vkey" of C2SP.
///
/// ```
/// use counterfoil_merkle::note::VerifierKey;
/// let text = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
/// let key: VerifierKey = text.parse()?;
/// assert_eq!(key.name(), "example.com/foo");
/// assert_eq!(key.id().to_string(), "530d903a");
/// assert_eq!(key.to_string(), text);
/// # Ok::<(), counterfoil_merkle::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    key_type: KeyType,
    public_key: Vec<u8>,
}

impl VerifierKey {
    /// A key by its parts. Whether the bytes are a point of the curve is for the verifier that uses them.
    ///
    /// # Errors
    /// When the name is no key name, or the key has another length than its type asks for.
    pub fn new(name: &str, key_type: KeyType, public_key: &[u8]) -> Result<Self, Error> {
        check_key_name(name)?;
        if public_key.len() != key_type.public_key_len() {
            return Err(Error::invalid(
                "use a verifier key",
                format!(
                    "the key named {name:?} has {} bytes where {} has {}",
                    public_key.len(),
                    key_type.as_str(),
                    key_type.public_key_len()
                ),
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            id: KeyId::of(name, key_type, public_key),
            key_type,
            public_key: public_key.to_vec(),
        })
    }

    /// The key's name; of a log key, the chain id.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// How its signatures are made.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The same name and public key as those of a witness: of type 0x04, with the id that follows.
    #[must_use]
    pub fn as_cosigner(&self) -> Self {
        let key_type = KeyType::Ed25519Cosignature;
        Self {
            name: self.name.clone(),
            id: KeyId::of(&self.name, key_type, &self.public_key),
            key_type,
            public_key: self.public_key.clone(),
        }
    }

    /// The public key, without the type byte.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        const FORM: &str = "a verifier key looks like name+0123abcd+base64, on one line";
        // Not the whole text: what was pasted here by mistake may be a secret.
        let shown = match text.split_once('+') {
            Some((name, _)) => format!("{:?}", format!("{name}+…")),
            None => format!("a text of {} characters", text.chars().count()),
        };
        let refuse = |why: String| Error::invalid("parse a verifier key", format!("{shown} {why}"));
        if text.starts_with("PRIVATE+KEY+") {
            return Err(refuse(
                "is a private key; give the public one, and replace this one if anybody saw it"
                    .into(),
            ));
        }

        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(refuse(format!("does not have three parts; {FORM}")));
        };
        let id: KeyId = id.parse().map_err(|_| {
            refuse(format!(
                "has a key id that is not 8 hexadecimal digits; {FORM}"
            ))
        })?;
        let bytes = base64_text::decode(key)
            .ok_or_else(|| refuse(format!("does not end with padded base64; {FORM}")))?;
        let Some((&type_byte, public_key)) = bytes.split_first() else {
            return Err(refuse(format!("names no key; {FORM}")));
        };
        let key_type = KeyType::from_byte(type_byte).ok_or_else(|| {
            refuse(format!(
                "is of type 0x{type_byte:02x}; this version knows 0x01 (Ed25519) and 0x04 (Ed25519 cosignature)"
            ))
        })?;
        let parsed = Self::new(name, key_type, public_key)?;
        if parsed.id != id {
            return Err(refuse(format!(
                "says key id {id}, but name and key give {}; copy the whole key again from where it was published",
                parsed.id
            )));
        }
        Ok(parsed)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.key_type.byte()];
        bytes.extend_from_slice(&self.public_key);
        let mut key = String::new();
        base64_text::push(&mut key, &bytes);
        write!(f, "{}+{}+{key}", self.name, self.id)
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    #[test]
    fn each_part_of_a_verifier_key_is_checked_and_the_message_says_which() {
        for (text, says) in [
            ("example.com/foo", "three parts"),
            (&VALID.replace("530d903a", "530D903A"), "hexadecimal"),
            (&VALID.replace("530d903a", "530d903b"), "give 530d903a"),
            (&VALID.replace("example.com/foo", "example.com/bar"), "give"),
            (&VALID.replace("example.com/foo", ""), "is empty"),
            (&VALID.replace("com/foo", "com foo"), "white space"),
            (&VALID.replace("U2k", "U2"), "base64"),
            (&format!("{VALID}\n"), "base64"),
            ("example.com/foo+530d903a+", "names no key"),
            ("example.com/foo+530d903a+AQ==", "has 0 bytes"),
            ("example.com/foo+530d903a+Aw==", "type 0x03"),
        ] {
            let message = text.parse::<VerifierKey>().unwrap_err().to_string();
            assert!(message.contains(says), "{text:?}: {message}");
        }
    }

    #[test]
    fn a_key_name_has_no_space_of_any_alphabet_and_no_plus() {
        for name in [
            "",
            "a b",
            "a\u{a0}b",
            "a\u{2003}b",
            "a+b",
            "a\nb",
            "a\u{7f}",
        ] {
            assert!(check_key_name(name).is_err(), "{name:?}");
        }
        for name in ["a", "audit.example.com/leases/1", "prüfung.example"] {
            assert!(check_key_name(name).is_ok(), "{name:?}");
        }
    }
}
