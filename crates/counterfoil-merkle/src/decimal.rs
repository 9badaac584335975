//! Decimal numbers as C2SP writes them: one spelling per value.

/// Digits only, and no zero in front of another digit; `None` from 2^64 on.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}
