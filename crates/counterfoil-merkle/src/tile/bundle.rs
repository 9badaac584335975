//! Entry bundles: each entry behind its length.

use super::TILE_WIDTH;
use crate::Error;

/// Longest entry, in bytes.
pub const MAX_ENTRY_LEN: usize = u16::MAX as usize;
/// Longest bundle: 256 of the longest entries. Whoever fetches one bounds what it reads by this.
pub const MAX_BUNDLE_LEN: usize = TILE_WIDTH as usize * (2 + MAX_ENTRY_LEN);

/// Appends an entry to a bundle: two bytes of length, big-endian, and the entry.
///
/// # Errors
/// When the entry is longer than [`MAX_ENTRY_LEN`]; the bundle is unchanged then.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), Error> {
    let len = u16::try_from(entry.len()).map_err(|_| {
        Error::too_large(
            "add an entry to a bundle",
            format!("it has {} bytes; the limit is {MAX_ENTRY_LEN}", entry.len()),
        )
    })?;
    bundle.reserve(2 + entry.len());
    bundle.extend_from_slice(&len.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The entries of a bundle that must hold exactly `width` of them.
///
/// They count for nothing until their leaf hashes have been compared with those of the level-0 tile, or with a root.
///
/// # Errors
/// When the bundle holds another number of entries, or ends inside one.
pub fn parse_bundle(bundle: &[u8], width: u16) -> Result<Vec<&[u8]>, Error> {
    let refuse = |why: String| Error::invalid("parse an entry bundle", why);
    if width > TILE_WIDTH {
        return Err(refuse(format!(
            "a bundle of {width} entries was asked for; the limit is {TILE_WIDTH}"
        )));
    }
    let mut entries = Vec::with_capacity(usize::from(width));
    let mut rest = bundle;
    for at in 0..width {
        let entry = rest.split_first_chunk().and_then(|(len, behind)| {
            behind.split_at_checked(usize::from(u16::from_be_bytes(*len)))
        });
        let Some((entry, behind)) = entry else {
            return Err(refuse(format!(
                "it ends inside entry {at} of {width}; was it cut off?"
            )));
        };
        entries.push(entry);
        rest = behind;
    }
    if !rest.is_empty() {
        return Err(refuse(format!(
            "{} bytes stand behind its {width} entries; the log served another width, or it was changed",
            rest.len()
        )));
    }
    Ok(entries)
}
