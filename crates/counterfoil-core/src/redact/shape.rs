//! The shapes by which a secret is known in any text.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A form that a secret has wherever it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// A JSON web token, signed or encrypted.
    Jwt,
    /// A PEM block that is no certificate and no public key.
    Pem,
    /// A token with the prefix of its issuer: of AWS, Google, GitHub, GitLab, Slack, Stripe and others.
    Token,
    /// What follows `Bearer` or `Basic`.
    Authorization,
    /// The user and password of a URL, and the path of a webhook.
    Url,
    /// `key=value`, `key: value`, `"key": "value"`, `--key value` and `<key>value</key>` with a key that is denied.
    Pair,
    /// A payment card's number, by its issuer's prefix, its length and its check digit.
    Card,
    /// An e-mail address.
    Email,
}

impl Shape {
    /// Each of them.
    pub const ALL: [Self; 8] = [
        Self::Jwt,
        Self::Pem,
        Self::Token,
        Self::Authorization,
        Self::Url,
        Self::Pair,
        Self::Card,
        Self::Email,
    ];

    /// The shape in one word, as a configuration names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Pem => "pem",
            Self::Token => "token",
            Self::Authorization => "authorization",
            Self::Url => "url",
            Self::Pair => "pair",
            Self::Card => "card",
            Self::Email => "email",
        }
    }

    pub(super) const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Shape {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|shape| shape.as_str() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            Error::invalid(
                "read the shape of a secret",
                format!("{text:?} is none of {names}"),
            )
        })
    }
}
