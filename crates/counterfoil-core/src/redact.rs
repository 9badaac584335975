//! What must not leave the process, and what stands in its place.
//!
//! [`Redactor`] is the policy that comes with the crate: a list of keys whose values are never shown, and shapes by which
//! secrets are known in any text. Engines, drains and exporters take any [`Redact`].

mod auth;
mod card;
mod deny;
mod fold;
mod key;
mod names;
mod pair;
mod pem;
mod records;
mod redactor;
mod scan;
mod settings;
mod shape;
mod token;
mod url;
mod value;

use std::fmt;
use std::sync::Arc;

pub use names::NameCheck;
pub(crate) use redactor::has_shape_of_secret;
pub use redactor::{Pseudonymise, Redactor, RedactorBuilder, Unredacted};
pub use settings::RedactionSettings;
pub use shape::Shape;

/// Decides what of a text may be kept. Engines call it in their drains, before text is hashed or formatted.
///
/// # Contract
/// - **Concurrency.** Called from any thread, several at a time; never from the caller of an instrument.
/// - **Blocking.** It must not block, and must take time in proportion to the text.
/// - **Idempotency.** It gives the same answer for the same text. What it has given may be given to it again.
/// - It replaces what it finds by [`REDACTED`](crate::REDACTED) and keeps the rest; it never leaves anything out.
///
/// [`Redactor`] is the implementation to take; [`Unredacted`] is the one that changes nothing.
pub trait Redact: fmt::Debug + Send + Sync + 'static {
    /// Free text with everything sensitive replaced, or `None` when it may stay as it is.
    fn redact(&self, text: &str) -> Option<String>;

    /// The same for a value that is known by a key: a field of a log line, an attribute of a span, a member of metadata.
    /// The key of a nested value is the path to it, its parts joined with dots: `user.password`.
    fn redact_value(&self, key: &str, value: &str) -> Option<String>;

    /// The same for a label of a metric, before it becomes a series. A label is kept for as long as metrics are.
    fn redact_label(&self, key: &str, value: &str) -> Option<String>;
}

macro_rules! delegate {
    ($($pointer:ident),+) => {$(
        impl<R: Redact + ?Sized> Redact for $pointer<R> {
            fn redact(&self, text: &str) -> Option<String> {
                (**self).redact(text)
            }

            fn redact_value(&self, key: &str, value: &str) -> Option<String> {
                (**self).redact_value(key, value)
            }

            fn redact_label(&self, key: &str, value: &str) -> Option<String> {
                (**self).redact_label(key, value)
            }
        }
    )+};
}
delegate!(Arc, Box);
