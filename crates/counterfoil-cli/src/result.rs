//! Results on standard output.

use std::io::{self, Write};

use serde::Serialize;

use crate::failure::{Exit, Failure};

/// Writes a result. A reader that went away has all that it wanted, so that is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush())).map(|_| ())
}

/// Whether anybody still reads standard output; fails when it cannot be written for another reason.
pub(crate) fn written(outcome: io::Result<()>) -> Result<bool, Failure> {
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(
            Exit::Unreadable,
            format!("cannot write to standard output: {error}"),
        )),
    }
}

/// A JSON document, indented, with a line feed at its end.
pub(crate) fn json(document: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(document)
        .map(|text| text + "\n")
        .map_err(|error| Failure::new(Exit::Contradiction, format!("the result cannot be written as JSON: {error}; this is a defect, please report it")))
}
