//! What the commands that show records have in common.

use std::io::Write as _;

use counterfoil::audit::Text;

use crate::escape::Escaped;
use crate::failure::{Exit, Failure};

/// A text of a record, or what stands in for it.
pub(super) fn text(text: &Text) -> String {
    match text {
        Text::Plain(text) => text.clone(),
        Text::Truncated(truncated) => {
            format!("<{} bytes, sha256 {}>", truncated.bytes, truncated.sha256)
        }
        Text::Erasable(digest) => format!("<erasable {digest}>"),
        // No record that was read holds one.
        Text::Forgettable(_) => counterfoil::REDACTED.to_owned(),
    }
}

/// Why no more is shown than what came before a line that is no record.
pub(super) fn malformed(place: &str, why: &str) -> Failure {
    Failure::new(
        Exit::Unreadable,
        format!(
            "cannot read {place}: {why}; run `counterfoil verify` on the log to see all that is wrong with it"
        ),
    )
}

/// Says that the last line was left out.
pub(super) fn note_unfinished(place: &str) {
    note(&format!(
        "{place} has no end yet and was left out; a writer may be at work"
    ));
}

/// Says something beside the records.
pub(super) fn note(text: &str) {
    let _nobody_reads = writeln!(anstream::stderr(), "note: {}", Escaped(text));
}
