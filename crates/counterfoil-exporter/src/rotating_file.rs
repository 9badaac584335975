//! A file of lines that starts anew before it grows too large or too old.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use counterfoil_core::{Clock, SystemClock, Timestamp};

use crate::error::{Error, ErrorKind};

/// When a [`RotatingFile`] starts anew, and how many of the files before it are kept.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    max_bytes: u64,
    max_age: Option<Duration>,
    keep: usize,
}

/// Appends lines to a file, and moves it out of the way before a line would make it too large or once it is too old.
///
/// The file at `path` is the newest; `path.1` is the one before it, `path.2` the one before that, and what is beyond the
/// number to keep is deleted. All of them together have at most `(keep + 1) × max_bytes`, unless one line alone is longer than
/// `max_bytes`: such a line has a file of its own.
///
/// - **Between lines only.** A file ends with the end of a line, and no line is lost or written twice by rotation. A line that
///   a crash or a full disk has cut off is ended before the next one.
/// - **Deleted or moved.** When the path leads to another file than the one that is open, or to none, that file is left where
///   it is and the path opened anew, at the next write. What was written while somebody deleted the file is written again.
/// - **Age** is looked at when something is written: a file without news stays. That of a file that was there before is counted
///   from its creation, as far as the file system knows.
/// - **Permissions** of new files are 0600; those of a file that is there are left alone.
/// - **Errors.** A write that fails (a full disk) or a rotation that fails (no right to rename) is told to the caller, and the
///   next write tries again. Nothing is synced to the disk: a loss of power may cost the last seconds.
///
/// One process writes to a path. The process that collects the lines may follow the file by name or by handle.
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    rotation: Rotation,
    clock: Box<dyn Clock>,
    open: Option<OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    /// Device and inode, by which it is known again.
    identity: (u64, u64),
    since: Timestamp,
    len: u64,
    /// Whether its last byte is no line feed.
    within_line: bool,
}

impl Rotation {
    /// At 64 MiB, whatever its age; four older files are kept.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_age: None,
            keep: 4,
        }
    }

    /// How many bytes a file may have.
    #[must_use]
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// For how long one file is written to.
    #[must_use]
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// How many older files are kept; 0 keeps none.
    #[must_use]
    pub const fn keep(mut self, files: usize) -> Self {
        self.keep = files;
        self
    }
}

impl Default for Rotation {
    fn default() -> Self {
        Self::new()
    }
}

impl RotatingFile {
    /// Opens the file, or creates it; its directory has to be there.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be opened for appending or is no regular file.
    pub fn open(path: impl Into<PathBuf>, rotation: Rotation) -> Result<Self, Error> {
        Self::open_with_clock(path, rotation, SystemClock::new())
    }

    /// The same, with ages by `clock`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with_clock(
        path: impl Into<PathBuf>,
        rotation: Rotation,
        clock: impl Clock,
    ) -> Result<Self, Error> {
        let (path, clock) = (path.into(), Box::new(clock));
        let open = OpenFile::open(&path, &*clock).map_err(|source| {
            let context = format!(
                "{} cannot be appended to; look at its directory and permissions",
                path.display()
            );
            Error::new(ErrorKind::Io, "open a file of lines", context).with_source(source)
        })?;
        Ok(Self {
            path,
            rotation,
            clock,
            open: Some(open),
        })
    }

    /// The open file, which has room for the first line of `lines`.
    fn ready(&mut self, lines: &[u8]) -> io::Result<&mut OpenFile> {
        if let Some(open) = &mut self.open
            && !open.within_line
        {
            match fs::metadata(&self.path) {
                Ok(found) if identity(&found) == open.identity => open.len = found.len(),
                Ok(_) => self.open = None,
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.open = None,
                Err(error) => return Err(error),
            }
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => OpenFile::open(&self.path, &*self.clock)?,
        };
        let due = !open.within_line && open.len > 0 && self.is_due(&open, lines);
        let open = if due {
            drop(open);
            self.make_way()?;
            OpenFile::open(&self.path, &*self.clock)?
        } else {
            open
        };
        Ok(self.open.insert(open))
    }

    fn is_due(&self, open: &OpenFile, lines: &[u8]) -> bool {
        let grown = open.len.saturating_add(first_line(lines) as u64);
        let age = self.clock.utc().since(open.since);
        grown > self.rotation.max_bytes || self.rotation.max_age.is_some_and(|max| age >= max)
    }

    /// Moves every file to the next number, up to the first number that is free. No file is ever renamed onto another, so a
    /// crash half-way loses none.
    fn make_way(&self) -> io::Result<()> {
        let keep = self.rotation.keep;
        let free = (1..=keep).find(|number| !self.numbered(*number).exists());
        let mut beyond = keep;
        while free.is_none() && remove(&self.numbered(beyond))? {
            beyond += 1;
        }
        for number in (0..free.unwrap_or(keep)).rev() {
            fs::rename(self.numbered(number), self.numbered(number + 1))?;
        }
        Ok(())
    }

    /// The path of the file that is `number` files old; 0 is the newest.
    fn numbered(&self, number: usize) -> PathBuf {
        if number == 0 {
            return self.path.clone();
        }
        let mut path = self.path.clone().into_os_string();
        path.push(format!(".{number}"));
        path.into()
    }
}

impl Write for RotatingFile {
    /// Takes as many whole lines as the file has room for, and at least one.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (max_bytes, now) = (self.rotation.max_bytes, self.clock.utc());
        loop {
            let open = self.ready(bytes)?;
            if open.len == 0 {
                // A file without lines does not age.
                open.since = now;
            }
            if !open.within_line && bytes == b"\n" {
                // It ends a line that was cut off in another file, which is not here to be ended.
                return Ok(1);
            }
            let room = max_bytes.saturating_sub(open.len);
            let continued = open.within_line;
            let written = open.append(fitting(bytes, room))?;
            if !open.is_deleted()? {
                return Ok(written);
            }
            self.open = None;
            if continued {
                return Err(io::Error::other(
                    "the file was deleted in the middle of a line",
                ));
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl OpenFile {
    fn open(path: &Path, clock: &dyn Clock) -> io::Result<Self> {
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(io::Error::other("it is no regular file"));
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let mut file = options.open(path)?;
        let found = file.metadata()?;
        if found.len() > 0 && last_byte(&mut file)? != b'\n' {
            file.write_all(b"\n")?;
        }
        let found = file.metadata()?;
        let since = match found.len() {
            0 => clock.utc(),
            _ => created(&found).unwrap_or_else(|| clock.utc()),
        };
        Ok(Self {
            file,
            identity: identity(&found),
            since,
            len: found.len(),
            within_line: false,
        })
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        if let Some(last) = bytes[..written].last() {
            self.len += written as u64;
            self.within_line = *last != b'\n';
        }
        Ok(written)
    }

    fn is_deleted(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.nlink() == 0)
    }
}

fn first_line(lines: &[u8]) -> usize {
    let end = lines.iter().position(|byte| *byte == b'\n');
    end.map_or(lines.len(), |end| end + 1)
}

/// The whole lines that have room, and the first line whether it has or not.
fn fitting(lines: &[u8], room: u64) -> &[u8] {
    let room = usize::try_from(room).unwrap_or(usize::MAX).min(lines.len());
    let end = lines[..room].iter().rposition(|byte| *byte == b'\n');
    &lines[..end.map_or_else(|| first_line(lines), |end| end + 1)]
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

fn created(file: &Metadata) -> Option<Timestamp> {
    let created = file.created().or_else(|_| file.modified()).ok()?;
    let since = created.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_unix_nanos(
        u64::try_from(since.as_nanos()).ok()?,
    ))
}

fn last_byte(file: &mut File) -> io::Result<u8> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last[0])
}

/// Whether there was something to remove.
fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
