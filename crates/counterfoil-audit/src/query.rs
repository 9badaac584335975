//! Finding records of a log.

use std::io::Read;
use std::path::Path;

use counterfoil_core::{LeaseId, RequestId, Timestamp, TraceId};

use crate::body::scan::RawText;
use crate::body::tree;
use crate::body::view::{BodyReader, BodyView};
use crate::line::LineView;
use crate::source::{Chunk, Chunks, files_of, unreadable};
use crate::{AuditEventKind, AuditRecord, Error, ErrorKind};

/// What records are asked for: those that fulfil every condition that is set.
///
/// Times are those of sealing. They never decrease within a chain, but the filter does not rely on it: every record is
/// looked at.
///
/// ```
/// use counterfoil_audit::query::Filter;
/// let mut filter = Filter::new();
/// filter.kind = Some("lease_expired".parse()?);
/// filter.since = Some("2026-11-20T00:00:00.000000000Z".parse()?);
/// let found = filter.search_reader(std::io::empty(), "nothing");
/// assert_eq!(found.count(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Filter {
    /// Of this kind.
    pub kind: Option<AuditEventKind>,
    /// Sealed at this time or later.
    pub since: Option<Timestamp>,
    /// Sealed before this time.
    pub until: Option<Timestamp>,
    /// About this lease.
    pub lease: Option<LeaseId>,
    /// About this node.
    pub node: Option<String>,
    /// On behalf of this tenant.
    pub tenant: Option<String>,
    /// In this trace.
    pub trace: Option<TraceId>,
    /// In this request.
    pub request: Option<RequestId>,
}

impl Filter {
    /// Every record.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The records of the log directory or JSONL file at `path` that fulfil the filter, in order. Holds a chunk of the log
    /// at a time. What it yields was not verified: see [`verify`](crate::verify).
    ///
    /// # Errors
    /// When `path` is no log or cannot be opened. While searching, a line that is no record ends the search with an error
    /// that names its place; an unfinished last line does not, because a writer may be at work.
    pub fn search(
        &self,
        path: &Path,
    ) -> Result<impl Iterator<Item = Result<AuditRecord, Error>> + use<>, Error> {
        let filter = self.clone();
        let files = files_of(path)?;
        Ok(files.into_iter().flat_map(move |file| {
            let name = file.path.display().to_string();
            let (found, failed) = match file.open() {
                Ok(reader) => (Some(filter.search_reader(reader, &name)), None),
                Err(error) => (None, Some(Err(unreadable(&file.path, error)))),
            };
            found.into_iter().flatten().chain(failed)
        }))
    }

    /// The same over a reader; `name` stands for it in errors.
    pub fn search_reader<R: Read>(
        &self,
        reader: R,
        name: &str,
    ) -> impl Iterator<Item = Result<AuditRecord, Error>> + use<R> {
        Search {
            matcher: Matcher::new(self),
            chunks: Chunks::new(reader),
            name: name.to_owned(),
            bytes: Vec::new(),
            offset: 0,
            at: 0,
            ended: false,
        }
    }
}

/// A filter with its texts as they are written.
#[derive(Debug)]
struct Matcher {
    filter: Filter,
    since: Option<[u8; 30]>,
    until: Option<[u8; 30]>,
    trace: Option<String>,
    reader: BodyReader,
}

impl Matcher {
    fn new(filter: &Filter) -> Self {
        Self {
            filter: filter.clone(),
            since: filter.since.map(Timestamp::to_text),
            until: filter.until.map(Timestamp::to_text),
            trace: filter.trace.map(|trace| trace.to_string()),
            reader: BodyReader::default(),
        }
    }

    /// Whether a body fulfils the filter; an `Err` for one that is none.
    fn accepts(&mut self, body: &[u8]) -> Result<bool, String> {
        let view = self
            .reader
            .read(body)
            .map_err(|bad| format!("byte {} of the body should be {}", bad.at, bad.expected))?;
        Ok(self.matches(&view))
    }

    fn matches(&self, view: &BodyView<'_>) -> bool {
        let filter = &self.filter;
        let is = |wanted: Option<&str>, found: Option<&[u8]>| {
            wanted.is_none_or(|wanted| found == Some(wanted.as_bytes()))
        };
        let text_is = |wanted: Option<&String>, found: Option<RawText<'_>>| {
            wanted.is_none_or(|wanted| {
                found.is_some_and(|found| tree::text(found).as_str() == Some(wanted))
            })
        };
        is(
            filter.kind.as_ref().map(AuditEventKind::as_str),
            Some(view.kind),
        ) && self.since.is_none_or(|since| *view.chain.time >= since)
            && self.until.is_none_or(|until| *view.chain.time < until)
            && filter
                .lease
                .is_none_or(|lease| view.keys.lease == Some(lease.0))
            && is(
                self.trace.as_deref(),
                view.keys.trace.map(<[u8; 32]>::as_slice),
            )
            && is(
                filter.request.as_ref().map(RequestId::as_str),
                view.keys.request,
            )
            && text_is(filter.node.as_ref(), view.keys.node)
            && text_is(filter.tenant.as_ref(), view.who.tenant)
    }
}

/// Goes through a reader line by line.
struct Search<R> {
    matcher: Matcher,
    chunks: Chunks<R>,
    name: String,
    /// Whole lines, of which those before `at` were looked at.
    bytes: Vec<u8>,
    /// Offset of `bytes` in the file.
    offset: u64,
    at: usize,
    ended: bool,
}

impl<R: Read> Iterator for Search<R> {
    type Item = Result<AuditRecord, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.step() {
                Ok(Some(record)) => return Some(Ok(record)),
                Ok(None) => {}
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl<R: Read> Search<R> {
    /// Looks at one line, or reads on.
    fn step(&mut self) -> Result<Option<AuditRecord>, Error> {
        let Some(len) = memchr::memchr(b'\n', &self.bytes[self.at..]) else {
            return self.read_on().map(|()| None);
        };
        let line = &self.bytes[self.at..=self.at + len];
        let at = self.offset + self.at as u64;
        self.at += len + 1;
        let corrupt = |why: String| {
            Error::new(
                ErrorKind::Corrupt,
                "search a log",
                format!("{} at byte {at}: {why}; verify the log", self.name),
            )
        };
        if std::str::from_utf8(line).is_err() {
            return Err(corrupt("the line is not UTF-8".to_owned()));
        }
        let view = LineView::parse(line)
            .map_err(|bad| corrupt(format!("byte {} should be {}", bad.at, bad.expected)))?;
        if !self.matcher.accepts(view.body).map_err(corrupt)? {
            return Ok(None);
        }
        AuditRecord::parse(line).map(Some)
    }

    fn read_on(&mut self) -> Result<(), Error> {
        let bytes = std::mem::take(&mut self.bytes);
        self.at = 0;
        match self.chunks.next(bytes) {
            Ok(Chunk::Lines { bytes, offset }) => {
                self.bytes = bytes;
                self.offset = offset;
                Ok(())
            }
            Ok(Chunk::TooLong { offset, len }) => Err(Error::new(
                ErrorKind::Corrupt,
                "search a log",
                format!(
                    "{} at byte {offset}: a line of {len} bytes is longer than any record; verify the log",
                    self.name
                ),
            )),
            Ok(Chunk::End { .. }) => {
                self.ended = true;
                Ok(())
            }
            Err(error) => Err(unreadable(Path::new(&self.name), error)),
        }
    }
}
