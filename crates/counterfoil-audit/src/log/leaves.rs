//! Leaf hashes, as the lines of segments state them.

use std::io;
use std::path::Path;

use counterfoil_core::Digest;

use crate::line::LineView;
use crate::log::files::FileSystem;
use crate::log::segment::{first_of, name};

/// Hashes that are handed on at once.
const GROUP: usize = 4_096;

/// Consecutive leaf hashes of a log.
#[derive(Debug, Default)]
pub(crate) struct Leaves {
    /// The number of the record before the first of them.
    pub(crate) after: u64,
    pub(crate) hashes: Vec<Digest>,
}

impl Leaves {
    /// The number of the last record.
    pub(crate) const fn last(&self) -> u64 {
        self.after + self.hashes.len() as u64
    }
}

/// Reads the hashes of records `after` + 1 to `last`, in order and in groups, from the lines of the segments in `dir`. Nobody has
/// checked that they are the hashes of the bodies.
///
/// Holds one segment in memory at a time, as recovery does.
pub(crate) fn read_leaves(
    files: &dyn FileSystem,
    dir: &Path,
    after: u64,
    last: u64,
    mut take: impl FnMut(&[Digest]) -> io::Result<()>,
) -> io::Result<()> {
    let mut firsts: Vec<u64> = files
        .list(dir)?
        .iter()
        .filter_map(|name| first_of(name))
        .collect();
    firsts.sort_unstable();
    let mut next = after + 1;
    for (at, first) in firsts.iter().enumerate() {
        let ends_before = firsts.get(at + 1).is_some_and(|later| *later <= next);
        if ends_before || next > last {
            continue;
        }
        if *first > next {
            break;
        }
        let bytes = files.read(&dir.join(name(*first)))?;
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let mut group = Vec::with_capacity(GROUP);
        for line in lines.skip((next - first) as usize) {
            if next > last {
                break;
            }
            group.push(stated_hash(line).ok_or_else(|| unlike_a_record(next))?);
            next += 1;
            if group.len() == GROUP {
                take(&group)?;
                group.clear();
            }
        }
        take(&group)?;
    }
    if next > last {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("there is no record {next} in {}", dir.display()),
    ))
}

/// The hash that a line states.
pub(crate) fn stated_hash(line: &[u8]) -> Option<Digest> {
    Digest::from_hex(LineView::parse(line).ok()?.hash)
}

fn unlike_a_record(seq: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the line of record {seq} is malformed"),
    )
}
