//! What is wrong, bounded.

use std::path::Path;

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

    pub(crate) const fn none() -> Self {
        Self {
            file: None,
            offset: 0,
        }
    }
}

/// The list of failures, and their number.
#[derive(Debug)]
pub(crate) struct Findings {
    failures: Vec<Failure>,
    most: usize,
    total: u64,
    verdict: Verdict,
}

impl Findings {
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            failures: Vec::new(),
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
        detail: String,
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
            self.failures.push(Failure {
                reason,
                position,
                file: place.file.map(|file| file.display().to_string()),
                offset: place.file.map(|_| place.offset),
                detail,
            });
        }
    }

    /// A failure at a position, in no line that is there.
    pub(crate) fn position(&mut self, reason: Reason, position: u64, detail: String) {
        self.add(reason, Some(position), &Place::none(), detail);
    }

    /// A failure of the log as a whole.
    pub(crate) fn log(&mut self, reason: Reason, detail: String) {
        self.add(reason, None, &Place::none(), detail);
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
        (self.failures, self.total)
    }
}
