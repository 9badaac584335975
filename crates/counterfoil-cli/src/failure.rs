//! How a command ends when it does not succeed: one sentence on standard error, a stable code and a stable exit code.

use std::fmt;
use std::process::ExitCode;

/// The exit codes, which scripts rely on (audit specification §9). `0` is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Something contradicts itself: a log was tampered with, or the demo's layers disagree.
    Contradiction = 1,
    /// The command line asks for something that cannot be done.
    Usage = 2,
    /// Less is there than was asked for.
    Incomplete = 3,
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

/// What went wrong, finer than the exit code; `counterfoil explain` has a text for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Contradiction,
    Usage,
    Incomplete,
    Unreadable,
    Policy,
    Log,
    Anchor,
    Key,
    KeyFile,
    State,
    Collector,
}

impl Code {
    /// Every code.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 11] = [
        Self::Contradiction,
        Self::Usage,
        Self::Incomplete,
        Self::Unreadable,
        Self::Policy,
        Self::Log,
        Self::Anchor,
        Self::Key,
        Self::KeyFile,
        Self::State,
        Self::Collector,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Contradiction => "CF-C-CONTRADICTION",
            Self::Usage => "CF-C-USAGE",
            Self::Incomplete => "CF-C-INCOMPLETE",
            Self::Unreadable => "CF-C-UNREADABLE",
            Self::Policy => "CF-C-POLICY",
            Self::Log => "CF-C-LOG",
            Self::Anchor => "CF-C-ANCHOR",
            Self::Key => "CF-C-KEY",
            Self::KeyFile => "CF-C-KEY-FILE",
            Self::State => "CF-C-STATE",
            Self::Collector => "CF-C-COLLECTOR",
        }
    }

    /// The exit code that goes with it, always the same.
    pub(crate) const fn exit(self) -> Exit {
        match self {
            Self::Contradiction => Exit::Contradiction,
            Self::Usage => Exit::Usage,
            Self::Incomplete => Exit::Incomplete,
            Self::Unreadable
            | Self::Log
            | Self::Anchor
            | Self::Key
            | Self::State
            | Self::Collector => Exit::Unreadable,
            Self::Policy | Self::KeyFile => Exit::Policy,
        }
    }
}

impl From<Exit> for Code {
    /// The code of failures that have no finer one.
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Contradiction => Self::Contradiction,
            Exit::Usage => Self::Usage,
            Exit::Incomplete => Self::Incomplete,
            Exit::Unreadable => Self::Unreadable,
            Exit::Policy => Self::Policy,
        }
    }
}

/// Why a command could not do its work: what, where and what to do next, in one sentence.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    sentence: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self {
            code: exit.into(),
            sentence: sentence.into(),
        }
    }

    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Usage, sentence)
    }

    /// The same failure under a finer code, and with the exit code of that.
    pub(crate) fn with_code(self, code: Code) -> Self {
        Self { code, ..self }
    }

    pub(crate) const fn exit(&self) -> Exit {
        self.code.exit()
    }

    pub(crate) const fn code(&self) -> Code {
        self.code
    }
}

impl From<counterfoil_query::Error> for Failure {
    fn from(error: counterfoil_query::Error) -> Self {
        use counterfoil_query::ErrorKind;
        match error.kind() {
            ErrorKind::Invalid => Self::usage(error.to_string()),
            _ => Self::new(Exit::Unreadable, error.to_string()).with_code(Code::Log),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// An error and everything behind it, as one line. What an error says in its own text already is not said again.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::{fmt, io};

    use super::chain;

    #[derive(Debug)]
    struct Wrapped(&'static str, Option<Box<dyn Error>>);

    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref()
        }
    }

    #[test]
    fn what_an_error_repeats_of_its_source_is_said_once() {
        let source = Wrapped(
            "the port is taken",
            Some(Box::new(io::Error::other("in use"))),
        );
        let error = Wrapped("cannot start: the port is taken", Some(Box::new(source)));
        assert_eq!(chain(&error), "cannot start: the port is taken: in use");
    }
}
