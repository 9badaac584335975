//! What a forger does to lines: changes a body and makes its hash anew, links a whole history anew, moves signatures.

use counterfoil_audit::AuditRecord;
use counterfoil_merkle::leaf_hash;
use counterfoil_signer::{Signer, record_message};

/// Length of what follows the body in a signed line, and in one that is not.
const SUFFIX: [usize; 2] = [76, 216];
/// Of a signed line's suffix: `"` and the member `sig`, up to the line feed.
const SIG: usize = 216 - 9 - 64;

pub(crate) fn is_signed(line: &[u8]) -> bool {
    line[line.len() - 3] == b'}'
}

pub(crate) fn body(line: &[u8]) -> &[u8] {
    &line[8..line.len() - SUFFIX[usize::from(is_signed(line))]]
}

/// The line with another body and the hash of that body; what stands behind the hash is kept.
pub(crate) fn with_body(line: &[u8], body: &[u8]) -> Vec<u8> {
    let suffix = SUFFIX[usize::from(is_signed(line))];
    let behind_hash = &line[line.len() - suffix + 9 + 64..];
    let hash = leaf_hash(body).to_hex();
    [b"{\"body\":", body, b",\"hash\":\"", &hash[..], behind_hash].concat()
}

/// The line with `old` in its body replaced once, and the hash made anew; `None` where `old` does not stand there.
pub(crate) fn edited(line: &[u8], old: &str, new: &str) -> Option<Vec<u8>> {
    let body = std::str::from_utf8(body(line)).unwrap();
    body.contains(old)
        .then(|| with_body(line, body.replacen(old, new, 1).as_bytes()))
}

/// Makes the links anew from index `from` on, so that nothing but a head, a signature or a memory can tell.
pub(crate) fn relink(lines: &mut [Vec<u8>], from: usize) {
    for index in from.max(1)..lines.len() {
        let before = leaf_hash(body(&lines[index - 1])).to_hex();
        let mut body = body(&lines[index]).to_vec();
        let at = find(&body, b"\"prev\":\"") + 8;
        body[at..at + 64].copy_from_slice(&before);
        lines[index] = with_body(&lines[index], &body);
    }
}

/// Another outcome than the one that was recorded, in line `index`, and every later line linked anew.
pub(crate) fn rewritten(lines: &[Vec<u8>], index: usize) -> Vec<Vec<u8>> {
    let mut lines = lines.to_vec();
    lines[index] = edited(
        &lines[index],
        "\"outcome\":\"success\"",
        "\"outcome\":\"failure\"",
    )
    .unwrap();
    relink(&mut lines, index + 1);
    lines
}

/// The line without its signature.
pub(crate) fn stripped(line: &[u8]) -> Vec<u8> {
    [&line[..line.len() - SIG], b"\"}\n"].concat()
}

/// The line with the signature of another.
pub(crate) fn with_signature_of(line: &[u8], other: &[u8]) -> Vec<u8> {
    [&line[..line.len() - SIG], &other[other.len() - SIG..]].concat()
}

/// The line signed by `key`, under the id of `claimed`.
pub(crate) fn signed_by(line: &[u8], key: &dyn Signer, claimed: &dyn Signer) -> Vec<u8> {
    use base64::Engine as _;
    let hash = leaf_hash(body(line));
    let signature = key.sign(&record_message(&hash)).unwrap().unwrap();
    let value = base64::engine::general_purpose::STANDARD.encode(signature);
    let id = claimed.verifier_key().unwrap().id();
    let sig =
        format!("\",\"sig\":{{\"alg\":\"ed25519\",\"key\":\"{id}\",\"value\":\"{value}\"}}}}\n");
    let unsigned = if is_signed(line) {
        stripped(line)
    } else {
        line.to_vec()
    };
    let signed = [&unsigned[..unsigned.len() - 3], sig.as_bytes()].concat();
    assert!(
        AuditRecord::parse(&signed).is_ok(),
        "the forgery is well formed"
    );
    signed
}

fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes
        .windows(what.len())
        .position(|window| window == what)
        .unwrap()
}
