//! The policy that comes with the crate.

use std::fmt;
use std::sync::{Arc, LazyLock};

use super::fold::Folded;
use super::key::Patterns;
use super::scan::Scan;
use super::settings::RedactionSettings;
use super::shape::Shape;
use super::{Redact, deny};
use crate::{Error, Pseudonym, REDACTED};

/// Makes pseudonyms of principals under a key, so that whoever holds the key finds a person again and nobody else can try
/// identities out. `PseudonymKey::of_tenant` in `counterfoil-audit` gives one.
pub trait Pseudonymise: fmt::Debug + Send + Sync + 'static {
    /// The pseudonym of `principal`: always the same under the same key.
    fn pseudonym(&self, principal: &str) -> Pseudonym;
}

/// Knows secrets by their keys and by their shape, and replaces them by [`REDACTED`]. Cheap to clone.
///
/// The default denies passwords, tokens, keys, cookies, payment ids, e-mail addresses and user names by key, and
/// [every shape](Shape) in free text; a builder adds and takes away. Case and separators of keys do not matter, letters that
/// only look Latin count as Latin, and `%6f` and `\u006f` as what they stand for.
///
/// Text in which nothing is found costs some tenths of a nanosecond a byte and no allocation. No text takes more time than in
/// proportion to its length.
///
/// ```
/// use counterfoil_core::{Redact, Redactor};
///
/// let redactor = Redactor::builder().deny("*_licence")?.allow("page_token")?.build();
/// assert_eq!(
///     redactor.redact("login of alice@example.com with password=hunter2 took 5 ms").as_deref(),
///     Some("login of [REDACTED] with password=[REDACTED] took 5 ms"),
/// );
/// assert_eq!(redactor.redact_value("userLicence", "a-b-c").as_deref(), Some("[REDACTED]"));
/// assert_eq!(redactor.redact("lease 7 was renewed on node-a"), None);
/// # Ok::<(), counterfoil_core::Error>(())
/// ```
///
/// A value under the key `principal` becomes a pseudonym where a [`Pseudonymise`] was given, and [`REDACTED`] otherwise; one
/// that has the form of a pseudonym already is kept.
#[derive(Clone)]
pub struct Redactor {
    rules: Arc<Rules>,
}

/// Adds to the default policy, and takes away from it.
#[derive(Clone, Debug)]
#[must_use]
pub struct RedactorBuilder {
    rules: Rules,
}

/// Changes nothing: the choice of whoever must see everything, made by name so that a review finds it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unredacted;

#[derive(Clone, Debug)]
pub(super) struct Rules {
    denied: Patterns,
    allowed: Patterns,
    query: Patterns,
    labels: Patterns,
    principals: Patterns,
    numbers: Patterns,
    /// Prefixes of tokens that a deployment knows of.
    pub(super) prefixes: Vec<Box<[u8]>>,
    /// Bits of the shapes that are not looked for.
    kept: u8,
    pseudonyms: Option<Arc<dyn Pseudonymise>>,
}

/// What a key says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is secret.
    Denied,
    /// It names one who acts.
    Principal,
    /// It is an id or a figure, and no card number.
    Number,
    /// Nothing: look at the value.
    Open,
}

/// Whether the default policy finds something in `text`.
pub(crate) fn has_shape_of_secret(text: &str) -> bool {
    DEFAULT.redact(text).is_some()
}

static DEFAULT: LazyLock<Redactor> = LazyLock::new(|| Redactor::builder().build());

impl Redactor {
    /// The default policy.
    #[must_use]
    pub fn new() -> Self {
        DEFAULT.clone()
    }

    /// Begins with the default policy.
    pub fn builder() -> RedactorBuilder {
        RedactorBuilder {
            rules: Rules {
                denied: Patterns::of(deny::DENIED),
                allowed: Patterns::of(deny::ALLOWED),
                query: Patterns::of(deny::QUERY),
                labels: Patterns::of(deny::LABELS),
                principals: Patterns::of(deny::PRINCIPAL),
                numbers: Patterns::of(deny::NUMBERS),
                prefixes: Vec::new(),
                kept: 0,
                pseudonyms: None,
            },
        }
    }

    fn scan(&self, text: &str, kept: u8) -> Option<String> {
        Scan::new(text, &self.rules, self.rules.kept | kept).run()
    }

    fn principal(&self, value: &str) -> Option<String> {
        if is_pseudonym(value) {
            return None;
        }
        let pseudonyms = self.rules.pseudonyms.as_ref();
        Some(pseudonyms.map_or_else(
            || REDACTED.to_owned(),
            |key| key.pseudonym(value).to_string(),
        ))
    }
}

impl RedactorBuilder {
    /// Denies keys. In `pattern` a `*` stands for any letters and digits; case and separators do not matter. It is held against
    /// the whole key, each part of its path, and each two parts that follow each other.
    ///
    /// # Errors
    /// When the pattern has no letter or digit, has more than 160 between two stars, or is the 4 097th.
    pub fn deny(mut self, pattern: &str) -> Result<Self, Error> {
        self.rules.denied.add(pattern)?;
        Ok(self)
    }

    /// Keeps the values of keys that would be denied. The pattern is held against the whole key. What has the shape of a
    /// secret is replaced all the same.
    ///
    /// # Errors
    /// As for [`deny`](Self::deny).
    pub fn allow(mut self, pattern: &str) -> Result<Self, Error> {
        self.rules.allowed.add(pattern)?;
        Ok(self)
    }

    /// No longer looks for this shape.
    pub const fn keep(mut self, shape: Shape) -> Self {
        self.rules.kept |= shape.bit();
        self
    }

    /// Knows a word of at least 20 characters that begins with `prefix` for a token, as issuers of tokens recommend.
    ///
    /// # Errors
    /// When the prefix is shorter than 3 or longer than 32 characters, or has others than letters, digits, `_` and `-`.
    pub fn token_prefix(mut self, prefix: &str) -> Result<Self, Error> {
        let of_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if !(3..=32).contains(&prefix.len()) || !prefix.bytes().all(of_word) {
            return Err(Error::invalid(
                "read the prefix of a token",
                format!("{prefix:?} is not 3 to 32 letters, digits, _ and -"),
            ));
        }
        self.rules.prefixes.push(prefix.as_bytes().into());
        Ok(self)
    }

    /// Makes pseudonyms of principals with this key.
    pub fn pseudonyms(mut self, key: impl Pseudonymise) -> Self {
        self.rules.pseudonyms = Some(Arc::new(key));
        self
    }

    /// Everything that a configuration file says.
    ///
    /// # Errors
    /// When one of its entries is refused; the message quotes it.
    pub fn settings(mut self, settings: &RedactionSettings) -> Result<Self, Error> {
        for pattern in &settings.deny {
            self = self.deny(pattern)?;
        }
        for pattern in &settings.allow {
            self = self.allow(pattern)?;
        }
        for shape in &settings.keep {
            self = self.keep(shape.parse()?);
        }
        for prefix in &settings.token_prefixes {
            self = self.token_prefix(prefix)?;
        }
        Ok(self)
    }

    /// Makes the redactor.
    #[must_use]
    pub fn build(self) -> Redactor {
        Redactor {
            rules: Arc::new(self.rules),
        }
    }
}

impl Rules {
    pub(super) fn verdict(&self, key: &str) -> Verdict {
        let Some(key) = Folded::of(key) else {
            // No name of a field is that long, so nobody has said that its value may be shown.
            return Verdict::Denied;
        };
        if self.denied.cover(&key) && !self.allowed.cover_whole(&key) {
            Verdict::Denied
        } else if self.principals.cover(&key) {
            Verdict::Principal
        } else if self.numbers.cover(&key) {
            Verdict::Number
        } else {
            Verdict::Open
        }
    }

    /// Whether a value under `key` within a text is taken out.
    pub(super) fn denies(&self, key: &str) -> bool {
        Folded::of(key).is_none_or(|key| {
            self.denied.cover(&key) && !self.allowed.cover_whole(&key)
                || self.principals.cover(&key)
        })
    }

    /// Whether the value of this parameter of a URL is secret, beyond what the key says elsewhere.
    pub(super) fn denies_in_query(&self, key: &str) -> bool {
        Folded::of(key).is_some_and(|key| self.query.cover(&key) && !self.allowed.cover_whole(&key))
    }

    fn denies_label(&self, key: &str) -> bool {
        Folded::of(key).is_some_and(|key| self.labels.cover_whole(&key))
    }
}

impl Redact for Redactor {
    fn redact(&self, text: &str) -> Option<String> {
        self.scan(text, 0)
    }

    fn redact_value(&self, key: &str, value: &str) -> Option<String> {
        if value.is_empty() || value == REDACTED {
            return None;
        }
        match self.rules.verdict(key) {
            Verdict::Denied => Some(REDACTED.to_owned()),
            Verdict::Principal => self.principal(value),
            Verdict::Number => self.scan(value, Shape::Card.bit()),
            Verdict::Open => self.scan(value, 0),
        }
    }

    fn redact_label(&self, key: &str, value: &str) -> Option<String> {
        if !value.is_empty() && value != REDACTED && self.rules.denies_label(key) {
            return Some(REDACTED.to_owned());
        }
        self.redact_value(key, value)
    }
}

impl Redact for Unredacted {
    fn redact(&self, _text: &str) -> Option<String> {
        None
    }

    fn redact_value(&self, _key: &str, _value: &str) -> Option<String> {
        None
    }

    fn redact_label(&self, _key: &str, _value: &str) -> Option<String> {
        None
    }
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

/// `p-` and 32 hexadecimal digits: what a key has made of a principal already.
fn is_pseudonym(value: &str) -> bool {
    value.strip_prefix("p-").is_some_and(|digits| {
        digits.len() == 32
            && digits
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}
