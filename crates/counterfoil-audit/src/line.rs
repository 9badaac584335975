//! The line around a body (audit specification §1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_merkle::note::KeyType;
use counterfoil_signer::RecordSignature;

use crate::body::encode::MAX_BODY;
use crate::body::scan::Bad;

const PREFIX: &[u8; 8] = b"{\"body\":";
const HASH: &[u8; 9] = b",\"hash\":\"";
const END: &[u8; 3] = b"\"}\n";
const SIG_KEY: &[u8; 32] = b"\",\"sig\":{\"alg\":\"ed25519\",\"key\":\"";
const SIG_VALUE: &[u8; 11] = b"\",\"value\":\"";
const SIG_END: &[u8; 4] = b"\"}}\n";
/// What follows the body in a line without a signature.
const UNSIGNED: usize = HASH.len() + 64 + END.len();
/// What follows the body in a line with one.
const SIGNED: usize = HASH.len() + 64 + SIG_KEY.len() + 8 + SIG_VALUE.len() + 88 + SIG_END.len();
/// Longest line, line feed included: a signed one.
pub const MAX_LINE: usize = PREFIX.len() + MAX_BODY + SIGNED;

/// A line, as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineView<'a> {
    pub(crate) body: &'a [u8],
    /// The hash that the line states, in hexadecimal digits that nobody has checked.
    pub(crate) hash: &'a [u8; 64],
    pub(crate) signature: Option<SignatureView<'a>>,
}

/// The member `sig` of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignatureView<'a> {
    pub(crate) key: &'a [u8; 8],
    pub(crate) value: &'a [u8; 88],
}

impl<'a> LineView<'a> {
    /// Takes a line apart by counting from its end. The body may be anything.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Bad> {
        let bad = |at, expected| Err(Bad { at, expected });
        let signed = line.len() >= 3 && line[line.len() - 3] == b'}';
        let suffix = if signed { SIGNED } else { UNSIGNED };
        let Some(rest) = line.strip_prefix(PREFIX) else {
            return bad(0, "{\"body\":");
        };
        let Some((body, suffix)) = rest.len().checked_sub(suffix).map(|len| rest.split_at(len))
        else {
            return bad(line.len(), "a body, a hash and the end of the line");
        };
        if body.len() > MAX_BODY {
            return bad(PREFIX.len(), "a body of at most 65535 bytes");
        }
        let at = PREFIX.len() + body.len();
        let Some((HASH, suffix)) = suffix.split_first_chunk() else {
            return bad(at, ",\"hash\":\"");
        };
        let Some((hash, suffix)) = suffix.split_first_chunk() else {
            return bad(at, "a hash");
        };
        if !signed {
            return if suffix == END {
                Ok(Self {
                    body,
                    hash,
                    signature: None,
                })
            } else {
                bad(line.len() - END.len(), "\"} and a line feed")
            };
        }
        match signature(suffix) {
            Some(signature) => Ok(Self {
                body,
                hash,
                signature: Some(signature),
            }),
            None => bad(at + HASH.len() + 64, "a member sig of the known form"),
        }
    }
}

/// The fixed parts of `sig` stand where they must, and its digits are digits.
fn signature(suffix: &[u8]) -> Option<SignatureView<'_>> {
    let (SIG_KEY, rest) = suffix.split_first_chunk()? else {
        return None;
    };
    let (key, rest) = rest.split_first_chunk::<8>()?;
    let (SIG_VALUE, rest) = rest.split_first_chunk()? else {
        return None;
    };
    let (value, rest) = rest.split_first_chunk::<88>()?;
    let hex = key.iter().all(|d| matches!(d, b'0'..=b'9' | b'a'..=b'f'));
    // The engine refuses trailing bits and missing padding, so each value has one text.
    let canonical = STANDARD.decode(value).is_ok_and(|bytes| bytes.len() == 64);
    (hex && canonical && rest == SIG_END).then_some(SignatureView { key, value })
}

impl SignatureView<'_> {
    /// The parts, decoded.
    pub(crate) fn to_signature(self) -> Option<RecordSignature> {
        let key = std::str::from_utf8(self.key).ok()?.parse().ok()?;
        let value = STANDARD.decode(self.value).ok()?;
        Some(RecordSignature::new(KeyType::Ed25519, key, value))
    }
}

/// Appends a whole line; `hash` is the hexadecimal hash of `body`.
pub(crate) fn line_into(
    out: &mut Vec<u8>,
    body: &[u8],
    hash: &[u8; 64],
    signature: Option<&RecordSignature>,
) {
    out.reserve(PREFIX.len() + body.len() + SIGNED);
    out.extend_from_slice(PREFIX);
    out.extend_from_slice(body);
    out.extend_from_slice(HASH);
    out.extend_from_slice(hash);
    match signature {
        None => out.extend_from_slice(END),
        Some(signature) => {
            out.extend_from_slice(SIG_KEY);
            out.extend_from_slice(signature.key.to_string().as_bytes());
            out.extend_from_slice(SIG_VALUE);
            out.extend_from_slice(STANDARD.encode(&signature.value).as_bytes());
            out.extend_from_slice(SIG_END);
        }
    }
}
