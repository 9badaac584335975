//! Where the records go that were found.

use std::io::{self, BufWriter, Stdout, Write};

use counterfoil::audit::AuditRecord;

use super::RecordOutput;
use super::csv;
use super::line::Shown;
use crate::failure::Failure;
use crate::result::written;

/// Standard output, in one of its forms, for so many records.
#[derive(Debug)]
pub(super) struct Sink {
    out: BufWriter<Stdout>,
    form: RecordOutput,
    left: Option<u64>,
    begun: bool,
}

impl Sink {
    pub(super) fn new(form: RecordOutput, limit: Option<u64>) -> Self {
        Self {
            out: BufWriter::new(io::stdout()),
            form,
            left: limit,
            begun: false,
        }
    }

    /// How many records may still come.
    pub(super) const fn left(&self) -> Option<u64> {
        self.left
    }

    /// Writes a record; `false` when no more are wanted, by the limit or because nobody reads any more.
    pub(super) fn put(&mut self, record: &AuditRecord) -> Result<bool, Failure> {
        let outcome = self.head().and_then(|()| match self.form {
            RecordOutput::Jsonl => self.out.write_all(record.line()),
            RecordOutput::Text => writeln!(self.out, "{}", Shown(record)),
            RecordOutput::Csv => csv::row(&mut self.out, record),
        });
        if !written(outcome)? {
            return Ok(false);
        }
        if let Some(left) = &mut self.left {
            *left -= 1;
            if *left == 0 {
                self.flush()?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Shows what was found so far; `false` when nobody reads any more. An empty table has its heading, too.
    pub(super) fn flush(&mut self) -> Result<bool, Failure> {
        let outcome = self.head().and_then(|()| self.out.flush());
        written(outcome)
    }

    fn head(&mut self) -> io::Result<()> {
        if self.form == RecordOutput::Csv && !self.begun {
            csv::head(&mut self.out)?;
        }
        self.begun = true;
        Ok(())
    }
}
