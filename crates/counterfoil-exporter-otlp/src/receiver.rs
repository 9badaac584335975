//! What both transports say about the other end.

use counterfoil_core::REDACTED;
use counterfoil_exporter::{Error, ErrorKind};

use crate::target::Target;

pub(crate) const SEND: &str = "send to an OTLP receiver";

/// Longest answer that is read, in bytes. An answer is a number and a sentence.
pub(crate) const MAX_ANSWER: usize = 64 << 10;

/// Longest reason of a receiver that is repeated, in characters.
const MAX_REASON: usize = 200;

/// The other end.
pub(crate) struct Receiver<'a>(pub(crate) &'a Target);

impl Receiver<'_> {
    /// An error of this receiver; `context` goes on after its address.
    pub(crate) fn error(&self, kind: ErrorKind, context: &str) -> Error {
        Error::new(kind, SEND, format!("{} {context}", self.0.url))
    }

    /// The receiver's own reason for the end of a sentence: bounded, escaped, and without our headers, should it echo them.
    pub(crate) fn in_its_words(&self, reason: &str) -> String {
        let mut reason = reason.to_owned();
        for header in &self.0.headers {
            let whole = header.value.expose().as_str();
            // `Bearer s3cret` may come back without its scheme.
            let secrets = [whole, whole.split_once(' ').map_or("", |(_, token)| token)];
            for secret in secrets.into_iter().filter(|it| !it.is_empty()) {
                reason = reason.replace(secret, REDACTED);
            }
        }
        let shown: String = reason.chars().take(MAX_REASON).collect();
        match shown.trim() {
            "" => String::new(),
            shown => format!(": {}", shown.escape_debug()),
        }
    }
}
