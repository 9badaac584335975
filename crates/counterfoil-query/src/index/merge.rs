//! Making one run of several that lie side by side.

use std::fs::File;
use std::io;

use super::run::{FENCE, Run, Terms, damaged};
use super::writer::Writer;

/// Reads the terms of a run in their order.
struct Reader<'a> {
    run: &'a Run,
    fences: Box<dyn Iterator<Item = io::Result<[u8; FENCE]>> + 'a>,
    page: std::vec::IntoIter<(u64, Vec<u32>)>,
    next: Option<(u64, Vec<u32>)>,
}

impl<'a> Reader<'a> {
    fn new(run: &'a Run) -> io::Result<Self> {
        let mut reader = Self {
            run,
            fences: Box::new(run.footer.fences.entries::<FENCE>(&run.file)),
            page: Vec::new().into_iter(),
            next: None,
        };
        reader.advance()?;
        Ok(reader)
    }

    fn advance(&mut self) -> io::Result<()> {
        loop {
            self.next = self.page.next();
            if self.next.is_some() {
                return Ok(());
            }
            let Some(fence) = self.fences.next() else {
                return Ok(());
            };
            let page = self.run.page(&fence?)?;
            let terms = Terms { page: &page }.map(|term| {
                let term = term?;
                Ok((term.term, term.records()?))
            });
            self.page = terms.collect::<io::Result<Vec<_>>>()?.into_iter();
        }
    }
}

/// Writes the run that covers what `runs` cover.
pub(super) fn merge(runs: &[Run], file: File) -> io::Result<()> {
    let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
        return Err(damaged());
    };
    let base = first.first();
    let mut writer = Writer::new(file);
    let mut readers = runs
        .iter()
        .map(Reader::new)
        .collect::<io::Result<Vec<_>>>()?;
    let mut records = Vec::new();
    loop {
        let terms = readers.iter().filter_map(|reader| reader.next.as_ref());
        let Some(term) = terms.map(|(term, _)| *term).min() else {
            break;
        };
        records.clear();
        for reader in &mut readers {
            let Some((_, found)) = reader.next.take_if(|(next, _)| *next == term) else {
                continue;
            };
            let shift = u32::try_from(reader.run.first() - base).map_err(|_| damaged())?;
            for record in found {
                records.push(record.checked_add(shift).ok_or_else(damaged)?);
            }
            reader.advance()?;
        }
        if !records.is_sorted() {
            return Err(damaged());
        }
        writer.term(term, records.iter().copied())?;
    }
    let mut blocks = Vec::new();
    for run in runs {
        for block in run.blocks() {
            blocks.push(block?);
        }
    }
    let mut footer = last.footer;
    footer.first = base;
    writer.finish(&blocks, footer)
}
