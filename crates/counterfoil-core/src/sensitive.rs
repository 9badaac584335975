//! Values that must not leave the process.

use std::fmt;

/// What stands in the place of a value that was taken out. The structure around it is kept.
pub const REDACTED: &str = "[REDACTED]";

/// A value that prints as [`REDACTED`] wherever it is formatted, and is only had by asking for it by name.
///
/// ```
/// use counterfoil_core::Sensitive;
/// let token = Sensitive::new("s3cret".to_owned());
/// assert_eq!(format!("{token} {token:?}"), "[REDACTED] [REDACTED]");
/// assert_eq!(token.expose(), "s3cret");
/// ```
#[derive(Clone, Default)]
pub struct Sensitive<T>(T);

impl<T> Sensitive<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Every call of this is a place to look at in a review.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T> fmt::Display for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}
