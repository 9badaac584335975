//! The C2SP signed note, version 1: a text with signature lines under it.
//!
//! ```text
//! <text, any number of lines>
//!
//! — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1T…
//! ```
//!
//! Specification: <https://c2sp.org/signed-note>. Where it leaves a choice this module is strict: base64 has one spelling per
//! value, a text with a control character is refused, and no key is given a name with one. Signers that nobody here knows may
//! have any name that the specification allows.

mod key;
mod signed;

pub use key::{KeyId, KeyType, VerifierKey, check_key_name};
pub use signed::{Judgement, NoteRejected, NoteSignature, SignedNote};

use crate::Error;

/// Longest note, signatures included, in bytes.
pub const MAX_NOTE_LEN: usize = 1_000_000;
/// Most signature lines in one note.
pub const MAX_SIGNATURES: usize = 100;

/// Refuses what no line of a note may hold: a byte below 0x20 other than the line feed.
pub(crate) fn check_text(operation: &'static str, text: &str) -> Result<(), Error> {
    match text.bytes().position(|byte| byte < 0x20 && byte != b'\n') {
        None => Ok(()),
        Some(at) => Err(Error::invalid(
            operation,
            format!(
                "byte {at} is the control character 0x{:02x}; a note holds none but the line feed",
                text.as_bytes()[at]
            ),
        )),
    }
}
