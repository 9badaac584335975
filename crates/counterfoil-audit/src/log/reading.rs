//! Looking a record up in the segments of a log, which may be at work.

use std::io;
use std::path::{Path, PathBuf};

use crate::log::files::FileSystem;
use crate::log::segment::{first_of, name};
use crate::{AuditEventData, AuditRecord, Error};

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

/// The record among whole lines that says that the opening of a place was destroyed.
fn erased_in(bytes: &[u8], seq: u64, pointer: &str) -> Option<u64> {
    // Text cannot look like this, for its quotes are escaped; members of other data can, so the record is read.
    memchr::memmem::find_iter(bytes, b"\"kind\":\"erased\"").find_map(|at| {
        let start = memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |end| end + 1);
        let end = memchr::memchr(b'\n', &bytes[at..])?;
        let record = AuditRecord::parse(&bytes[start..=at + end]).ok()?;
        let Ok(AuditEventData::Erased(erased)) = record.data() else {
            return None;
        };
        let named = |item: &crate::ErasedItem| item.seq == seq && item.pointer == pointer;
        erased.items.iter().any(named).then(|| record.seq())
    })
}
