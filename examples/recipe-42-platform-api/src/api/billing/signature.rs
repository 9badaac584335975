//! The signature of a webhook: `Billing-Signature: t=<seconds>,v1=<hex>`, HMAC-SHA256 of the seconds, a dot and the body.

use std::time::Duration;

use axum::http::HeaderMap;
use counterfoil::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::errors::{Failure, WEBHOOK_STALE, WEBHOOK_UNSIGNED};

/// How far the time of a signature may be from ours.
const TOLERANCE: Duration = Duration::from_secs(300);
/// Longest header, in bytes.
const LONGEST: usize = 512;
/// Signatures that are looked at: while its secret is exchanged, a provider signs with both.
const MOST_SIGNATURES: usize = 4;

/// Refuses what the provider did not sign, and what it signed too long ago.
pub(super) fn verify(
    headers: &HeaderMap,
    body: &[u8],
    secret: &[u8],
    now: Timestamp,
) -> Result<(), Failure> {
    let mut values = headers.get_all("billing-signature").iter();
    let header = values.next().and_then(|it| it.to_str().ok());
    let header = header
        .filter(|it| it.len() <= LONGEST)
        .ok_or(WEBHOOK_UNSIGNED)?;
    if values.next().is_some() {
        return Err(WEBHOOK_UNSIGNED.into());
    }
    let pairs = || {
        header
            .split(',')
            .filter_map(|pair| pair.trim().split_once('='))
    };
    let time = pairs().find_map(|(key, value)| (key == "t").then_some(value));
    let time = time.ok_or(WEBHOOK_UNSIGNED)?;
    let expected = sign(secret, time, body)?;
    let signatures = pairs()
        .filter(|(key, _)| *key == "v1")
        .take(MOST_SIGNATURES);
    // The whole of each is compared, so that the time it takes says nothing about how much of one was right.
    let genuine = signatures.fold(false, |genuine, (_, signature)| {
        genuine | bool::from(signature.as_bytes().ct_eq(expected.as_bytes()))
    });
    if !genuine {
        return Err(WEBHOOK_UNSIGNED.into());
    }
    // Only now: whoever cannot sign learns nothing about our clock.
    let seconds: u64 = time.parse().map_err(|_| WEBHOOK_UNSIGNED)?;
    let signed = Duration::from_secs(seconds);
    let now = Duration::from_nanos(now.unix_nanos());
    if now.abs_diff(signed) > TOLERANCE {
        return Err(WEBHOOK_STALE.into());
    }
    Ok(())
}

/// The signature of a body at a time, in lower-case hexadecimal.
pub(crate) fn sign(secret: &[u8], time: &str, body: &[u8]) -> Result<String, Failure> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret)
        .map_err(|error| Failure::because(WEBHOOK_UNSIGNED, error))?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    let bytes = mac.finalize().into_bytes();
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
