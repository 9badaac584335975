//! Hashes in base64, one a line, up to an empty line: how C2SP writes a proof in front of a checkpoint.

use counterfoil_core::Digest;

use crate::proof::MAX_PROOF_LEN;
use crate::{Error, base64_text};

/// Appends the lines, and the empty one.
pub(crate) fn push(out: &mut String, hashes: &[Digest]) {
    for hash in hashes {
        base64_text::push(out, hash.as_bytes());
        out.push('\n');
    }
    out.push('\n');
}

/// The hashes, and what stands behind the empty line.
pub(crate) fn parse<'a>(
    operation: &'static str,
    text: &'a str,
) -> Result<(Vec<Digest>, &'a str), Error> {
    let mut hashes = Vec::new();
    let mut rest = text;
    loop {
        let (line, behind) = rest.split_once('\n').ok_or_else(|| {
            Error::invalid(
                operation,
                "no empty line separates the proof from a checkpoint; was it cut off?",
            )
        })?;
        rest = behind;
        if line.is_empty() {
            return Ok((hashes, rest));
        }
        check_len(operation, hashes.len() + 1)?;
        let hash = base64_text::decode_digest(line).ok_or_else(|| {
            let shown: String = line.chars().take(60).collect();
            Error::invalid(
                operation,
                format!(
                    "line {} of the proof, {shown:?}, is not 32 bytes of padded base64",
                    hashes.len() + 1
                ),
            )
        })?;
        hashes.push(hash);
    }
}

/// Refuses a proof of more hashes than any may have.
pub(crate) fn check_len(operation: &'static str, len: usize) -> Result<(), Error> {
    if len <= MAX_PROOF_LEN {
        return Ok(());
    }
    Err(Error::too_large(
        operation,
        format!("the proof has more than {MAX_PROOF_LEN} hashes, which no tree needs"),
    ))
}
