//! Reading records of which somebody has shown that they are the ones that were sealed.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::slice;

use counterfoil::anchor::Anchor;
use counterfoil::audit::verify::{Report, Verdict, VerifyOptions, verify_path};
use counterfoil::audit::{AuditRecord, verify_chain};
use counterfoil::{Clock as _, Digest, Head, SystemClock};
use counterfoil_query::{Next, Source};

use crate::Result;

/// A log that verifies up to an anchored head.
#[derive(Debug)]
pub struct VerifiedLog {
    log: PathBuf,
    head: Head,
    report: Report,
}

/// How far somebody vouches for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "a record lies up to the head or beyond it"
)]
pub enum Vouched {
    /// The anchored head covers it.
    Anchored,
    /// It lies in the tail beyond the head: consistent, and vouched for by nobody yet.
    Tail,
}

impl VerifiedLog {
    /// Verifies the log directory `log` against the anchor in the file `anchor`, with the judge of `counterfoil verify`.
    ///
    /// # Errors
    /// When the verdict is anything but VALID, with the first thing that is wrong. A log of which something is missing is not
    /// billed: what is missing may be the end of a lease.
    pub fn open(log: &Path, anchor: &Path) -> Result<Self> {
        let text = fs::read(anchor)
            .map_err(|error| format!("cannot read the anchor in {}: {error}", anchor.display()))?;
        let head = Anchor::from_json(&text)?;
        let mut options = VerifyOptions::new();
        options.head = Some((&head).into());
        options.now = SystemClock::new().utc();
        let report = verify_path(log, &options);
        let why = report.failures.first().map(ToString::to_string);
        match (report.verdict, &report.trusted) {
            (Verdict::Valid, Some(head)) => Ok(Self {
                log: log.to_owned(),
                head: head.clone(),
                report,
            }),
            (verdict, _) => Err(format!(
                "nothing is billed from {}: the log is {verdict}: {}; see counterfoil verify",
                log.display(),
                why.unwrap_or_default()
            )
            .into()),
        }
    }

    /// The head that it was verified up to.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head.clone()
    }

    /// What the verification found.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// Gives every record in its order, with how far it is vouched for.
    ///
    /// The file could have been changed since it was verified, so hashes and links are looked at again while it is read: the chain
    /// has to arrive at the verified head.
    ///
    /// # Errors
    /// When the log is not what was verified.
    pub fn each(&self, mut take: impl FnMut(&AuditRecord, Vouched)) -> Result<()> {
        let mut source = Source::open(&self.log)?;
        let mut before: Option<Digest> = None;
        let mut met = false;
        loop {
            let record = match source.read()? {
                Next::Record(record) => record,
                // A line that is being written comes next time.
                Next::End | Next::Unfinished { .. } => break,
                Next::Malformed { place, why } => {
                    return Err(self.changed(format!("{place}: {why}")));
                }
            };
            let prev = before.unwrap_or_else(|| record.prev());
            verify_chain(slice::from_ref(&*record), prev).map_err(|error| self.changed(error))?;
            if record.seq() == self.head.seq {
                if record.hash() != self.head.hash {
                    return Err(self.changed("it arrives at another head"));
                }
                met = true;
            }
            let beyond = record.seq() > self.head.seq;
            take(
                &record,
                if beyond {
                    Vouched::Tail
                } else {
                    Vouched::Anchored
                },
            );
            before = Some(record.hash());
        }
        if met {
            Ok(())
        } else {
            Err(self.changed("it does not reach the head"))
        }
    }

    fn changed(&self, why: impl ToString) -> Box<dyn Error + Send + Sync> {
        format!(
            "{} is not what was verified a moment ago: {}; verify it again",
            self.log.display(),
            why.to_string()
        )
        .into()
    }
}
