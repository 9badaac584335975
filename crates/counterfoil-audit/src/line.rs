//! The line around a body (audit specification §1).

use counterfoil_signer::RecordSignature;

use crate::body::encode::MAX_BODY;

pub(crate) const PREFIX: &[u8; 8] = b"{\"body\":";
pub(crate) const HASH: &[u8; 9] = b",\"hash\":\"";
/// Longest line, line feed included: a signed one.
pub const MAX_LINE: usize = PREFIX.len() + MAX_BODY + 216;

/// Appends a whole line; `hash` is the hexadecimal hash of `body`.
pub(crate) fn line_into(
    out: &mut Vec<u8>,
    body: &[u8],
    hash: &[u8; 64],
    signature: Option<&RecordSignature>,
) {
    out.reserve(MAX_LINE.min(body.len() + 256));
    out.extend_from_slice(PREFIX);
    out.extend_from_slice(body);
    out.extend_from_slice(HASH);
    out.extend_from_slice(hash);
    match signature {
        None => out.extend_from_slice(b"\"}\n"),
        Some(signature) => out.extend_from_slice(sig_member(signature).as_bytes()),
    }
}

/// What follows the hash of a signed line.
fn sig_member(signature: &RecordSignature) -> String {
    use base64::Engine as _;
    format!(
        "\",\"sig\":{{\"alg\":\"{}\",\"key\":\"{}\",\"value\":\"{}\"}}}}\n",
        signature.key_type.as_str(),
        signature.key,
        base64::engine::general_purpose::STANDARD.encode(&signature.value)
    )
}
