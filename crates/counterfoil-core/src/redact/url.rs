//! Users and passwords in URLs, webhooks, and e-mail addresses.

use super::scan::{Scan, decode};
use super::shape::Shape;

/// How far a password with characters that do not belong into a URL is looked for.
const MAX_USERINFO: usize = 256;
/// Longest local part and longest domain of an address (RFC 5321).
const MAX_LOCAL: usize = 64;
const MAX_DOMAIN: usize = 255;

/// Addresses whose path is the secret.
const WEBHOOKS: [&[u8]; 4] = [
    b"hooks.slack.com/services/",
    b"discord.com/api/webhooks/",
    b"discordapp.com/api/webhooks/",
    b"api.telegram.org/bot",
];

impl Scan<'_> {
    /// Whether the colon at `at` is that of `://`, also percent-encoded.
    pub(super) fn begins_authority(&self, at: usize, len: usize) -> bool {
        let rest = &self.bytes[at + len..];
        if len == 1 {
            return rest.starts_with(b"//") && self.bytes[at] == b':';
        }
        matches!(decode(self.bytes, at), Some((b':', _))) && self.slashes(at + len) > 0
    }

    /// The length of `//`, percent-encoded.
    fn slashes(&self, at: usize) -> usize {
        match decode(self.bytes, at) {
            Some((b'/', len)) if self.byte(at) == Some(b'%') => {
                match decode(self.bytes, at + len) {
                    Some((b'/', more)) if self.byte(at + len) == Some(b'%') => len + more,
                    _ => 0,
                }
            }
            _ => 0,
        }
    }

    /// Behind the colon of `://`.
    pub(super) fn authority(&mut self, at: usize) {
        if !self.looks_for(Shape::Url) {
            return;
        }
        let encoded = self.slashes(at);
        let from = at + if encoded > 0 { encoded } else { 2 };
        let end = match encoded {
            0 => self.userinfo_end(from),
            _ => self.encoded_userinfo_end(from),
        };
        if let Some(end) = end {
            self.hit(from..end);
        }
        let host = self.done.max(from);
        let host = host + usize::from(self.byte(host) == Some(b'@'));
        for webhook in WEBHOOKS {
            if self.bytes[host..].starts_with(webhook) {
                let path = host + webhook.len();
                self.hit(path..path + self.run_of(path, usize::MAX, |b| !ends_url(b)));
            }
        }
    }

    /// Where the `@` behind user and password is.
    fn userinfo_end(&self, from: usize) -> Option<usize> {
        let len = self.run_of(from, usize::MAX, |b| {
            !ends_url(b) && !matches!(b, b'/' | b'?' | b'#' | b'@')
        });
        match self.byte(from + len) {
            Some(b'@') => {
                // The last one counts: an unescaped password may have others.
                let more = self.run_of(from + len, MAX_USERINFO, |b| {
                    !ends_url(b) && !matches!(b, b'/' | b'?' | b'#')
                });
                self.last_at(from + len, more)
            }
            // `user:pa/ss@host`: what follows the colon is no port.
            Some(b'/' | b'?' | b'#') if !self.is_host(from, len) => {
                let more = self.run_of(from, MAX_USERINFO, |b| !ends_url(b) && b != b',');
                self.last_at(from, more)
            }
            _ => None,
        }
    }

    fn last_at(&self, from: usize, len: usize) -> Option<usize> {
        let found = self.bytes[from..from + len]
            .iter()
            .rposition(|b| *b == b'@');
        found.map(|at| from + at)
    }

    /// A name with at most a port.
    fn is_host(&self, from: usize, len: usize) -> bool {
        let host = &self.bytes[from..from + len];
        let colon = host.iter().position(|b| *b == b':');
        colon.is_none_or(|at| host[0] == b'[' || host[at + 1..].iter().all(u8::is_ascii_digit))
    }

    fn encoded_userinfo_end(&self, from: usize) -> Option<usize> {
        let mut at = from;
        while at < self.bytes.len().min(from + MAX_USERINFO) {
            match self.bytes[at] {
                b'%' => match decode(self.bytes, at) {
                    Some((b'@', _)) => return Some(at),
                    Some((b'/' | b'?' | b'#' | b'&', _)) => return None,
                    _ => {}
                },
                b'&' => return None,
                b if ends_url(b) => return None,
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// At `@`, which takes `len` bytes.
    pub(super) fn email(&mut self, at: usize, len: usize) {
        if !self.looks_for(Shape::Email) {
            return;
        }
        let local = self.run_before(at, MAX_LOCAL, is_local);
        let from = at + len;
        let domain = self.run_of(from, MAX_DOMAIN, |b| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-') || !b.is_ascii()
        });
        let domain = &self.bytes[from..from + domain];
        let end = domain
            .iter()
            .rposition(|b| b.is_ascii_alphanumeric() || !b.is_ascii());
        let domain = &domain[..end.map_or(0, |end| end + 1)];
        let Some(dot) = domain.iter().rposition(|b| *b == b'.') else {
            return;
        };
        let top = &domain[dot + 1..];
        if local > 0
            && dot > 0
            && top.len() >= 2
            && top.iter().any(|b| b.is_ascii_alphabetic() || !b.is_ascii())
        {
            self.hit(at - local..from + domain.len());
        }
    }
}

const fn is_local(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'%' | b'+' | b'-')
}

const fn ends_url(b: u8) -> bool {
    b <= b' ' || b == 0x7f || matches!(b, b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\')
}
