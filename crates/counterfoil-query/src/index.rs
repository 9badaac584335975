//! The index: which records a value is in, and where records begin.
//!
//! It lies in `LOG/index`, beside what is hashed and signed, and can be deleted at any time. It consists of immutable *runs*
//! that lie side by side, `<first>-<last>.run`; each covers the records between two numbers. What no run covers yet is found by
//! scanning. Eight runs of a size are merged into one, up to four million records: there are some twenty smaller ones, and one more
//! for every two to four million records.
//!
//! A run is never trusted. It names candidates, and every candidate is read from the log and compared. A run that is damaged, or
//! is of another history than the log (its last record has another hash there), is passed over. What an index *can* do, if
//! somebody writes a false one with sums that fit, is leave records out: a search [without the index](crate::Search::scan)
//! asks nobody but the log.

mod indexer;
mod merge;
mod run;
mod table;
mod term;
mod writer;

use std::fs;
use std::path::{Path, PathBuf};

pub use indexer::{Indexed, Indexer};
pub(crate) use run::{Block, Run};
pub(crate) use term::{Term, spelled, terms_of};

/// Where a log's index lies.
pub(crate) fn folder(log: &Path) -> PathBuf {
    log.join("index")
}

/// The name of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    first: u64,
    last: u64,
}

impl Name {
    fn parse(name: &str) -> Option<Self> {
        let (first, last) = name.strip_suffix(".run")?.split_once('-')?;
        let name = Self {
            first: first.parse().ok()?,
            last: last.parse().ok()?,
        };
        (0 < name.first && name.first <= name.last).then_some(name)
    }

    fn path(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{:020}-{:020}.run", self.first, self.last))
    }

    const fn len(&self) -> u64 {
        self.last - self.first + 1
    }
}

/// The runs in a folder, side by side: where two overlap, as while they are merged, the wider one.
fn names(folder: &Path) -> Vec<Name> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| Name::parse(entry.file_name().to_str()?))
        .collect();
    names.sort_by_key(|name| (name.first, u64::MAX - name.last));
    let mut end = 0;
    names.retain(|name| {
        let beside = name.first > end;
        end = end.max(name.last);
        beside
    });
    names
}

/// The runs of a log that are sound and of its history. How many were passed over is counted in `damaged`.
pub(crate) fn open(log: &Path, damaged: &mut usize) -> Vec<Run> {
    let folder = folder(log);
    // Between listing and opening, a run may have been merged into another; that one is listed then.
    for _ in 0..8 {
        let names = names(&folder);
        let runs: Vec<_> = names
            .iter()
            .map(|name| Run::open(log, &name.path(&folder), name))
            .collect();
        let gone = |run: &Result<Run, run::Unusable>| matches!(run, Err(run::Unusable::Gone));
        if runs.iter().any(gone) {
            continue;
        }
        *damaged = runs.iter().filter(|run| run.is_err()).count();
        return runs.into_iter().flatten().collect();
    }
    Vec::new()
}
