//! The next command after a finding.

use counterfoil::audit::verify::{Cause, Failure, Reason};

/// The command that brings a reader closer to what happened, ready to be pasted.
pub(super) fn command(failure: &Failure, log: &str) -> String {
    let log = quoted(log);
    let explain = || format!("counterfoil explain {}", failure.reason.code());
    match (failure.cause, failure.reason, &failure.file, failure.offset) {
        (Some(Cause::Reserialised), _, Some(file), _) => {
            let copy = quoted(&format!("{file}.canonical"));
            format!("counterfoil audit canonicalise {} -o {copy}", quoted(file))
        }
        (_, Reason::NoHead, ..) => format!("counterfoil verify {log} --anchor anchor.json"),
        (_, Reason::Key | Reason::Mode, ..) => {
            format!("counterfoil audit query {log} --kind log_opened --kind key_rotated")
        }
        // The line itself, to be held against another copy.
        (_, Reason::Hash | Reason::Link | Reason::Seq | Reason::Time, Some(file), Some(offset)) => {
            format!("tail -c +{} {} | head -n 1", offset + 1, quoted(file))
        }
        _ => explain(),
    }
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_space_or_a_quote_is_one_word_of_a_shell() {
        assert_eq!(quoted("demo/audit-1.jsonl"), "demo/audit-1.jsonl");
        assert_eq!(quoted("my log"), "'my log'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
