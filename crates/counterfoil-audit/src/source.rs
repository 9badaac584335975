//! The bytes of a log: segments in order, one file, or a reader.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::line::MAX_LINE;
use crate::value::MAX_INTEGER;
use crate::{Error, ErrorKind};

/// How many bytes are read at once: small enough that a batch stays in the cache of a core while it is checked for UTF-8,
/// parsed and hashed.
const CHUNK: usize = 1 << 18;

/// A file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogFile {
    pub(crate) path: PathBuf,
    /// The number that its name gives to its first record; `None` for a file that is no segment.
    pub(crate) first_seq: Option<u64>,
}

/// The files that `path` stands for: the segments of a log directory, or the one file that it is.
pub(crate) fn files_of(path: &Path) -> Result<Vec<LogFile>, Error> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, error))?;
    if !metadata.is_dir() {
        return Ok(vec![LogFile {
            path: path.to_owned(),
            first_seq: None,
        }]);
    }
    let folder = path.join("segments");
    let entries = fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(&folder, error))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            let Some(first_seq) = segment_number(&path) else {
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    "read a log",
                    format!(
                        "{} is no segment: its name should be the number of its first record in 20 digits and .jsonl",
                        path.display()
                    ),
                ));
            };
            files.push(LogFile {
                path,
                first_seq: Some(first_seq),
            });
        }
    }
    files.sort_by_key(|file| file.first_seq);
    Ok(files)
}

/// What tells a file from another one under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl LogFile {
    /// Which file stands under the name now; `None` where there is none.
    pub(crate) fn id(&self) -> Option<FileId> {
        let metadata = fs::metadata(&self.path).ok()?;
        Some(FileId {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }

    /// How long it is now.
    pub(crate) fn len(&self) -> Option<u64> {
        fs::metadata(&self.path).ok().map(|metadata| metadata.len())
    }

    /// Opens the file, to be read from byte `from` on.
    pub(crate) fn open_at(&self, from: u64) -> io::Result<File> {
        let mut file = self.open()?;
        if from > 0 {
            file.seek(SeekFrom::Start(from))?;
        }
        Ok(file)
    }

    /// Opens the file. What a directory holds has to be a regular file; what the caller named may be a pipe.
    pub(crate) fn open(&self) -> io::Result<File> {
        if self.first_seq.is_some() {
            open_regular(&self.path)
        } else {
            File::open(&self.path)
        }
    }
}

/// Opens a file of a log directory. Only a regular file will do: a pipe would wait for a writer, a device might never end. What it is
/// is asked before opening, which must not wait, and once more of what was opened.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    require_regular(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    require_regular(&file.metadata()?)?;
    Ok(file)
}

fn require_regular(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is no regular file",
    ))
}

/// The content of a file of a log directory: all of it, or one byte more than `limit`.
pub(crate) fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?
        .take(limit + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The whole of a file of text that may have at most `limit` bytes.
pub(crate) fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    let mut text = String::new();
    open_regular(path)?
        .take(limit + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is longer than {limit} bytes"),
        ));
    }
    Ok(text)
}

fn segment_number(path: &Path) -> Option<u64> {
    let digits = path.file_stem()?.to_str()?;
    let number = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    // No record has another number (audit specification §2, §3), so that positions can be counted on.
    let seq = number.then(|| digits.parse().ok())??;
    (1..=MAX_INTEGER).contains(&seq).then_some(seq)
}

pub(crate) fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::new(
        ErrorKind::Io,
        "read a log",
        format!("{}: {error}", path.display()),
    )
    .with_source(error)
}

/// Something to read from, taken apart into whole lines.
#[derive(Debug)]
pub(crate) struct Chunks<R> {
    reader: R,
    /// Bytes of a line that is not complete yet.
    carry: Vec<u8>,
    /// Offset of `carry` in the file.
    offset: u64,
}

/// What a read brought.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// Whole lines, and where they begin in the file.
    Lines { bytes: Vec<u8>, offset: u64 },
    /// A line that is longer than any record: its offset and length.
    TooLong { offset: u64, len: u64 },
    /// The end of the file, and what stands behind the last line feed.
    End { offset: u64, unfinished: Vec<u8> },
}

impl<R: Read> Chunks<R> {
    /// Lines from byte `offset` of a file on, which `reader` gives next.
    pub(crate) const fn new(reader: R, offset: u64) -> Self {
        Self {
            reader,
            carry: Vec::new(),
            offset,
        }
    }

    /// How far whole lines were read.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads on, into `bytes`, whose content does not matter.
    pub(crate) fn next(&mut self, mut bytes: Vec<u8>) -> io::Result<Chunk> {
        let mut len = self.carry.len();
        // Kept at its full length between reads, so that it is zeroed once.
        if bytes.len() < len + CHUNK {
            bytes.resize(len + CHUNK, 0);
        }
        bytes[..len].copy_from_slice(&self.carry);
        self.carry.clear();
        let mut searched = 0;
        loop {
            let end = memchr::memrchr(b'\n', &bytes[searched..len]).map(|at| searched + at + 1);
            if let Some(end) = end {
                self.carry.extend_from_slice(&bytes[end..len]);
                bytes.truncate(end);
                let offset = self.offset;
                self.offset += end as u64;
                return Ok(Chunk::Lines { bytes, offset });
            }
            if len > MAX_LINE {
                return self.too_long(&mut bytes, len);
            }
            searched = len;
            let read = read(&mut self.reader, &mut bytes[len..])?;
            len += read;
            if read == 0 {
                bytes.truncate(len);
                return Ok(Chunk::End {
                    offset: self.offset,
                    unfinished: bytes,
                });
            }
        }
    }

    /// Passes over the rest of a line that no buffer has to hold.
    fn too_long(&mut self, bytes: &mut [u8], len: usize) -> io::Result<Chunk> {
        let offset = self.offset;
        let mut whole = len as u64;
        loop {
            let read = read(&mut self.reader, bytes)?;
            let end = memchr::memchr(b'\n', &bytes[..read]);
            whole += end.map_or(read, |at| at + 1) as u64;
            if let Some(at) = end {
                self.carry.extend_from_slice(&bytes[at + 1..read]);
            }
            if read == 0 || end.is_some() {
                self.offset += whole;
                return Ok(Chunk::TooLong { offset, len: whole });
            }
        }
    }
}

fn read(reader: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
