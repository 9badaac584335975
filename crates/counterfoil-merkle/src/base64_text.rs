//! Base64 as C2SP writes it: RFC 4648 §4, padded, one spelling per value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_core::Digest;

/// Appends the base64 of `bytes` to `out`.
pub(crate) fn push(out: &mut String, bytes: &[u8]) {
    STANDARD.encode_string(bytes, out);
}

/// Decodes; `None` for a missing or surplus pad, a foreign character, or bits that are set behind the last byte.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Decodes exactly 32 bytes.
pub(crate) fn decode_digest(text: &str) -> Option<Digest> {
    let bytes: [u8; Digest::LEN] = decode(text)?.try_into().ok()?;
    Some(Digest::from_bytes(bytes))
}
