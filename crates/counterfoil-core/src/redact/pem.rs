//! PEM blocks (RFC 7468), and command-line flags, which begin with dashes as well.

use super::scan::Scan;
use super::shape::Shape;

const DASHES: &[u8] = b"-----";
/// Longest label, in bytes.
const MAX_LABEL: usize = 64;
/// What a block may hold and be shown.
const PUBLIC: [&str; 4] = ["CERTIFICATE", "PUBLIC KEY", "CRL", "REQUEST"];

impl Scan<'_> {
    /// At a dash.
    pub(super) fn dashes(&mut self, at: usize) {
        let follows = self.byte_before(at);
        if self.byte(at + 1) != Some(b'-') || follows == Some(b'-') {
            return;
        }
        if !self.bytes[at..].starts_with(DASHES) {
            let within_word = follows.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !within_word {
                self.flag(at);
            }
            return;
        }
        if self.looks_for(Shape::Pem) {
            self.block(at);
        }
    }

    fn block(&mut self, at: usize) {
        let line = &self.bytes[at + DASHES.len()..];
        if let Some(label) = line.strip_prefix(b"BEGIN ").and_then(label) {
            if is_secret(label) {
                self.hit(at..self.end_of_block(at + DASHES.len()));
            }
        } else if let Some(label) = line.strip_prefix(b"END ").and_then(label)
            && is_secret(label)
        {
            // The text begins within the block.
            let end = at + DASHES.len() + b"END ".len() + label.len() + DASHES.len();
            let body = self.run_before(at, usize::MAX, is_body);
            self.hit(at - body..end);
        }
    }

    /// Behind the dashes that end the block; without them a part of the key may be anywhere in the rest.
    fn end_of_block(&self, from: usize) -> usize {
        let end = self.text[from..]
            .find("-----END ")
            .map(|at| from + at + DASHES.len());
        end.and_then(|end| Some(end + self.text[end..].find("-----")? + DASHES.len()))
            .unwrap_or(self.bytes.len())
    }
}

/// A label and the dashes behind it.
fn label(text: &[u8]) -> Option<&[u8]> {
    let len = text
        .iter()
        .take(MAX_LABEL)
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b' ')
        .count();
    text[len..].starts_with(DASHES).then_some(&text[..len])
}

fn is_secret(label: &[u8]) -> bool {
    !PUBLIC
        .iter()
        .any(|public| label.ends_with(public.as_bytes()))
}

/// Base64 and line breaks, also escaped.
const fn is_body(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'\n' | b'\r' | b'\\')
}
