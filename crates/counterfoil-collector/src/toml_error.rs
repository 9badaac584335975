//! What is wrong in a file of TOML, in one line.

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
