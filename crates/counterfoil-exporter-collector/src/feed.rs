//! What is to be sent: the durable lines of a log from some record on, a bounded part of them in memory.

use std::collections::VecDeque;

use counterfoil_audit::tlog::TiledLog;
use counterfoil_audit::{AuditEventData, AuditLog, AuditRecord, Follow};
use counterfoil_core::{Digest, SealedLine, Timestamp};

use crate::{Error, ErrorKind};

/// Lines that are read at once.
const READ: usize = 256;

/// The lines of one log that are yet to be acknowledged.
#[derive(Debug)]
pub(crate) struct Feed {
    follow: Follow,
    /// Stands at the beginning, so that what it is behind is the last durable record.
    durable: Follow,
    log: TiledLog,
    waiting: VecDeque<SealedLine>,
    bytes: usize,
}

/// A checkpoint that the log published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) size: u64,
    pub(crate) text: String,
}

impl Feed {
    pub(crate) fn new(log: &AuditLog) -> Result<Self, Error> {
        Ok(Self {
            follow: log.follow(0),
            durable: log.follow(0),
            log: TiledLog::open(log.directory()).map_err(|error| of_log(&error))?,
            waiting: VecDeque::new(),
            bytes: 0,
        })
    }

    /// The last durable record.
    pub(crate) fn durable(&self) -> u64 {
        self.durable.behind()
    }

    /// Goes on behind record `after`.
    pub(crate) fn seek(&mut self, after: u64) {
        self.waiting.clear();
        self.bytes = 0;
        self.follow.seek(after);
    }

    /// Has lines waiting up to about `bytes`, if there are that many. How many records before the first one were removed by
    /// retention.
    pub(crate) fn fill(&mut self, bytes: usize) -> Result<u64, Error> {
        let missed = self.follow.missed();
        while self.bytes < bytes {
            let lines = self.follow.read(READ).map_err(|error| of_log(&error))?;
            if lines.is_empty() {
                break;
            }
            self.bytes += lines.iter().map(|line| line.bytes.len()).sum::<usize>();
            self.waiting.extend(lines);
        }
        Ok(self.follow.missed() - missed)
    }

    /// What waits, in order.
    pub(crate) fn waiting(&mut self) -> &[SealedLine] {
        self.waiting.make_contiguous()
    }

    /// Forgets what waits up to record `seq`.
    pub(crate) fn acknowledged(&mut self, seq: u64) {
        while self.waiting.front().is_some_and(|line| line.seq <= seq) {
            if let Some(line) = self.waiting.pop_front() {
                self.bytes -= line.bytes.len();
            }
        }
    }

    /// When the first of what waits was sealed.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        let line = self.waiting.front()?;
        AuditRecord::parse(&line.bytes)
            .ok()
            .map(|record| record.time())
    }

    /// The hash of record `seq`; `None` when retention has removed it.
    pub(crate) fn hash_of(&self, seq: u64) -> Result<Option<Digest>, Error> {
        match self.log.line(seq) {
            Ok(line) => AuditRecord::parse(&line)
                .map(|record| Some(record.hash()))
                .map_err(|error| of_log(&error)),
            Err(error) if error.kind() == counterfoil_audit::ErrorKind::Missing => Ok(None),
            Err(error) => Err(of_log(&error)),
        }
    }

    /// The verifier key that the log was opened with first; `None` for one that is not signed.
    pub(crate) fn first_key(&self) -> Result<Option<String>, Error> {
        let line = self.log.line(1).map_err(|error| of_log(&error))?;
        let opened = AuditRecord::parse(&line).and_then(|record| record.data());
        match opened.map_err(|error| of_log(&error))? {
            AuditEventData::LogOpened(opened) => Ok(opened.keys.into_iter().next()),
            _ => Ok(None),
        }
    }

    /// The last checkpoint that the log published.
    pub(crate) fn checkpoint(&self) -> Result<Option<Note>, Error> {
        let published = self.log.checkpoint().map_err(|error| of_log(&error))?;
        Ok(published.map(|published| Note {
            size: published.checkpoint.size(),
            text: published.note.to_text(),
        }))
    }
}

fn of_log(error: &counterfoil_audit::Error) -> Error {
    Error::new(
        ErrorKind::Io,
        "read the log to be shipped",
        error.to_string(),
    )
}
