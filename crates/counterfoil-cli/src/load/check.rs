//! Whether everything that was acknowledged is there, once: judged by the verifier, from the files or from what the API gives.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use counterfoil::audit::intake::Intake;
use counterfoil::audit::verify::{GivenHead, Reason, Report, VerifyOptions, verify_path};
use counterfoil::{Clock as _, SystemClock};

use super::LoadArgs;
use super::producer::Producer;
use super::remote::{Answer, Reader, Remote, text_of};
use crate::failure::Failure;

/// Where what was acknowledged is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The collector's own interface.
    Api,
    /// The collector's data directory.
    Data(PathBuf),
}

impl std::str::FromStr for Place {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "api" => Self::Api,
            path => Self::Data(path.into()),
        })
    }
}

/// What a check found.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// Chains with an acknowledged record that verify up to it.
    pub(super) valid: u64,
    /// Records that were judged.
    pub(super) records: u64,
    /// Chains that do not verify, each with the reason.
    pub(super) failures: Vec<(String, String)>,
}

impl Checked {
    fn note(&mut self, producer: &Producer, found: Result<u64, String>) {
        match found {
            Ok(records) => {
                self.valid += 1;
                self.records += records;
            }
            Err(why) => self.failures.push((producer.id().to_string(), why)),
        }
    }
}

/// Checks every chain of which anything was acknowledged.
pub(super) fn check(
    place: &Place,
    producers: &[Producer],
    args: &LoadArgs,
) -> Result<Checked, Failure> {
    let (remote, reader) = (Remote::new(args)?, Reader::new(args)?);
    let mut checked = Checked::default();
    for producer in producers.iter().filter(|it| it.acknowledged.0 > 0) {
        let found = match place {
            Place::Api => through_the_api(producer, &remote, &reader),
            Place::Data(data) => in_files(producer, data),
        };
        checked.note(producer, found);
    }
    Ok(checked)
}

/// Verifies the chain's log with the acknowledged head as the trusted one. It names every record before it by hash, and no
/// checkpoint need be over just that head, so no key is asked for.
fn in_files(producer: &Producer, data: &Path) -> Result<u64, String> {
    let log = log_dir(producer, data)?;
    let head = producer.acknowledged_head().ok_or("nothing to check")?;
    let mut options = VerifyOptions::new();
    options.head = Some(GivenHead::from(head));
    options.now = SystemClock::new().utc();
    options.jobs = thread::available_parallelism().map_or(1, usize::from);
    let report = verify_path(&log, &options);
    if report.exit_code() == 0 || is_all_but_let_go(&report, producer.acknowledged.0) {
        return Ok(report.records);
    }
    let failure = report.failures.first().map_or_else(
        || format!("{} records are missing", report.missing),
        |failure| failure.detail.clone(),
    );
    Err(format!("{} in {}", failure, log.display()))
}

/// Whether nothing is wrong but that the beginning is not there: a collector's retention lets go of the oldest segments, and no
/// record of the chain itself can say so.
fn is_all_but_let_go(report: &Report, acknowledged: u64) -> bool {
    report
        .failures
        .iter()
        .all(|failure| failure.reason == Reason::Absent)
        && matches!(report.missing_ranges[..], [range] if range.first == 1 && range.last < acknowledged)
        && report.last_seq.is_some_and(|last| last >= acknowledged)
}

/// The chain's directory, whichever tenant has it.
fn log_dir(producer: &Producer, data: &Path) -> Result<PathBuf, String> {
    let name = producer.id().as_str().replace('/', "=");
    let tenants = data.join("tenants");
    let entries =
        fs::read_dir(&tenants).map_err(|error| format!("{}: {error}", tenants.display()))?;
    entries
        .flatten()
        .map(|tenant| tenant.path().join("chains").join(&name))
        .find(|log| log.is_dir())
        .ok_or_else(|| format!("no tenant in {} has it", tenants.display()))
}

/// Reads every record through the collector's interface and judges them as a collector would.
fn through_the_api(producer: &Producer, remote: &Remote, reader: &Reader) -> Result<u64, String> {
    let (acknowledged, hash) = producer.acknowledged;
    match remote.head(producer.id()) {
        Answer::Acknowledged(seq, _) if seq < acknowledged => {
            return Err(format!(
                "record {acknowledged} was acknowledged, and the collector ends with {seq}"
            ));
        }
        Answer::Acknowledged(..) => {}
        Answer::Refused(refused) => return Err(text_of(&refused)),
        Answer::None(why) => return Err(why),
    }
    let keys = Arc::new(producer.keys().ok_or("its key cannot be used")?);
    let mut intake = Intake::new(producer.id().clone(), keys, None);
    while intake.seq() < acknowledged {
        let lines = reader.records(producer.id(), intake.seq())?;
        let most = (acknowledged - intake.seq()) as usize;
        let offered = intake.offer(first_lines(&lines, most));
        if let Some(refused) = offered.refused {
            return Err(refused.to_string());
        }
        if offered.records == 0 {
            return Err(format!(
                "the collector gives no record behind {}",
                intake.seq()
            ));
        }
    }
    if intake.hash() != Some(hash) {
        return Err(format!(
            "record {acknowledged} is another one than was acknowledged"
        ));
    }
    Ok(intake.seq())
}

/// The first `most` lines.
fn first_lines(lines: &[u8], most: usize) -> &[u8] {
    let mut ends = lines.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    ends.nth(most - 1).map_or(lines, |(end, _)| &lines[..=end])
}
