//! Places in a body by JSON pointer (RFC 6901).

use counterfoil_core::Digest;

const OPEN: &[u8] = b"{\"$erasable\":\"";
const LEN: usize = OPEN.len() + 64 + 2;

/// A commitment in a body, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commitment {
    pub(crate) pointer: String,
    pub(crate) digest: Digest,
}

/// The commitments in `body`, in the order in which they stand there. The body scanner has accepted it, so nothing is checked
/// again; other bytes give some answer and no panic.
pub(crate) fn commitments(body: &[u8]) -> Vec<Commitment> {
    let mut found = Vec::new();
    let mut walk = Walk {
        rest: body,
        pointer: String::new(),
        found: &mut |pointer, value| {
            found.extend(digest(value).map(|digest| Commitment {
                pointer: pointer.to_owned(),
                digest,
            }));
        },
    };
    walk.value();
    found
}

/// Whether `bytes` hold a commitment anywhere, which most bodies do not: a search for the key that only commitments may have.
pub(crate) fn may_hold_commitment(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, OPEN).is_some()
}

/// The commitment that `value` is.
fn digest(value: &[u8]) -> Option<Digest> {
    let digits = value.strip_prefix(OPEN)?.strip_suffix(b"\"}")?;
    Digest::from_hex(digits)
}

/// Goes through canonical JSON.
struct Walk<'a, 'f> {
    rest: &'a [u8],
    pointer: String,
    found: &'f mut dyn FnMut(&str, &'a [u8]),
}

impl<'a> Walk<'a, '_> {
    fn value(&mut self) {
        match self.rest.first() {
            Some(b'"') => drop(self.string()),
            Some(b'{') if self.rest.starts_with(OPEN) => {
                let value = self.take(LEN);
                (self.found)(&self.pointer, value);
            }
            Some(b'{') => self.members(b'}', |walk, _| {
                let key = walk.string();
                walk.take(1);
                key
            }),
            Some(b'[') => self.members(b']', |_, index| index.to_string().into_bytes()),
            _ => {
                let end = |b: &u8| matches!(b, b',' | b'}' | b']');
                let len = self.rest.iter().position(end).unwrap_or(self.rest.len());
                self.take(len);
            }
        }
    }

    fn members(&mut self, end: u8, token: impl Fn(&mut Self, usize) -> Vec<u8>) {
        self.take(1);
        for index in 0.. {
            match self.rest.first() {
                None => return,
                Some(b) if *b == end => {
                    self.take(1);
                    return;
                }
                Some(b',') => drop(self.take(1)),
                Some(_) => {}
            }
            let token = token(self, index);
            let len = self.pointer.len();
            self.descend(&token);
            self.value();
            self.pointer.truncate(len);
        }
    }

    /// Keys are of ASCII without escapes.
    fn descend(&mut self, token: &[u8]) {
        self.pointer.push('/');
        for byte in token {
            match byte {
                b'~' => self.pointer.push_str("~0"),
                b'/' => self.pointer.push_str("~1"),
                plain => self.pointer.push(char::from(*plain)),
            }
        }
    }

    /// What stands between the quotes.
    fn string(&mut self) -> Vec<u8> {
        let bytes = self.rest;
        let mut end = 1;
        while end < bytes.len() && bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        let whole = self.take(end + 1);
        whole.get(1..end).unwrap_or_default().to_vec()
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(body: &str) -> Vec<String> {
        assert_eq!(
            may_hold_commitment(body.as_bytes()),
            !commitments(body.as_bytes()).is_empty()
        );
        commitments(body.as_bytes())
            .into_iter()
            .map(|found| found.pointer)
            .collect()
    }

    #[test]
    fn commitments_are_found_in_members_items_and_behind_odd_text() {
        let x = format!("{{\"$erasable\":\"{}\"}}", "ab".repeat(32));
        let body = format!(
            "{{\"a\":[1,{x},[true,{x}]],\"b\":{{}},\"c\":\"]}},\\\"{{\",\"d/e~\":{{\"f\":{x}}},\"g\":-1,\"h\":{x}}}"
        );
        assert_eq!(places(&body), ["/a/1", "/a/2/1", "/d~1e~0/f", "/h"]);
    }

    #[test]
    fn text_that_looks_like_a_commitment_is_none() {
        assert!(places(r#"{"a":"{\"$erasable\":\"00\"}"}"#).is_empty());
        assert!(places(r#"{"a":{"$truncated":{"bytes":"1","sha256":"00"}}}"#).is_empty());
    }

    #[test]
    fn no_bytes_make_it_panic_or_run_on() {
        let body = br#"{"a":[1,{"$erasable":"00"},"x\"#;
        for cut in 0..body.len() {
            commitments(&body[..cut]);
        }
    }
}
