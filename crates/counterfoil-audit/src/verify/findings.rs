//! What is wrong, bounded.

use std::path::Path;

use super::cause::{self, Cause, MAX_SEARCHES};
use super::reason::{Reason, Verdict};
use super::report::Failure;

/// Room for what concerns the log as a whole, however many lines failed before.
const RESERVED: usize = 16;

/// Where in which file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    file: Option<&'a Path>,
    offset: u64,
}

impl<'a> Place<'a> {
    pub(crate) const fn new(file: &'a Path, offset: u64) -> Self {
        Self {
            file: Some(file),
            offset,
        }
    }

    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) const fn none() -> Self {
        Self {
            file: None,
            offset: 0,
        }
    }
}

/// What is wrong, in words, and the two values that differ where there are two.
#[derive(Debug)]
pub(crate) struct Detail {
    text: String,
    expected: Option<String>,
    found: Option<String>,
    cause: Option<Cause>,
}

impl Detail {
    pub(crate) fn differs(
        text: impl Into<String>,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        Self {
            expected: Some(expected.to_string()),
            found: Some(found.to_string()),
            ..text.into().into()
        }
    }

    /// The same with a cause that the place of the finding knows.
    pub(crate) fn because(self, cause: Option<Cause>) -> Self {
        Self { cause, ..self }
    }
}

impl From<String> for Detail {
    fn from(text: String) -> Self {
        Self {
            text,
            expected: None,
            found: None,
            cause: None,
        }
    }
}

/// The list of failures, and their number.
#[derive(Debug)]
pub(crate) struct Findings {
    failures: Vec<Failure>,
    /// Whether lines are looked into for what happened to them.
    diagnose: bool,
    /// Lines that were searched for what happened to them.
    searches: u32,
    most: usize,
    total: u64,
    verdict: Verdict,
}

impl Findings {
    pub(crate) const fn new(most: usize, diagnose: bool) -> Self {
        Self {
            failures: Vec::new(),
            diagnose,
            searches: 0,
            most,
            total: 0,
            verdict: Verdict::Valid,
        }
    }

    /// A failure at a place in a file.
    pub(crate) fn add(
        &mut self,
        reason: Reason,
        position: Option<u64>,
        place: &Place<'_>,
        detail: impl Into<Detail>,
    ) {
        self.total += 1;
        self.verdict = self.verdict.max(reason.verdict());
        let about_the_whole = matches!(
            reason,
            Reason::Head
                | Reason::Root
                | Reason::Key
                | Reason::Unreadable
                | Reason::NoHead
                | Reason::Absent
                | Reason::Tail
                | Reason::Empty
        );
        let room = self.most + if about_the_whole { RESERVED } else { 0 };
        if self.failures.len() < room {
            let detail = detail.into();
            self.failures.push(Failure {
                reason,
                position,
                file: place.file.map(|file| file.display().to_string()),
                offset: place.file.map(|_| place.offset),
                detail: detail.text,
                expected: detail.expected,
                found: detail.found,
                cause: detail.cause,
            });
        }
    }

    /// A failure of a line whose bytes may say what happened to it.
    pub(crate) fn line(
        &mut self,
        reason: Reason,
        position: u64,
        place: &Place<'_>,
        detail: impl Into<Detail>,
        line: &[u8],
    ) {
        // What is not listed is not looked into either.
        let listed = self.diagnose && self.failures.len() < self.most;
        let cause = listed.then(|| cause::of_line(line, self.searches < MAX_SEARCHES));
        self.searches += u32::from(listed);
        let detail = detail.into().because(cause.flatten());
        self.add(reason, Some(position), place, detail);
    }

    /// A failure at a position, in no line that is there.
    pub(crate) fn position(&mut self, reason: Reason, position: u64, detail: impl Into<Detail>) {
        self.add(reason, Some(position), &Place::none(), detail);
    }

    /// A failure of the log as a whole.
    pub(crate) fn log(&mut self, reason: Reason, detail: impl Into<Detail>) {
        self.add(reason, None, &Place::none(), detail);
    }

    /// The first failure of the line that was judged last, in the order of audit specification §12; then there are none any more.
    pub(crate) fn take_first(&mut self) -> Option<Failure> {
        let failures = std::mem::take(&mut self.failures);
        self.total = 0;
        self.verdict = Verdict::Valid;
        failures.into_iter().min_by_key(|failure| failure.reason)
    }

    pub(crate) const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The failures, those that decide the verdict first and then in the order of positions, and how many there were.
    pub(crate) fn finish(mut self) -> (Vec<Failure>, u64) {
        self.failures.sort_by_key(|failure| {
            let verdict = std::cmp::Reverse(failure.reason.verdict());
            let position = failure.position.unwrap_or(u64::MAX);
            (verdict, position, failure.reason)
        });
        cause::infer(&mut self.failures);
        (self.failures, self.total)
    }
}
