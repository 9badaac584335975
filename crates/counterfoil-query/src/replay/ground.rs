//! What an answer stands on: the verification of the log, and whether what was read is what was verified.

use std::fmt;
use std::path::Path;

use counterfoil_audit::AuditRecord;
use counterfoil_audit::verify::{Report, Verdict, VerifyOptions, verify_path};
use counterfoil_core::{Digest, Head};

use super::uncertainty::Uncertainties;
use crate::source::Source;
use crate::{Error, Next};

/// How far a statement is vouched for. A statement that rests on several records stands as the weakest of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever overlooks one of them claims more than is known"
)]
pub enum Standing {
    /// The log did not verify, or the record does not link to the end that was verified.
    NotVerified,
    /// It verified, and no trusted head covers the record yet: whoever can write the log could still replace it.
    NotAnchoredYet,
    /// The trusted head covers the record.
    Anchored,
}

impl Standing {
    /// The words for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotVerified => "not verified",
            Self::NotAnchoredYet => "not anchored yet",
            Self::Anchored => "anchored",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an answer stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ground {
    /// What the verification found; its verdict and its exit code are those of the answer.
    pub report: Report,
    /// The first of the records that were read and link, one to the next, to the verified end of the log.
    linked_from: Option<u64>,
}

impl Ground {
    /// How far record `seq` is vouched for.
    #[must_use]
    pub fn standing(&self, seq: u64) -> Standing {
        let report = &self.report;
        let judged = matches!(report.verdict, Verdict::Valid | Verdict::Incomplete);
        let end = report.end.as_ref().map_or(0, |end| end.seq);
        let linked = self.linked_from.is_some_and(|from| seq >= from) && seq <= end;
        match &report.trusted {
            _ if !judged || report.hash_only || !linked => Standing::NotVerified,
            // The head's own record is not there, so nothing ties these records to it.
            Some(head) if head.seq > end => Standing::NotVerified,
            Some(head) if seq <= head.seq => Standing::Anchored,
            _ => Standing::NotAnchoredYet,
        }
    }

    /// Number of the last record of the log as it was verified.
    #[must_use]
    pub fn end(&self) -> Option<u64> {
        self.report.end.as_ref().map(|end| end.seq)
    }
}

/// Verifies the log at `path`, then reads what was verified once, giving `take` each record.
pub(super) fn read(
    path: &Path,
    options: &VerifyOptions<'_>,
    mut take: impl FnMut(&AuditRecord),
) -> Result<(Ground, Uncertainties), Error> {
    let report = verify_path(path, options);
    let mut link = Link::default();
    let mut uncertain = Uncertainties::default();
    let mut source = Source::open(path)?;
    loop {
        match source.read()? {
            Next::Record(record) => {
                link.take(&record, report.end.as_ref());
                uncertain.take(&record);
                take(&record);
                // What a writer adds meanwhile was not verified.
                if report.last_seq.is_some_and(|last| record.seq() >= last) {
                    break;
                }
            }
            Next::Malformed { place, .. } => uncertain.unreadable(place),
            Next::Unfinished { .. } | Next::End => break,
        }
    }
    uncertain.end();
    let ground = Ground {
        linked_from: link.linked_from,
        report,
    };
    Ok((ground, uncertain))
}

/// Follows the chain while it is read, for the file may be another one by now.
#[derive(Debug, Default)]
struct Link {
    /// Where the run of linked records begins that is being read.
    run_from: u64,
    last: Option<(u64, Digest)>,
    linked_from: Option<u64>,
}

impl Link {
    fn take(&mut self, record: &AuditRecord, end: Option<&Head>) {
        if !record.is_intact() {
            self.last = None;
            return;
        }
        if self.last != Some((record.seq() - 1, record.prev())) {
            self.run_from = record.seq();
        }
        self.last = Some((record.seq(), record.hash()));
        let is_end = end.is_some_and(|end| {
            end.seq == record.seq() && end.hash == record.hash() && &end.chain == record.chain()
        });
        if is_end {
            self.linked_from = Some(self.run_from);
        }
    }
}
