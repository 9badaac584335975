//! The C2SP checkpoint, version 1: what a log says about its tree, as the text of a signed note.
//!
//! ```text
//! audit.example.com/leases/1
//! 20852163
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//! ```
//!
//! Specification: <https://c2sp.org/tlog-checkpoint>, audit specification §5. Parsing is strict: one text per value.

use counterfoil_core::Digest;

use crate::note::check_text;
use crate::{EMPTY_ROOT, Error, base64_text, decimal};

const PARSE: &str = "parse a checkpoint";
const MAKE: &str = "make a checkpoint";

/// Origin, size and root of a tree, and extension lines if there are any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Digest,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// States that the tree of `origin` (of a chain: its id) has this root at this size.
    ///
    /// # Errors
    /// When the origin is empty or more than one line, or a tree without leaves is given another root than [`EMPTY_ROOT`].
    pub fn new(origin: &str, size: u64, root: Digest) -> Result<Self, Error> {
        check_line(MAKE, "origin", origin)?;
        check_empty(MAKE, size, root)?;
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
            extensions: Vec::new(),
        })
    }

    /// Adds an extension line. C2SP advises against them: not every cosignature covers them.
    ///
    /// # Errors
    /// When the line is empty or more than one line.
    pub fn with_extension(mut self, line: &str) -> Result<Self, Error> {
        check_line(MAKE, "extension", line)?;
        self.extensions.push(line.to_owned());
        Ok(self)
    }

    /// Parses the text of a note.
    ///
    /// # Errors
    /// When the text is not exactly what [`to_text`](Self::to_text) would write.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |why: String| Error::invalid(PARSE, why);
        check_text(PARSE, text)?;
        let body = text
            .strip_suffix('\n')
            .ok_or_else(|| refuse("its last byte is not a line feed".to_owned()))?;
        let mut lines = body.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(refuse(
                "it has fewer than three lines (origin, size, root)".to_owned(),
            ));
        };
        check_line(PARSE, "origin", origin)?;
        let size = decimal::parse(size).ok_or_else(|| {
            refuse(format!(
                "the size {size:?} is no decimal number below 2^64 without leading zeros"
            ))
        })?;
        let root = base64_text::decode_digest(root).ok_or_else(|| {
            refuse(format!(
                "the root {root:?} is not 32 bytes of padded base64"
            ))
        })?;
        check_empty(PARSE, size, root)?;
        let mut extensions = Vec::new();
        for line in lines {
            check_line(PARSE, "extension", line)?;
            extensions.push(line.to_owned());
        }
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
            extensions,
        })
    }

    /// The text that is signed, with its final line feed.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = format!("{}\n{}\n", self.origin, self.size);
        base64_text::push(&mut out, self.root.as_bytes());
        out.push('\n');
        for line in &self.extensions {
            out.push_str(line);
            out.push('\n');
        }
        out
    }

    /// Whose tree it is; compared byte for byte. Of a chain: its id.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many leaves the tree has. Of a chain: the sequence number of the last record.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The tree's root.
    #[must_use]
    pub const fn root(&self) -> Digest {
        self.root
    }

    /// The lines behind the root.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

fn check_line(operation: &'static str, what: &str, line: &str) -> Result<(), Error> {
    if line.is_empty() {
        return Err(Error::invalid(
            operation,
            format!("an {what} line is empty"),
        ));
    }
    if line.contains('\n') {
        return Err(Error::invalid(
            operation,
            format!("the {what} {line:?} is more than one line"),
        ));
    }
    check_text(operation, line)
}

fn check_empty(operation: &'static str, size: u64, root: Digest) -> Result<(), Error> {
    if size == 0 && root != EMPTY_ROOT {
        return Err(Error::contradictory(
            operation,
            format!("a tree of size 0 has the root {EMPTY_ROOT}, not {root}"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

    #[test]
    fn what_was_parsed_is_written_back_byte_for_byte() {
        for text in [
            format!("example.com/log\n20852163\n{ROOT}\n"),
            format!("example.com/log\n18446744073709551615\n{ROOT}\none\ntwo more\n"),
            "go.sum database tree\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n".to_owned(),
        ] {
            assert_eq!(Checkpoint::parse(&text).unwrap().to_text(), text);
        }
    }

    #[test]
    fn every_other_spelling_is_refused_and_the_message_says_why() {
        for (text, says) in [
            (String::new(), "line feed"),
            (format!("o\n1\n{ROOT}"), "line feed"),
            ("o\n1\n".to_owned(), "fewer than three"),
            (format!("\n1\n{ROOT}\n"), "origin line is empty"),
            (format!("o\n01\n{ROOT}\n"), "leading zeros"),
            (format!("o\n+1\n{ROOT}\n"), "leading zeros"),
            (format!("o\n\n{ROOT}\n"), "leading zeros"),
            (format!("o\n0x1\n{ROOT}\n"), "leading zeros"),
            (format!("o\n18446744073709551616\n{ROOT}\n"), "below 2^64"),
            (format!("o\n0\n{ROOT}\n"), "size 0"),
            (
                "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n".to_owned(),
                "32 bytes",
            ),
            (format!("o\n1\n{}\n", &ROOT[..43]), "32 bytes"),
            ("o\n1\nAAAA\n".to_owned(), "32 bytes"),
            (format!("o\n1\n{ROOT}\n\n"), "extension line is empty"),
            (format!("o\r\n1\n{ROOT}\n"), "0x0d"),
        ] {
            let message = Checkpoint::parse(&text).unwrap_err().to_string();
            assert!(message.contains(says), "{text:?}: {message}");
        }
    }

    #[test]
    fn nothing_that_breaks_a_line_gets_into_a_checkpoint() {
        let root = Digest::ZERO;
        assert!(Checkpoint::new("a\nb", 1, root).is_err());
        assert!(Checkpoint::new("", 1, root).is_err());
        assert!(Checkpoint::new("a", 0, root).is_err());
        let one = Checkpoint::new("a", 1, root).unwrap();
        assert!(one.clone().with_extension("").is_err());
        assert!(one.with_extension("x\n\ny").is_err());
    }
}
