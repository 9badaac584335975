//! What a verification found.

use std::fmt;
use std::time::Duration;

use counterfoil_core::Head;

use super::reason::{Reason, Verdict};
use crate::SrcId;
use crate::body::json::JsonOut;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What kind of thing.
    pub reason: Reason,
    /// The record's position in the log: its line, counted from the number in the segment's name, or from 1 in a file by
    /// itself. `None` where the log as a whole fails.
    pub position: Option<u64>,
    /// The file.
    pub file: Option<String>,
    /// Where the line begins in the file, in bytes.
    pub offset: Option<u64>,
    /// What was found, and what was expected.
    pub detail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "record {position}: ")?,
            None => f.write_str("log: ")?,
        }
        write!(f, "{} ({})", self.detail, self.reason)?;
        if let Some(file) = &self.file {
            write!(f, ", in {file}")?;
            if let Some(offset) = self.offset {
                write!(f, " at byte {offset}")?;
            }
        }
        Ok(())
    }
}

/// Whether everything that was offered is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the set is fixed by version 1 of the format"
)]
pub enum Completeness {
    /// Every number of the lane has its record.
    Complete,
    /// Declared losses fill the gaps.
    Lossy,
    /// The producer never closed.
    Unknown,
}

impl Completeness {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "COMPLETE",
            Self::Lossy => "LOSSY",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was found of one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaneReport {
    /// The lane.
    pub src: SrcId,
    /// Largest number seen.
    pub last_n: u64,
    /// Numbers declared lost.
    pub declared_lost: u64,
    /// Numbers missing and not declared.
    pub missing: u64,
    /// The verdict.
    pub completeness: Completeness,
}

/// The records beyond the trusted head: consistent, and vouched for by nobody yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tail {
    /// How many.
    pub records: u64,
    /// Age of the oldest of them.
    pub age: Option<Duration>,
    /// Bytes of a line that has no end yet; a writer may be at work.
    pub unfinished_bytes: u64,
}

/// What was found of the erasable values of a log (audit specification §9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erasables {
    /// Commitments in the records.
    pub commitments: u64,
    /// Whether the log's folder `openings/` was there. It never is with a copy, and then openings are not judged: the figures
    /// below are 0.
    pub openings_present: bool,
    /// Openings that make the commitment in their record.
    pub opened: u64,
    /// Commitments whose opening was destroyed, as an `erased` record says.
    pub erased: u64,
    /// Commitments whose opening is absent although no record says why.
    pub missing: u64,
}

/// What a verification found: two verdicts, and everything that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What was verified, as it was named.
    pub log: String,
    /// Lines that were judged.
    pub records: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// The trusted head that was verified against, the largest if several were given.
    pub trusted: Option<Head>,
    /// The head that the log ends with, where its last line states one.
    pub end: Option<Head>,
    /// Records that the trusted head vouches for and the log does not have.
    pub missing: u64,
    /// What lies beyond the trusted head.
    pub tail: Tail,
    /// Completeness of the log: the worst of its lanes. `None` when only hashes were judged.
    pub completeness: Option<Completeness>,
    /// Every lane, in the order of their names.
    pub lanes: Vec<LaneReport>,
    /// What was found of erasable values. `None` when there are none, and when only hashes were judged.
    pub erasables: Option<Erasables>,
    /// Whether the grammar of bodies was left out.
    pub hash_only: bool,
    /// Signatures of records that a given key verified.
    pub signatures_verified: u64,
    /// Signatures of records by keys that nobody gave.
    pub signatures_not_checked: u64,
    /// The names of the given keys that signed the trusted head.
    pub signed_by: Vec<String>,
    /// Rotations of the log key that lead from a given key to the one that counts now.
    pub rotations_followed: u64,
    /// The key epoch that the log ends in; `None` where there are no epochs or nobody knows.
    pub epoch: Option<u64>,
    /// What is wrong: first what decides the verdict, each in the order of positions; at most as many as asked for, and a few
    /// more that concern the log as a whole.
    pub failures: Vec<Failure>,
    /// How many things are wrong.
    pub failures_total: u64,
    /// The verdict on integrity.
    pub verdict: Verdict,
}

impl Report {
    /// The exit code of audit specification §13.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        self.verdict.exit_code()
    }
}

impl fmt::Display for Erasables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "erasable values: {} commitments, ", self.commitments)?;
        if self.openings_present {
            write!(
                f,
                "{} opened, {} erased, {} openings missing",
                self.opened, self.erased, self.missing
            )
        } else {
            f.write_str("openings not checked: there is no folder openings/")
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.verdict, self.log)?;
        match (&self.trusted, self.verdict) {
            (Some(head), Verdict::Valid) => writeln!(
                f,
                ", {} records, verified to record {} of {}",
                self.records, head.seq, head.chain
            )?,
            _ => writeln!(f, ", {} records read", self.records)?,
        }
        if let Some(completeness) = self.completeness {
            let lost: u64 = self.lanes.iter().map(|lane| lane.declared_lost).sum();
            writeln!(
                f,
                "{completeness}: {} lanes, {lost} records declared lost",
                self.lanes.len()
            )?;
        }
        if self.hash_only {
            writeln!(
                f,
                "hash only: the grammar of bodies, policies and completeness were not judged"
            )?;
        }
        if self.missing > 0 {
            writeln!(f, "missing: {} records up to the head", self.missing)?;
        }
        if self.tail.records > 0 {
            write!(f, "tail: {} records beyond the head", self.tail.records)?;
            if let Some(age) = self.tail.age {
                write!(f, ", the oldest sealed {:.1} s ago", age.as_secs_f64())?;
            }
            writeln!(f)?;
        }
        if self.tail.unfinished_bytes > 0 {
            writeln!(
                f,
                "tail: an unfinished line of {} bytes",
                self.tail.unfinished_bytes
            )?;
        }
        if let Some(erasables) = &self.erasables {
            writeln!(f, "{erasables}")?;
        }
        if !self.signed_by.is_empty() {
            writeln!(f, "head signed by {}", self.signed_by.join(", "))?;
        }
        if self.rotations_followed > 0 {
            writeln!(
                f,
                "rotations of the log key followed: {}",
                self.rotations_followed
            )?;
        }
        if let Some(epoch) = self.epoch {
            writeln!(f, "key epoch: {epoch}")?;
        }
        if self.signatures_verified + self.signatures_not_checked > 0 {
            writeln!(
                f,
                "record signatures: {} verified, {} by keys that were not given",
                self.signatures_verified, self.signatures_not_checked
            )?;
        }
        for failure in &self.failures {
            writeln!(f, "  {failure}")?;
        }
        let listed = self.failures.len() as u64;
        if self.failures_total > listed {
            writeln!(f, "  and {} more", self.failures_total - listed)?;
        }
        Ok(())
    }
}

impl Report {
    /// The report as one JSON object, for programs. Numbers beyond 2^53 do not occur; times are in seconds.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut bytes = Vec::new();
        let mut json = JsonOut::new(&mut bytes);
        json.open();
        json.key("bytes");
        json.number(self.bytes);
        if let Some(completeness) = self.completeness {
            json.key("completeness");
            json.plain(completeness.as_str().as_bytes());
        }
        head(&mut json, "end", self.end.as_ref());
        erasables(&mut json, self.erasables.as_ref());
        if let Some(epoch) = self.epoch {
            json.key("epoch");
            json.number(epoch);
        }
        json.key("exit_code");
        json.number(self.exit_code().into());
        json.key("failures");
        json.raw(b"[");
        for item in &self.failures {
            json.separate();
            failure(&mut json, item);
        }
        json.raw(b"]");
        json.key("failures_total");
        json.number(self.failures_total);
        json.key("hash_only");
        json.raw(if self.hash_only { b"true" } else { b"false" });
        json.key("lanes");
        json.raw(b"[");
        for item in &self.lanes {
            json.separate();
            lane(&mut json, item);
        }
        json.raw(b"]");
        json.key("log");
        json.string(&self.log);
        json.key("missing");
        json.number(self.missing);
        json.key("records");
        json.number(self.records);
        json.key("rotations_followed");
        json.number(self.rotations_followed);
        json.key("signatures_not_checked");
        json.number(self.signatures_not_checked);
        json.key("signatures_verified");
        json.number(self.signatures_verified);
        json.key("signed_by");
        json.raw(b"[");
        for key in &self.signed_by {
            json.separate();
            json.string(key);
        }
        json.raw(b"]");
        json.key("tail");
        tail(&mut json, &self.tail);
        head(&mut json, "trusted", self.trusted.as_ref());
        json.key("verdict");
        json.plain(self.verdict.as_str().as_bytes());
        json.close();
        // The writer puts out what it was given as UTF-8, so this never takes the empty way out.
        String::from_utf8(bytes).unwrap_or_default()
    }
}

fn head(json: &mut JsonOut<'_>, key: &str, head: Option<&Head>) {
    let Some(head) = head else {
        return;
    };
    json.key(key);
    json.open();
    json.key("chain");
    json.plain(head.chain.as_str().as_bytes());
    json.key("hash");
    json.hex(head.hash.as_bytes());
    if let Some(root) = &head.root {
        json.key("root");
        json.hex(root.as_bytes());
    }
    json.key("seq");
    json.number(head.seq);
    json.close();
}

fn failure(json: &mut JsonOut<'_>, failure: &Failure) {
    json.open();
    json.key("detail");
    json.string(&failure.detail);
    if let Some(file) = &failure.file {
        json.key("file");
        json.string(file);
    }
    if let Some(offset) = failure.offset {
        json.key("offset");
        json.number(offset);
    }
    if let Some(position) = failure.position {
        json.key("position");
        json.number(position);
    }
    json.key("reason");
    json.plain(failure.reason.as_str().as_bytes());
    json.close();
}

fn erasables(json: &mut JsonOut<'_>, erasables: Option<&Erasables>) {
    let Some(erasables) = erasables else {
        return;
    };
    json.key("erasables");
    json.open();
    json.key("commitments");
    json.number(erasables.commitments);
    json.key("erased");
    json.number(erasables.erased);
    json.key("missing");
    json.number(erasables.missing);
    json.key("opened");
    json.number(erasables.opened);
    json.key("openings_present");
    json.raw(if erasables.openings_present {
        b"true"
    } else {
        b"false"
    });
    json.close();
}

fn lane(json: &mut JsonOut<'_>, lane: &LaneReport) {
    json.open();
    json.key("completeness");
    json.plain(lane.completeness.as_str().as_bytes());
    json.key("declared_lost");
    json.number(lane.declared_lost);
    json.key("last_n");
    json.number(lane.last_n);
    json.key("missing");
    json.number(lane.missing);
    json.key("src");
    json.plain(lane.src.as_str().as_bytes());
    json.close();
}

fn tail(json: &mut JsonOut<'_>, tail: &Tail) {
    json.open();
    if let Some(age) = tail.age {
        json.key("age_s");
        json.number(age.as_secs());
    }
    json.key("records");
    json.number(tail.records);
    json.key("unfinished_bytes");
    json.number(tail.unfinished_bytes);
    json.close();
}
