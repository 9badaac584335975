//! The lines of a log directory or of a file, one after another, and how to come in anywhere.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use counterfoil_audit::MAX_LINE;

use crate::{Error, ErrorKind};

/// Reads lines beside a writer. At the end it can be asked again: what was written meanwhile is found, in this file and in
/// those that follow it.
#[derive(Debug)]
pub(crate) struct Lines {
    /// The log directory; `None` for one file.
    log: Option<PathBuf>,
    files: VecDeque<LogFile>,
    open: Option<Open>,
    line: Vec<u8>,
    /// Lines of lower numbers are passed over.
    from: u64,
}

/// A file of a log.
#[derive(Clone, Debug)]
pub(crate) struct LogFile {
    pub(crate) path: PathBuf,
    /// The number of its first record, by its name; `None` for a file that is no segment.
    pub(crate) first: Option<u64>,
}

#[derive(Debug)]
struct Open {
    file: LogFile,
    reader: BufReader<File>,
    inode: u64,
    /// Where the line begins that is read next.
    offset: u64,
    /// Which line of its file that is, from 0.
    number: u64,
    /// The record that the next line should be, where names of files say so.
    seq: Option<u64>,
}

/// What was read.
#[derive(Debug)]
pub(crate) enum Got<'a> {
    /// A whole line with its line feed, or more bytes than a line may have.
    Line(Line<'a>),
    /// The last line has no line feed.
    Unfinished {
        place: String,
    },
    End,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) bytes: &'a [u8],
    /// The record that it should be, as its place says.
    pub(crate) seq: Option<u64>,
    /// Where in its file it begins.
    pub(crate) offset: u64,
    file: &'a LogFile,
    number: u64,
}

impl Line<'_> {
    pub(crate) fn place(&self) -> String {
        place(self.file, self.number)
    }

    /// The first record of its segment; 0 in a file that is none.
    pub(crate) fn segment(&self) -> u64 {
        self.file.first.unwrap_or(0)
    }
}

fn place(file: &LogFile, number: u64) -> String {
    format!("line {} of {}", number + 1, file.path.display())
}

impl Lines {
    /// The segments of the log at `path`, or the one file that it is.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let metadata = fs::metadata(path).map_err(|error| cannot(path, error))?;
        let (log, files) = if metadata.is_dir() {
            (Some(path.to_owned()), segments(path)?)
        } else {
            let file = LogFile {
                path: path.to_owned(),
                first: None,
            };
            (None, vec![file])
        };
        Ok(Self {
            log,
            files: files.into(),
            open: None,
            line: Vec::new(),
            from: 0,
        })
    }

    /// Goes to record `seq`, or to the first one behind it that is there. Of one file it cannot know where that is.
    pub(crate) fn seek(&mut self, seq: u64) -> Result<(), Error> {
        let Some(log) = &self.log else {
            return Ok(());
        };
        let mut files: VecDeque<LogFile> = segments(log)?.into();
        while files
            .get(1)
            .is_some_and(|next| next.first.is_some_and(|first| first <= seq))
        {
            files.pop_front();
        }
        (self.files, self.open, self.from) = (files, None, seq);
        self.line.clear();
        Ok(())
    }

    /// Goes to `offset` in the segment that begins with record `segment`, where record `seq` begins, and passes over the lines
    /// before record `from`. `false` when there is no such segment any more.
    pub(crate) fn seek_to(
        &mut self,
        segment: u64,
        offset: u64,
        seq: u64,
        from: u64,
    ) -> Result<bool, Error> {
        self.line.clear();
        self.from = from;
        if let Some(open) = &mut self.open
            && open.file.first == Some(segment)
        {
            let by = i64::try_from(offset).unwrap_or(i64::MAX)
                - i64::try_from(open.offset).unwrap_or(i64::MAX);
            open.reader
                .seek_relative(by)
                .map_err(|error| cannot(&open.file.path, error))?;
            (open.offset, open.number) = (offset, seq.saturating_sub(segment));
            open.seq = Some(seq);
            return Ok(true);
        }
        let Some(log) = &self.log else {
            return Ok(false);
        };
        let mut files: VecDeque<LogFile> = segments(log)?.into();
        while files.front().is_some_and(|file| file.first < Some(segment)) {
            files.pop_front();
        }
        if files.front().is_none_or(|file| file.first != Some(segment)) {
            return Ok(false);
        }
        (self.files, self.open) = (files, None);
        self.advance()?;
        let Some(open) = &mut self.open else {
            return Ok(false);
        };
        // Retention may have taken it just now.
        if open.file.first != Some(segment) {
            return Ok(false);
        }
        open.reader
            .seek(SeekFrom::Start(offset))
            .map_err(|error| cannot(&open.file.path, error))?;
        (open.offset, open.number) = (offset, seq.saturating_sub(segment));
        open.seq = Some(seq);
        Ok(true)
    }

    /// The first record that is there, as names of files say.
    pub(crate) fn first(&self) -> Result<Option<u64>, Error> {
        let Some(log) = &self.log else {
            return Ok(None);
        };
        Ok(segments(log)?.first().and_then(|file| file.first))
    }

    /// The next line.
    pub(crate) fn read(&mut self) -> Result<Got<'_>, Error> {
        loop {
            if self.open.is_none() && !self.advance()? {
                return Ok(Got::End);
            }
            let Some(open) = &mut self.open else {
                return Ok(Got::End);
            };
            // A line that had no end yet is read on.
            if self.line.last() == Some(&b'\n') || self.line.len() > MAX_LINE {
                self.line.clear();
            }
            // One byte more than the longest line tells a line that is too long from one that fits.
            let room = (MAX_LINE + 1 - self.line.len()) as u64;
            let read = (&mut open.reader)
                .take(room)
                .read_until(b'\n', &mut self.line)
                .map_err(|error| cannot(&open.file.path, error))?;
            let whole = self.line.last() == Some(&b'\n') || self.line.len() > MAX_LINE;
            if read > 0 && whole {
                let (number, offset, seq) = (open.number, open.offset, open.seq);
                open.offset += self.line.len() as u64;
                if self.line.last() == Some(&b'\n') {
                    open.number += 1;
                    open.seq = seq.map(|seq| seq + 1);
                }
                if seq.is_some_and(|seq| seq < self.from) {
                    continue;
                }
                let Some(open) = &self.open else {
                    return Ok(Got::End);
                };
                return Ok(Got::Line(Line {
                    bytes: &self.line,
                    seq,
                    offset,
                    file: &open.file,
                    number,
                }));
            }
            if !self.line.is_empty() {
                let place = place(&open.file, open.number);
                if !self.was_cut()? {
                    return Ok(Got::Unfinished { place });
                }
                continue;
            }
            if !self.files.is_empty() {
                self.open = None;
                continue;
            }
            if self.was_cut()? || self.has_grown()? {
                continue;
            }
            return Ok(Got::End);
        }
    }

    /// Opens the next file that is still there.
    fn advance(&mut self) -> Result<bool, Error> {
        while let Some(file) = self.files.pop_front() {
            let opened = match &self.log {
                Some(_) => open_regular(&file.path),
                None => File::open(&file.path),
            };
            let reader = match opened {
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound && self.was_let_go(&file)? =>
                {
                    continue;
                }
                opened => opened.map_err(|error| cannot(&file.path, error))?,
            };
            let inode = reader
                .metadata()
                .map_err(|error| cannot(&file.path, error))?
                .ino();
            self.open = Some(Open {
                reader: BufReader::with_capacity(1 << 16, reader),
                inode,
                offset: 0,
                number: 0,
                seq: file.first,
                file,
            });
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether retention took a segment since it was listed: it takes whole ones, the oldest first.
    fn was_let_go(&self, file: &LogFile) -> Result<bool, Error> {
        let first = self.first()?;
        Ok(first.is_some() && file.first < first)
    }

    /// Whether a recovery took away the end that was read here; the place is then found again by number.
    fn was_cut(&mut self) -> Result<bool, Error> {
        let Some(open) = &self.open else {
            return Ok(false);
        };
        let Some(seq) = open.seq else {
            return Ok(false);
        };
        let same = fs::metadata(&open.file.path).is_ok_and(|metadata| {
            metadata.ino() == open.inode && metadata.len() >= open.offset + self.line.len() as u64
        });
        if same {
            return Ok(false);
        }
        self.seek(seq)?;
        // Retention may have taken the segment, and it may have been the last one.
        Ok(!self.files.is_empty())
    }

    /// Whether there are segments behind the one that was read.
    fn has_grown(&mut self) -> Result<bool, Error> {
        let (Some(log), Some(open)) = (&self.log, &self.open) else {
            return Ok(false);
        };
        self.files = segments(log)?
            .into_iter()
            .filter(|file| file.first > open.file.first)
            .collect();
        // The one before is read once more, for it is final only now.
        Ok(!self.files.is_empty())
    }
}

/// Opens a file of a log directory. A pipe would wait for a writer, and a device might never end.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let regular = |metadata: fs::Metadata| {
        if metadata.is_file() {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is no regular file",
            ))
        }
    };
    regular(fs::metadata(path)?)?;
    let file = File::open(path)?;
    regular(file.metadata()?)?;
    Ok(file)
}

/// The segments of a log in their order.
pub(crate) fn segments(log: &Path) -> Result<Vec<LogFile>, Error> {
    let folder = log.join("segments");
    let cannot_list = |error: io::Error| {
        Error::new(
            ErrorKind::Io,
            "read",
            format!(
                "the log in {}: {}: {error}; give a directory that holds a log, or a .jsonl file",
                log.display(),
                folder.display()
            ),
        )
        .with_source(error)
    };
    let mut segments = Vec::new();
    for entry in fs::read_dir(&folder).map_err(cannot_list)? {
        let path = entry.map_err(cannot_list)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            let first = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .filter(|stem| stem.len() == 20 && stem.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|stem| stem.parse().ok());
            segments.push(LogFile { path, first });
        }
    }
    // Names are numbers of 20 digits, so their order is the order of the log.
    segments.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(segments)
}

pub(crate) fn segment_path(log: &Path, first: u64) -> PathBuf {
    log.join("segments").join(format!("{first:020}.jsonl"))
}

pub(crate) fn cannot(path: &Path, error: io::Error) -> Error {
    Error::new(
        ErrorKind::Io,
        "read",
        format!(
            "{}: {error}; give a log directory or a .jsonl file",
            path.display()
        ),
    )
    .with_source(error)
}
