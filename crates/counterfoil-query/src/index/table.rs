//! Sorted entries of one size in pages with a sum each, so that finding one reads and checks a few pages and no more.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use rapidhash::v3::rapidhash_v3;

/// Entries to a page.
const PER_PAGE: u64 = 128;
const SUM: usize = 8;

/// An entry of `N` bytes that is sorted by the number in its first eight, little-endian.
pub(super) type Entry<const N: usize> = [u8; N];

pub(super) fn number(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

/// Where a table is in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) at: u64,
    pub(super) entries: u64,
}

impl Table {
    fn page_len<const N: usize>(&self, page: u64) -> usize {
        let entries = (self.entries - page * PER_PAGE).min(PER_PAGE);
        entries as usize * N + SUM
    }

    /// The entries of a page.
    fn page<const N: usize>(&self, file: &File, page: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.page_len::<N>(page)];
        let full = PER_PAGE * N as u64 + SUM as u64;
        file.read_exact_at(&mut bytes, self.at + page * full)?;
        checked(bytes)
    }

    /// The last entry whose number is at most `wanted`, and the number of the one behind it.
    pub(super) fn last_at_most<const N: usize>(
        &self,
        file: &File,
        wanted: u64,
    ) -> io::Result<Option<(Entry<N>, Option<u64>)>> {
        let (mut low, mut high) = (0, self.entries.div_ceil(PER_PAGE));
        let (mut found, mut behind) = (None, None);
        while low < high {
            let middle = low + (high - low) / 2;
            let page = self.page::<N>(file, middle)?;
            let first = number(&page, 0);
            if first <= wanted {
                low = middle + 1;
                found = Some(page);
            } else {
                high = middle;
                behind = Some(first);
            }
        }
        let Some(page) = found else {
            return Ok(None);
        };
        let later = (1..page.len() / N).find(|at| number(&page, at * N) > wanted);
        let last = later.unwrap_or(page.len() / N) - 1;
        let next = later.map(|at| number(&page, at * N)).or(behind);
        Ok(Some((entry(&page, last), next)))
    }

    /// Every entry.
    pub(super) fn entries<const N: usize>(
        self,
        file: &File,
    ) -> impl Iterator<Item = io::Result<Entry<N>>> {
        (0..self.entries.div_ceil(PER_PAGE)).flat_map(move |page| {
            let (entries, error) = match self.page::<N>(file, page) {
                Ok(page) => {
                    let count = page.len() / N;
                    ((0..count).map(|at| Ok(entry(&page, at))).collect(), None)
                }
                Err(error) => (Vec::new(), Some(Err(error))),
            };
            entries.into_iter().chain(error)
        })
    }

    /// Writes the table at `at`.
    pub(super) fn write<const N: usize>(
        out: &mut impl Write,
        at: u64,
        entries: &[Entry<N>],
    ) -> io::Result<Self> {
        for page in entries.chunks(PER_PAGE as usize) {
            let bytes = page.as_flattened();
            out.write_all(bytes)?;
            out.write_all(&rapidhash_v3(bytes).to_le_bytes())?;
        }
        Ok(Self {
            at,
            entries: entries.len() as u64,
        })
    }

    /// How many bytes it takes.
    pub(super) fn byte_len<const N: usize>(&self) -> u64 {
        self.entries * N as u64 + self.entries.div_ceil(PER_PAGE) * SUM as u64
    }
}

fn entry<const N: usize>(page: &[u8], at: usize) -> Entry<N> {
    let mut entry = [0; N];
    entry.copy_from_slice(&page[at * N..(at + 1) * N]);
    entry
}

/// Bytes without the sum at their end, if it fits.
pub(super) fn checked(mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a page of an index is damaged");
    let len = bytes.len().checked_sub(SUM).ok_or_else(damaged)?;
    if number(&bytes, len) != rapidhash_v3(&bytes[..len]) {
        return Err(damaged());
    }
    bytes.truncate(len);
    Ok(bytes)
}
