//! Files of TOML: their text, and what is wrong in them in one line.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The text of a file that is shorter than `most` bytes. A longer one is refused: its rest would be left out without a word.
pub(crate) fn text_of(path: &Path, most: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(most).read_to_string(&mut text)?;
    if text.len() as u64 == most {
        return Err(io::Error::other(format!("it is larger than {most} bytes")));
    }
    Ok(text)
}

/// The line and what is wrong there. The line itself is not quoted, as it may be long, or none of the reader's business.
pub(crate) fn in_one_line(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().trim_end().replace('\n', ", ");
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => {
            let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
            format!("line {line}: {message}")
        }
        None => message,
    }
}
