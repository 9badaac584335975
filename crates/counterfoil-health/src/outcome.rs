//! What a check found.

use std::fmt;

use crate::Status;

/// A number that a check or the service shows: how full, how late, how many.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Figure {
    /// Lower-case words joined by underscores, such as `used`; unique within its check.
    pub name: &'static str,
    /// The value. Documents write `null` for what is no finite number.
    pub value: f64,
    /// UCUM unit (`s`, `By`, `1` for a ratio) or an annotation in the singular (`{record}`), as metrics have it.
    pub unit: &'static str,
}

impl Figure {
    /// A figure.
    #[must_use]
    pub const fn new(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value, unit }
    }
}

/// What a check found: a status, a sentence when it is not healthy, and figures.
///
/// A check that can only succeed or fail may return a `Result`, of which an error counts as unhealthy:
///
/// ```
/// use counterfoil_health::{Outcome, Status};
/// let failed: Result<(), std::io::Error> = Err(std::io::ErrorKind::ConnectionRefused.into());
/// let outcome = Outcome::from(failed);
/// assert_eq!((outcome.status(), outcome.message()), (Status::Unhealthy, Some("connection refused")));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Outcome {
    status: Status,
    message: Option<String>,
    figures: Vec<Figure>,
}

impl Outcome {
    /// The most figures that are kept of one outcome; further ones are left out.
    pub const MAX_FIGURES: usize = 16;
    /// The longest message that is kept, in bytes; a longer one is cut and says so.
    pub const MAX_MESSAGE: usize = 512;

    /// All is well.
    pub const fn healthy() -> Self {
        Self::new(Status::Healthy, None)
    }

    /// It works, and somebody should look at it: `message` says at what.
    pub fn degraded(message: impl Into<String>) -> Self {
        Self::new(Status::Degraded, Some(message.into()))
    }

    /// It does not work: `message` says what, and what to do.
    pub fn unhealthy(message: impl Into<String>) -> Self {
        Self::new(Status::Unhealthy, Some(message.into()))
    }

    /// The check could not find out: `message` says why.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::new(Status::Unknown, Some(message.into()))
    }

    /// Shows a figure beside the status.
    pub fn with(mut self, figure: Figure) -> Self {
        if self.figures.len() < Self::MAX_FIGURES {
            self.figures.push(figure);
        }
        self
    }

    /// Shows these figures beside the status.
    pub fn with_all(self, figures: impl IntoIterator<Item = Figure>) -> Self {
        figures.into_iter().fold(self, Self::with)
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// What there is to say about it.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The figures, in the order in which they were added.
    #[must_use]
    pub fn figures(&self) -> &[Figure] {
        &self.figures
    }

    pub(crate) fn into_parts(self) -> (Status, Option<String>, Vec<Figure>) {
        (self.status, self.message, self.figures)
    }

    const fn new(status: Status, message: Option<String>) -> Self {
        Self {
            status,
            message,
            figures: Vec::new(),
        }
    }
}

impl<E: fmt::Display> From<Result<(), E>> for Outcome {
    fn from(result: Result<(), E>) -> Self {
        result.map_or_else(
            |error| Self::unhealthy(error.to_string()),
            |()| Self::healthy(),
        )
    }
}

impl<E: fmt::Display> From<Result<Self, E>> for Outcome {
    fn from(result: Result<Self, E>) -> Self {
        result.unwrap_or_else(|error| Self::unhealthy(error.to_string()))
    }
}
