//! A private key as one line of text, the form that Go's `note` package writes:
//! `PRIVATE+KEY+<name>+<key id>+<base64 of 0x01 and the seed>`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_merkle::note::KeyType;
use zeroize::Zeroizing;

use super::Ed25519Signer;
use crate::{Error, ErrorKind, Signer as _};

const START: &str = "PRIVATE+KEY+";
/// The type byte and the seed.
const KEY_LEN: usize = 33;
const BASE64_LEN: usize = 44;

/// Parses the line, with or without one line feed behind it. `place` begins the sentence if it is refused; the text itself is
/// never shown.
pub(super) fn parse(
    operation: &'static str,
    place: &str,
    text: &str,
) -> Result<Ed25519Signer, Error> {
    let refuse = |why: &str| {
        Error::new(
            ErrorKind::InvalidKey,
            operation,
            format!("{place} {why}; a signing key is one line, PRIVATE+KEY+name+0123abcd+base64"),
        )
    };
    let line = text.strip_suffix('\n').unwrap_or(text);
    let mut parts = line
        .strip_prefix(START)
        .ok_or_else(|| refuse("does not begin with PRIVATE+KEY+"))?
        .splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(refuse("does not have all its parts"));
    };

    let mut decoded = Zeroizing::new([0_u8; KEY_LEN]);
    let complete = key.len() == BASE64_LEN
        && STANDARD
            .decode_slice(key, &mut *decoded)
            .is_ok_and(|len| len == KEY_LEN);
    if !complete {
        return Err(refuse("does not end with the base64 of 33 bytes"));
    }
    if decoded[0] != KeyType::Ed25519.byte() {
        return Err(refuse("is not an Ed25519 key"));
    }
    let mut seed = Zeroizing::new([0; 32]);
    seed.copy_from_slice(&decoded[1..]);
    let signer = Ed25519Signer::from_seed(name, &seed)
        .map_err(|error| refuse("has a bad key name").because(error))?;
    let actual = signer.key_id();
    if actual.to_string() != id {
        return Err(refuse(&format!(
            "says key id {id:?}, but name and key give {actual}"
        )));
    }
    Ok(signer)
}

/// Writes the line, with its line feed.
pub(super) fn format(signer: &Ed25519Signer, seed: &[u8; 32]) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    bytes[0] = KeyType::Ed25519.byte();
    bytes[1..].copy_from_slice(seed);
    let name = signer.verifier_key().map_or("", |key| key.name());
    // Sized beforehand, so that growing leaves no copy behind.
    let mut line = Zeroizing::new(String::with_capacity(
        START.len() + name.len() + "+0123abcd+\n".len() + BASE64_LEN,
    ));
    line.push_str(START);
    line.push_str(name);
    line.push('+');
    line.push_str(&signer.key_id().to_string());
    line.push('+');
    STANDARD.encode_string(*bytes, &mut line);
    line.push('\n');
    line
}
