//! Looking a record up in the segments of a log, which may be at work.

use std::io;
use std::path::{Path, PathBuf};

use counterfoil_core::ChainId;

use crate::log::files::{FileSystem, StdFiles};
use crate::log::segment::{first_of, name};
use crate::{AuditEventData, AuditRecord, Error, ErrorKind, LogOpened};

/// The segments of a log.
#[derive(Debug)]
pub(crate) struct Segments<'a> {
    files: &'a dyn FileSystem,
    folder: PathBuf,
}

impl<'a> Segments<'a> {
    pub(crate) fn of(files: &'a dyn FileSystem, log: &Path) -> Self {
        Self {
            files,
            folder: log.join("segments"),
        }
    }

    /// The first records of the segments, in order.
    fn list(&self) -> io::Result<Vec<u64>> {
        let names = self.files.list(&self.folder)?;
        Ok(names.iter().filter_map(|name| first_of(name)).collect())
    }

    fn read(&self, first: u64) -> io::Result<Vec<u8>> {
        self.files.read(&self.folder.join(name(first)))
    }

    /// Record `seq`; `None` when it is not there.
    pub(crate) fn record(&self, seq: u64) -> io::Result<Option<Result<AuditRecord, Error>>> {
        let Some(first) = self.list()?.into_iter().rfind(|first| *first <= seq) else {
            return Ok(None);
        };
        let bytes = self.read(first)?;
        let line = usize::try_from(seq - first)
            .ok()
            .and_then(|index| bytes.split_inclusive(|b| *b == b'\n').nth(index))
            .filter(|line| line.ends_with(b"\n"));
        Ok(line.map(AuditRecord::parse))
    }

    fn last_opening(&self) -> io::Result<Option<LastOpening>> {
        let mut rotated = Vec::new();
        for first in self.list()?.into_iter().rev() {
            let bytes = self.read(first)?;
            let mut last = None;
            let mut since = Vec::new();
            let mut about: Vec<&[u8]> =
                [&b"\"kind\":\"log_opened\""[..], b"\"kind\":\"key_rotated\""]
                    .into_iter()
                    .flat_map(|kind| lines_with(&bytes, kind))
                    .collect();
            about.sort_by_key(|line| line.as_ptr());
            for line in about {
                let Ok(record) = AuditRecord::parse(line) else {
                    continue;
                };
                match record.data() {
                    Ok(AuditEventData::LogOpened(opened)) => {
                        since.clear();
                        let chain = record.chain().clone();
                        last = Some(LastOpening { chain, opened });
                    }
                    Ok(AuditEventData::KeyRotated(rotated)) => since.push(rotated),
                    _ => {}
                }
            }
            rotated.splice(0..0, since);
            if let Some(mut last) = last {
                for rotation in rotated {
                    let keys = &mut last.opened.keys;
                    keys.retain(|key| *key != rotation.old_key);
                    keys.push(rotation.new_key);
                }
                return Ok(Some(last));
            }
        }
        Ok(None)
    }

    /// The record that says that the opening of a place was destroyed. What follows record `seq` is read for that.
    pub(crate) fn erased_by(&self, seq: u64, pointer: &str) -> io::Result<Option<u64>> {
        let firsts = self.list()?;
        let from = firsts.partition_point(|first| *first <= seq).max(1) - 1;
        for first in firsts.iter().skip(from) {
            let found = erased_in(&self.read(*first)?, seq, pointer);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// What a log last said about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastOpening {
    /// The chain.
    pub chain: ChainId,
    /// The last `log_opened`, with the keys that are in force now.
    pub opened: LogOpened,
}

/// What the log in `log` last said about itself: for whoever opens it as a writer and must not change its policy. Reads only, and
/// beside a writer too. `None` when no record says anything, because the log is empty, or bare, or its beginning was pruned.
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) when segments cannot be read.
pub fn last_opening(log: &Path) -> Result<Option<LastOpening>, Error> {
    let segments = Segments::of(&StdFiles, log);
    segments.last_opening().map_err(|error| {
        let context = format!("{} could not be read ({error})", log.display());
        Error::new(ErrorKind::Io, "read the policy of a log", context).with_source(error)
    })
}

/// The whole lines that hold `what`, in order.
fn lines_with<'a>(bytes: &'a [u8], what: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    memchr::memmem::find_iter(bytes, what).filter_map(move |at| {
        let start = memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |end| end + 1);
        let end = memchr::memchr(b'\n', &bytes[at..])?;
        Some(&bytes[start..=at + end])
    })
}

/// The record among whole lines that says that the opening of a place was destroyed.
fn erased_in(bytes: &[u8], seq: u64, pointer: &str) -> Option<u64> {
    // Text cannot look like this, for its quotes are escaped; members of other data can, so the record is read.
    lines_with(bytes, b"\"kind\":\"erased\"").find_map(|line| {
        let record = AuditRecord::parse(line).ok()?;
        let Ok(AuditEventData::Erased(erased)) = record.data() else {
            return None;
        };
        let named = |item: &crate::ErasedItem| item.seq == seq && item.pointer == pointer;
        erased.items.iter().any(named).then(|| record.seq())
    })
}
