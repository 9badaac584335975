//! What was found.

use std::path::PathBuf;

use super::rules::Rule;
use super::source::Mention;
use super::tokens::At;
use super::workspace::File;

/// Something that a rule forbids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    /// From the workspace's root.
    pub(super) file: PathBuf,
    pub(super) at: At,
    pub(super) rule: Rule,
    pub(super) package: usize,
    /// What is there, as a sentence.
    pub(super) message: String,
}

impl Finding {
    pub(super) fn new(rule: Rule, file: &File, at: At, message: String) -> Self {
        Self {
            file: file.path.clone(),
            at,
            rule,
            package: file.package,
            message,
        }
    }

    pub(super) fn of(rule: Rule, file: &File, mention: &Mention, message: String) -> Self {
        Self::new(rule, file, mention.at, message)
    }
}
