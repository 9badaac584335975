//! A run: the index of the records between two numbers.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use counterfoil_audit::{HeaderReader, MAX_LINE};
use counterfoil_core::{Digest, Timestamp};
use rapidhash::v3::rapidhash_v3;

use super::table::{Table, checked, number};
use super::{Name, Term};
use crate::lines::{open_regular, segment_path};

/// Length of an entry of the table of pages.
pub(super) const FENCE: usize = 24;
/// Length of an entry of the table of blocks.
pub(super) const BLOCK: usize = 40;
const MAGIC: &[u8; 16] = b"counterfoil-idx1";
const FOOTER: usize = 16 + 8 * 8 + 32 + 8;

/// Neighbouring records of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Its first record.
    pub(crate) first: u64,
    /// The first record of its segment.
    pub(crate) segment: u64,
    /// Where its first record begins in the segment.
    pub(crate) offset: u64,
    /// When the earliest and the latest of its records occurred.
    pub(crate) times: (Timestamp, Timestamp),
}

impl Block {
    pub(super) fn encode(&self) -> [u8; BLOCK] {
        let parts = [
            self.first,
            self.segment,
            self.offset,
            self.times.0.unix_nanos(),
            self.times.1.unix_nanos(),
        ];
        let mut bytes = [0; BLOCK];
        for (bytes, part) in bytes.chunks_exact_mut(8).zip(parts) {
            bytes.copy_from_slice(&part.to_le_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8; BLOCK]) -> Self {
        let part = |at: usize| number(bytes, at * 8);
        Self {
            first: part(0),
            segment: part(1),
            offset: part(2),
            times: (
                Timestamp::from_unix_nanos(part(3)),
                Timestamp::from_unix_nanos(part(4)),
            ),
        }
    }
}

/// The end of a run: what it covers, and where its parts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) first: u64,
    pub(super) last: u64,
    /// The hash that the last record states, and where the record is: they tie the run to a history.
    pub(super) hash: Digest,
    pub(super) segment: u64,
    pub(super) offset: u64,
    pub(super) fences: Table,
    pub(super) blocks: Table,
}

impl Footer {
    pub(super) fn encode(&self) -> [u8; FOOTER] {
        let mut bytes = [0; FOOTER];
        bytes[..16].copy_from_slice(MAGIC);
        let parts = [
            self.first,
            self.last,
            self.segment,
            self.offset,
            self.fences.at,
            self.fences.entries,
            self.blocks.at,
            self.blocks.entries,
        ];
        for (bytes, part) in bytes[16..80].chunks_exact_mut(8).zip(parts) {
            bytes.copy_from_slice(&part.to_le_bytes());
        }
        bytes[80..112].copy_from_slice(self.hash.as_bytes());
        let sum = rapidhash_v3(&bytes[..112]);
        bytes[112..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn decode(bytes: Vec<u8>) -> io::Result<Self> {
        let bytes = checked(bytes)?;
        let part = |at: usize| number(&bytes, 16 + at * 8);
        let mut hash = [0; 32];
        hash.copy_from_slice(&bytes[80..112]);
        if !bytes.starts_with(MAGIC) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "another format"));
        }
        Ok(Self {
            first: part(0),
            last: part(1),
            segment: part(2),
            offset: part(3),
            fences: Table {
                at: part(4),
                entries: part(5),
            },
            blocks: Table {
                at: part(6),
                entries: part(7),
            },
            hash: Digest::from_bytes(hash),
        })
    }
}

/// A run that is open.
#[derive(Debug)]
pub(crate) struct Run {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) footer: Footer,
}

/// Why a run is not used.
#[derive(Debug)]
pub(super) enum Unusable {
    /// It was merged into another meanwhile.
    Gone,
    /// It is damaged, or the log has another history.
    Wrong,
}

impl Run {
    pub(super) fn open(log: &Path, path: &Path, name: &Name) -> Result<Self, Unusable> {
        let file = open_regular(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Unusable::Gone,
            _ => Unusable::Wrong,
        })?;
        let footer = read_footer(&file).map_err(|_| Unusable::Wrong)?;
        if (footer.first, footer.last) != (name.first, name.last) || !is_of(log, &footer) {
            return Err(Unusable::Wrong);
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            footer,
        })
    }

    pub(crate) const fn first(&self) -> u64 {
        self.footer.first
    }

    pub(crate) const fn last(&self) -> u64 {
        self.footer.last
    }

    /// The block that record `seq` is in, and the first record that is behind it.
    pub(crate) fn block(&self, seq: u64) -> io::Result<Option<(Block, u64)>> {
        let found = self.footer.blocks.last_at_most::<BLOCK>(&self.file, seq)?;
        Ok(found.map(|(bytes, next)| {
            let end = next.unwrap_or(self.footer.last.saturating_add(1));
            (Block::decode(&bytes), end)
        }))
    }

    /// Every block.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = io::Result<Block>> {
        let blocks = self.footer.blocks.entries::<BLOCK>(&self.file);
        blocks.map(|block| block.map(|bytes| Block::decode(&bytes)))
    }

    /// The records that may have one of the terms of each set, ascending, by their distance from the first one.
    pub(crate) fn candidates(&self, sets: &[Vec<Term>]) -> io::Result<Vec<u32>> {
        let mut left: Option<Vec<u32>> = None;
        for set in sets {
            let mut union = Vec::new();
            for term in set {
                union.extend(self.records(*term)?);
            }
            if set.len() > 1 {
                union.sort_unstable();
                union.dedup();
            }
            left = Some(match left {
                None => union,
                Some(left) => intersection(&left, &union),
            });
            if left.as_ref().is_some_and(Vec::is_empty) {
                break;
            }
        }
        Ok(left.unwrap_or_default())
    }

    fn records(&self, Term(term): Term) -> io::Result<Vec<u32>> {
        let fence = self.footer.fences.last_at_most::<FENCE>(&self.file, term)?;
        let Some((fence, _)) = fence else {
            return Ok(Vec::new());
        };
        let page = self.page(&fence)?;
        let found = Terms { page: &page }
            .take_while(|found| found.as_ref().is_ok_and(|found| found.term <= term))
            .find(|found| found.as_ref().is_ok_and(|found| found.term == term));
        match found {
            None => Ok(Vec::new()),
            Some(found) => found?.records(),
        }
    }

    pub(super) fn page(&self, fence: &[u8; FENCE]) -> io::Result<Vec<u8>> {
        let (at, len) = (number(fence, 8), number(fence, 16));
        if at
            .checked_add(len)
            .is_none_or(|end| end > self.footer.fences.at)
        {
            return Err(damaged());
        }
        let mut bytes = vec![0; usize::try_from(len).map_err(|_| damaged())?];
        self.file.read_exact_at(&mut bytes, at)?;
        checked(bytes)
    }
}

fn read_footer(file: &File) -> io::Result<Footer> {
    let len = file.metadata()?.len();
    let at = len.checked_sub(FOOTER as u64).ok_or_else(damaged)?;
    let mut bytes = vec![0; FOOTER];
    file.read_exact_at(&mut bytes, at)?;
    let footer = Footer::decode(bytes)?;
    let (fences, blocks) = (footer.fences, footer.blocks);
    // Lengths that the file does not have would be read, or reserved, in vain.
    let fits = fences.entries <= len
        && blocks.entries <= len
        && fences.at.checked_add(fences.byte_len::<FENCE>()) == Some(blocks.at)
        && blocks.at.checked_add(blocks.byte_len::<BLOCK>()) == Some(at);
    fits.then_some(footer).ok_or_else(damaged)
}

/// Whether the log has the run's last record, with the hash that it had.
fn is_of(log: &Path, footer: &Footer) -> bool {
    let last = || {
        let file = open_regular(&segment_path(log, footer.segment)).ok()?;
        let mut bytes = vec![0; MAX_LINE];
        let mut len = 0;
        loop {
            let read = file
                .read_at(&mut bytes[len..], footer.offset + len as u64)
                .ok()?;
            len += read;
            let end = bytes[..len].iter().position(|byte| *byte == b'\n');
            if let Some(end) = end {
                let header = HeaderReader::default().read(&bytes[..=end]).ok()?;
                return Some((header.seq, header.hash));
            }
            if read == 0 {
                return None;
            }
        }
    };
    last() == Some((footer.last, footer.hash))
}

fn intersection(one: &[u32], other: &[u32]) -> Vec<u32> {
    let mut other = other.iter().peekable();
    let mut both = Vec::new();
    for record in one {
        while other.next_if(|next| *next < record).is_some() {}
        if other.peek() == Some(&record) {
            both.push(*record);
        }
    }
    both
}

/// The terms of a page.
#[derive(Debug)]
pub(super) struct Terms<'a> {
    pub(super) page: &'a [u8],
}

/// A term, and the records that have it.
#[derive(Debug)]
pub(super) struct Postings<'a> {
    pub(super) term: u64,
    count: u64,
    bytes: &'a [u8],
}

impl Postings<'_> {
    pub(super) fn records(&self) -> io::Result<Vec<u32>> {
        let mut rest = self.bytes;
        let mut records = Vec::with_capacity(rest.len().min(self.count as usize));
        let mut record = 0_u32;
        while !rest.is_empty() {
            let step = u32::try_from(varint(&mut rest)?).map_err(|_| damaged())?;
            record = record.checked_add(step).ok_or_else(damaged)?;
            records.push(record);
        }
        Ok(records)
    }
}

impl<'a> Iterator for Terms<'a> {
    type Item = io::Result<Postings<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty() {
            return None;
        }
        let mut read = || {
            let (term, mut rest) = self.page.split_at_checked(8).ok_or_else(damaged)?;
            let count = varint(&mut rest)?;
            let len = usize::try_from(varint(&mut rest)?).map_err(|_| damaged())?;
            let (bytes, rest) = rest.split_at_checked(len).ok_or_else(damaged)?;
            self.page = rest;
            Ok(Postings {
                term: number(term, 0),
                count,
                bytes,
            })
        };
        let read = read();
        if read.is_err() {
            self.page = &[];
        }
        Some(read)
    }
}

fn varint(bytes: &mut &[u8]) -> io::Result<u64> {
    let (mut number, mut shift) = (0_u64, 0);
    loop {
        let (byte, rest) = bytes.split_first().ok_or_else(damaged)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
        shift += 7;
        if shift > 56 {
            return Err(damaged());
        }
    }
}

pub(super) fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "an index is damaged")
}
