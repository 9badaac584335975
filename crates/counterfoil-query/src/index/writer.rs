//! Writing a run.
//!
//! ```text
//! pages of terms   term (8) · how many records · how many bytes · the records, as differences     … sum (8)
//! table of pages   the first term of each (8) · its place (8) · its length (8)
//! table of blocks  first record (8) · segment (8) · offset (8) · earliest and latest time (8, 8)
//! footer           see `run`
//! ```
//! Numbers are little-endian, those without a size are LEB128.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use rapidhash::v3::rapidhash_v3;

use super::run::{BLOCK, Block, FENCE, Footer};
use super::table::{Entry, Table};

/// A page is closed when it is this long.
const PAGE: usize = 4096;

/// Writes the terms in their order, then the rest.
#[derive(Debug)]
pub(super) struct Writer {
    out: BufWriter<File>,
    at: u64,
    page: Vec<u8>,
    first_term: u64,
    fences: Vec<Entry<FENCE>>,
    scratch: Vec<u8>,
}

impl Writer {
    pub(super) fn new(file: File) -> Self {
        Self {
            out: BufWriter::with_capacity(1 << 18, file),
            at: 0,
            page: Vec::with_capacity(2 * PAGE),
            first_term: 0,
            fences: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// The next term and its records, by their distance from the first one of the run; both ascend.
    pub(super) fn term(
        &mut self,
        term: u64,
        records: impl IntoIterator<Item = u32>,
    ) -> io::Result<()> {
        self.scratch.clear();
        let (mut count, mut before) = (0_u64, 0);
        for record in records {
            varint(&mut self.scratch, u64::from(record - before));
            before = record;
            count += 1;
        }
        if self.page.is_empty() {
            self.first_term = term;
        }
        self.page.extend_from_slice(&term.to_le_bytes());
        varint(&mut self.page, count);
        varint(&mut self.page, self.scratch.len() as u64);
        self.page.extend_from_slice(&self.scratch);
        if self.page.len() >= PAGE {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.page.is_empty() {
            return Ok(());
        }
        let sum = rapidhash_v3(&self.page);
        self.page.extend_from_slice(&sum.to_le_bytes());
        self.out.write_all(&self.page)?;
        let mut fence = [0; FENCE];
        let parts = [self.first_term, self.at, self.page.len() as u64];
        for (bytes, part) in fence.chunks_exact_mut(8).zip(parts) {
            bytes.copy_from_slice(&part.to_le_bytes());
        }
        self.fences.push(fence);
        self.at += self.page.len() as u64;
        self.page.clear();
        Ok(())
    }

    /// Ends the run; `footer` says what it covers.
    pub(super) fn finish(mut self, blocks: &[Block], mut footer: Footer) -> io::Result<()> {
        self.flush()?;
        let fences = std::mem::take(&mut self.fences);
        footer.fences = Table::write(&mut self.out, self.at, &fences)?;
        let blocks: Vec<Entry<BLOCK>> = blocks.iter().map(Block::encode).collect();
        let at = self.at + footer.fences.byte_len::<FENCE>();
        footer.blocks = Table::write(&mut self.out, at, &blocks)?;
        self.out.write_all(&footer.encode())?;
        self.out.flush()
    }
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
