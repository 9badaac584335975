//! How a command ends when it does not succeed: one sentence on standard error, and a stable exit code.

use std::fmt;
use std::process::ExitCode;

/// The exit codes, which scripts rely on (audit specification §9). `0` is success; `3`, incomplete, is a verdict of `verify`
/// and no failure of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Something contradicts itself: a log was tampered with, or the demo's layers disagree.
    Contradiction = 1,
    /// The command line asks for something that cannot be done.
    Usage = 2,
    /// Something cannot be read or written.
    Unreadable = 4,
    /// A key or a policy is not met.
    Policy = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command could not do its work: what, where and what to do next, in one sentence.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    sentence: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self {
            exit,
            sentence: sentence.into(),
        }
    }

    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Usage, sentence)
    }

    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// An error and everything behind it, as one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
