//! Every source file opens by saying what it is.

use super::{Config, Finding};
use crate::workspace::Workspace;

pub(super) fn check(workspace: &Workspace, _: &Config) -> Vec<Finding> {
    workspace
        .texts(".rs")
        .filter(|(path, _)| is_source(path))
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| {
            Finding::new(
                format!("{path}:1"),
                "does not open with a `//!` comment",
                "say in a sentence what is here",
            )
        })
        .collect()
}

/// `crates/<name>/src/**` and our own sources.
fn is_source(path: &str) -> bool {
    let mut parts = path.split('/');
    match parts.next() {
        Some("crates" | "examples") => parts.nth(1) == Some("src"),
        Some("xtask") => parts.next() == Some("src"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<Finding> {
        check(&Workspace::planted(&[(path, text)]), &Config::planted())
    }

    #[test]
    fn a_file_without_an_opening_comment_is_found() {
        for text in [
            "",
            "use std::fmt;\n//! Late.",
            "// Not a doc comment.",
            "//!\n//! A blank first line.",
        ] {
            assert_eq!(findings("crates/a/src/b.rs", text).len(), 1, "{text:?}");
        }
    }

    #[test]
    fn an_opening_comment_is_enough_and_tests_need_none() {
        assert_eq!(findings("crates/a/src/b.rs", "//! What is here.\n"), []);
        assert_eq!(findings("crates/a/tests/it/main.rs", "mod b;"), []);
    }
}
