//! The records in the bytes of a log, by number and hash: a hash stands for its record and for all before it.

use counterfoil_merkle::leaf_hash;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Link {
    pub(super) seq: u64,
    pub(super) hash: [u8; 32],
}

/// The records from the beginning on, up to the first line that is not whole, does not have its hash, or does not follow.
pub(super) fn links(bytes: &[u8]) -> Vec<Link> {
    let mut links = Vec::new();
    let mut before = [0; 32];
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(link) = link(line, links.len() as u64 + 1, before) else {
            break;
        };
        before = link.hash;
        links.push(link);
    }
    links
}

/// An unsigned line (audit specification, line).
fn link(line: &[u8], seq: u64, before: [u8; 32]) -> Option<Link> {
    let body = line.strip_prefix(b"{\"body\":")?;
    let (body, tail) = body.split_at_checked(body.len().checked_sub(76)?)?;
    let text = std::str::from_utf8(tail).ok()?;
    let text = text.strip_prefix(",\"hash\":\"")?.strip_suffix("\"}\n")?;
    let hash = leaf_hash(body);
    let chain = std::str::from_utf8(body.get(..400.min(body.len()))?).ok()?;
    let (_, prev) = chain.split_once("\"prev\":\"")?;
    let (prev, rest) = prev.split_once("\",\"seq\":")?;
    let (number, _) = rest.split_once(',')?;
    let follows = prev == hex(before) && number.parse() == Ok(seq);
    (follows && hash.to_hex()[..] == *text.as_bytes()).then(|| Link {
        seq,
        hash: *hash.as_bytes(),
    })
}

fn hex(hash: [u8; 32]) -> String {
    counterfoil_core::Digest::from_bytes(hash).to_string()
}
