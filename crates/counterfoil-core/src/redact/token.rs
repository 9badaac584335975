//! Tokens that are known by their prefix, and JSON web tokens.

use super::scan::Scan;
use super::shape::Shape;

/// A shorter word is no token.
const MIN_WORD: usize = 16;
/// Length of a token under a prefix that a deployment knows of.
const MIN_OWN: usize = 20;
/// How far before a dot a prefix is looked for.
const MAX_DOTTED: usize = 8;
/// Shortest second part of a JSON web token that is looked at.
const MIN_PART: usize = 4;

/// A prefix, how many characters follow it at least and at most, and which.
struct Issued(&'static [u8], usize, usize, fn(u8) -> bool);

const ANY: usize = usize::MAX;

/// By issuer, as they document it.
const ISSUED: &[Issued] = &[
    // AWS: keys of users and of sessions; session tokens.
    Issued(b"AKIA", 16, 16, is_upper),
    Issued(b"ASIA", 16, 16, is_upper),
    Issued(b"ABIA", 16, 16, is_upper),
    Issued(b"ACCA", 16, 16, is_upper),
    Issued(b"IQoJb3JpZ2lu", 40, ANY, is_base64),
    Issued(b"FwoGZXIvYXdz", 40, ANY, is_base64),
    Issued(b"FQoGZXIvYXdz", 40, ANY, is_base64),
    // Google: API keys, access tokens, client secrets.
    Issued(b"AIza", 35, 35, is_word),
    Issued(b"ya29.", 20, ANY, is_base64),
    Issued(b"GOCSPX-", 20, ANY, is_word),
    // GitHub and GitLab.
    Issued(b"ghp_", 30, ANY, is_alnum),
    Issued(b"gho_", 30, ANY, is_alnum),
    Issued(b"ghu_", 30, ANY, is_alnum),
    Issued(b"ghs_", 30, ANY, is_alnum),
    Issued(b"ghr_", 30, ANY, is_alnum),
    Issued(b"github_pat_", 30, ANY, is_word),
    Issued(b"glpat-", 20, ANY, is_base64),
    Issued(b"gldt-", 20, ANY, is_word),
    Issued(b"glrt-", 20, ANY, is_word),
    Issued(b"glcbt-", 20, ANY, is_word),
    Issued(b"glptt-", 20, ANY, is_word),
    Issued(b"glsoat-", 20, ANY, is_word),
    // Slack.
    Issued(b"xoxa-", 10, ANY, is_word),
    Issued(b"xoxb-", 10, ANY, is_word),
    Issued(b"xoxe-", 10, ANY, is_word),
    Issued(b"xoxe.xox", 10, ANY, is_word),
    Issued(b"xoxp-", 10, ANY, is_word),
    Issued(b"xoxr-", 10, ANY, is_word),
    Issued(b"xoxs-", 10, ANY, is_word),
    Issued(b"xapp-", 10, ANY, is_word),
    // Stripe: secret and restricted keys, webhook secrets, and ids of customers and payments.
    Issued(b"sk_live_", 10, ANY, is_alnum),
    Issued(b"sk_test_", 10, ANY, is_alnum),
    Issued(b"rk_live_", 10, ANY, is_alnum),
    Issued(b"rk_test_", 10, ANY, is_alnum),
    Issued(b"whsec_", 16, ANY, is_base64),
    Issued(b"cus_", 14, ANY, is_alnum),
    Issued(b"pi_", 20, ANY, is_word),
    Issued(b"pm_", 20, ANY, is_alnum),
    Issued(b"ch_", 20, ANY, is_alnum),
    Issued(b"seti_", 20, ANY, is_word),
    // Others.
    Issued(b"sk-proj-", 20, ANY, is_word),
    Issued(b"sk-svcacct-", 20, ANY, is_word),
    Issued(b"sk-ant-", 20, ANY, is_word),
    Issued(b"sk-", 32, ANY, is_alnum),
    Issued(b"SK", 32, 32, is_hex),
    Issued(b"SG.", 40, ANY, is_base64),
    Issued(b"key-", 32, 32, is_hex),
    Issued(b"npm_", 36, ANY, is_alnum),
    Issued(b"pypi-AgEI", 40, ANY, is_word),
    Issued(b"dop_v1_", 64, 64, is_hex),
    Issued(b"doo_v1_", 64, 64, is_hex),
    Issued(b"dckr_pat_", 20, ANY, is_word),
    Issued(b"dapi", 32, 32, is_hex),
    Issued(b"hvs.", 20, ANY, is_word),
    Issued(b"hvb.", 20, ANY, is_word),
    Issued(b"hvr.", 20, ANY, is_word),
    Issued(b"hf_", 30, ANY, is_alnum),
    Issued(b"shpat_", 32, ANY, is_alnum),
    Issued(b"shpss_", 32, ANY, is_alnum),
    Issued(b"lin_api_", 30, ANY, is_alnum),
    Issued(b"glsa_", 30, ANY, is_word),
    Issued(b"glc_", 30, ANY, is_base64),
    Issued(b"sntrys_", 30, ANY, is_base64),
    Issued(b"AGE-SECRET-KEY-1", 50, ANY, is_upper),
];

/// Whether some prefix begins with a byte.
static BEGINS: [bool; 256] = {
    let mut begins = [false; 256];
    let mut at = 0;
    while at < ISSUED.len() {
        begins[ISSUED[at].0[0] as usize] = true;
        at += 1;
    }
    begins
};

impl Scan<'_> {
    /// At a byte within a long word.
    pub(super) fn word(&mut self, at: usize) {
        let start = at
            - self
                .run_before(at, ANY, is_word)
                .min(at - self.words.min(at));
        let end = at + self.run_of(at, ANY, is_word);
        self.words = end;
        if end - start < MIN_WORD {
            return;
        }
        let dotted = match self.byte_before(start) {
            // `ya29.`, `SG.`: the dot belongs to the prefix.
            Some(b'.') => self.run_before(start, MAX_DOTTED, |b| is_alnum(b) || b == b'.'),
            _ => 0,
        };
        let start = self.behind_escape(start - dotted);
        let mut within = false;
        for at in start..end {
            // A token begins a word, or a part of one.
            let begins = !within;
            within = is_alnum(self.bytes[at]);
            if begins && within && at >= self.done {
                self.token(at, end);
            }
        }
    }

    fn token(&mut self, at: usize, end: usize) {
        let len = self
            .looks_for(Shape::Jwt)
            .then(|| self.jwt(at, end))
            .flatten()
            .or_else(|| self.looks_for(Shape::Token).then(|| self.issued(at))?);
        if let Some(len) = len {
            self.hit(at..at + len);
        }
    }

    /// `eyJ…` is the base64 of `{"`: two parts of that kind with dots, and perhaps more.
    fn jwt(&self, at: usize, end: usize) -> Option<usize> {
        let begins = self.bytes[at..].starts_with(b"eyJ") && self.byte(end) == Some(b'.');
        // From each place in a word the same second part is looked at, so only its beginning may be.
        if !begins || self.run_of(end + 1, MIN_PART, is_word) < MIN_PART {
            return None;
        }
        let mut end = end;
        while self.byte(end) == Some(b'.') {
            end += 1;
            end += self.run_of(end, ANY, is_word);
        }
        Some(end + self.run_of(end, 2, |b| b == b'=') - at)
    }

    fn issued(&self, at: usize) -> Option<usize> {
        let rest = &self.bytes[at..];
        let known = BEGINS[usize::from(rest[0])].then(|| {
            let token = |it: &Issued| {
                let Issued(prefix, least, most, of) = it;
                let tail = rest.strip_prefix(*prefix)?;
                let tail = &tail[..tail.len().min(most.saturating_add(1))];
                let len = tail.iter().position(|b| !of(*b)).unwrap_or(tail.len());
                // A longer word is none with a fixed length.
                let ends = *most == ANY || tail.get(len).is_none_or(|b| !is_alnum(*b));
                ((*least..=*most).contains(&len) && ends).then_some(prefix.len() + len)
            };
            ISSUED.iter().find_map(token)
        });
        known.flatten().or_else(|| {
            let own = self.rules.prefixes.iter();
            let is_own = own.clone().any(|prefix| rest.starts_with(prefix));
            is_own
                .then(|| self.run_of(at, ANY, is_word))
                .filter(|len| *len >= MIN_OWN)
        })
    }

    /// Behind `%3D`, `\n`, `\u003d` or a colour, which would pass for the beginning of the word.
    fn behind_escape(&self, start: usize) -> usize {
        match self.byte_before(start) {
            Some(b'%') => start + 2,
            Some(b'\\') if self.byte(start) == Some(b'u') => start + 5,
            Some(b'\\') => start + 1,
            Some(b'[') if start > 1 && self.bytes[start - 2] == 0x1b => {
                let digits = self.run_of(start, 8, |b| b.is_ascii_digit());
                start + digits + 1
            }
            Some(b';') if self.run_of(start, 4, |b| b.is_ascii_digit()) > 0 => {
                let digits = self.run_of(start, 4, |b| b.is_ascii_digit());
                match self.byte(start + digits) {
                    Some(b'm') => start + digits + 1,
                    _ => start,
                }
            }
            _ => start,
        }
    }
}

const fn is_alnum(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}

const fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')
}

const fn is_upper(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

const fn is_hex(b: u8) -> bool {
    b.is_ascii_hexdigit()
}

/// Of both alphabets of base64, with padding and its percent-encoding, and the dots between parts.
const fn is_base64(b: u8) -> bool {
    is_word(b) || matches!(b, b'+' | b'/' | b'=' | b'%' | b'.')
}
