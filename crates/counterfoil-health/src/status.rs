//! How things stand, in one word.

use std::fmt;

/// How things stand. A later one is worse, so the worst of several is their maximum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the words are part of the document, and pages must show each"
)]
pub enum Status {
    /// It works.
    Healthy,
    /// It works, and somebody should look at it.
    Degraded,
    /// Nobody knows: it was not checked yet, or the last result is too old to be believed.
    #[default]
    Unknown,
    /// It does not work.
    Unhealthy,
}

impl Status {
    /// Every status, the best first.
    pub const ALL: [Self; 4] = [
        Self::Healthy,
        Self::Degraded,
        Self::Unknown,
        Self::Unhealthy,
    ];

    /// The word, as documents and metrics have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unknown => "unknown",
            Self::Unhealthy => "unhealthy",
        }
    }

    /// Whether requests may be sent to what is in this state: a degraded service still works, an unknown one has yet to show
    /// that it does.
    #[must_use]
    pub const fn is_serving(self) -> bool {
        matches!(self, Self::Healthy | Self::Degraded)
    }

    /// A mark for people, which differs in shape and not only in colour.
    pub(crate) const fn icon(self) -> char {
        match self {
            Self::Healthy => '✓',
            Self::Degraded => '▲',
            Self::Unknown => '?',
            Self::Unhealthy => '✗',
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
