//! The header `Idempotency-Key`: the same request with the same key is done once.

use axum::http::HeaderMap;
use sha2::{Digest, Sha256};

use crate::Member;
use crate::errors::{Failure, IDEMPOTENCY_MALFORMED};
use crate::store::idempotency::Keyed;

/// Longest key, in bytes.
const LONGEST: usize = 128;

/// The key of a request and the request itself, as digests. A key means something within its tenant only.
pub(super) fn keyed(
    headers: &HeaderMap,
    member: &Member,
    operation: &str,
    body: &[u8],
) -> Result<Option<Keyed>, Failure> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(key) = values.next() else {
        return Ok(None);
    };
    let visible =
        (1..=LONGEST).contains(&key.len()) && key.as_bytes().iter().all(u8::is_ascii_graphic);
    if !visible || values.next().is_some() {
        return Err(IDEMPOTENCY_MALFORMED.into());
    }
    Ok(Some(Keyed {
        key: digest(&[member.tenant.as_bytes(), key.as_bytes()]),
        request: digest(&[operation.as_bytes(), body]),
    }))
}

/// The digest of parts, none of which holds a zero byte but the last.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
        digest.update([0]);
    }
    digest.finalize().into()
}
