//! The file operations that a log is made of, so that tests can make each of them fail.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// What an [`AuditLog`](crate::AuditLog) asks of a file system. [`StdFiles`] is the real one; tests give one that fails.
///
/// # Contract
/// - A successful [`sync`](LogFile::sync) of a file means that everything written to it before is on stable storage; of a
///   directory, that its entries are. Nothing else may be taken for durable.
/// - A failed `sync` says nothing about what is stored, then or later. The log never asks the same file again.
/// - Names are UTF-8; files that are not are not listed.
/// - Called from the sealer, the committer and the anchoring thread, on different files at once and on one file from two.
///
/// # Cancellation
/// The calls block and cannot be cancelled.
///
/// # Errors
/// Those of the operating system, unchanged: the log tells a full disk from others by the error's kind.
///
/// # Conformance
/// The recovery and fault tests of this crate run against it.
pub trait FileSystem: Debug + Send + Sync + 'static {
    /// Creates a directory with those above it, unless it is there. The entry of each that it creates is on stable storage when
    /// this returns, and so is that of the one which it creates them in: whoever created that may have been killed before it was.
    ///
    /// # Errors
    /// See the trait.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// As [`create_dir`](Self::create_dir), readable by the owner of the process alone where the file system knows owners.
    ///
    /// # Errors
    /// See the trait.
    fn create_private_dir(&self, path: &Path) -> io::Result<()> {
        self.create_dir(path)
    }

    /// Opens a directory, to be held and synced.
    ///
    /// # Errors
    /// See the trait.
    fn open_dir(&self, path: &Path) -> io::Result<Box<dyn LogFile>>;

    /// The names in a directory, sorted; none when there is no directory.
    ///
    /// # Errors
    /// See the trait.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// The whole content of a file.
    ///
    /// # Errors
    /// See the trait; [`NotFound`](io::ErrorKind::NotFound) when there is none.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Creates a file for appending and reading, empty even if there was one.
    ///
    /// # Errors
    /// See the trait.
    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>>;

    /// Opens a file for appending and reading.
    ///
    /// # Errors
    /// See the trait.
    fn append(&self, path: &Path) -> io::Result<Box<dyn LogFile>>;

    /// Opens a file for reading and for writing over what is there; it never grows.
    ///
    /// # Errors
    /// See the trait.
    fn open_in_place(&self, path: &Path) -> io::Result<Box<dyn LogFile>>;

    /// Opens or creates a file and takes the lock on it, which the operating system gives back when the process ends; `None`
    /// when another process or log holds it.
    ///
    /// # Errors
    /// See the trait.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn LogFile>>>;

    /// Renames, replacing what is there.
    ///
    /// # Errors
    /// See the trait.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// See the trait.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// See the trait.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
}

/// An open file or directory. Writes append.
pub trait LogFile: Debug + Send + Sync + 'static {
    /// Appends; may take only a part, and says how much.
    ///
    /// # Errors
    /// See [`FileSystem`].
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Writes from byte `at` on, over what is there. Not for files that were opened for appending.
    ///
    /// # Errors
    /// See [`FileSystem`].
    fn overwrite(&self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// The first `len` bytes.
    ///
    /// # Errors
    /// See [`FileSystem`]; [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when there are fewer.
    fn read_first(&self, len: u64) -> io::Result<Vec<u8>>;

    /// Waits until everything written is on stable storage. Metadata that reading does not need may be left out.
    ///
    /// # Errors
    /// See [`FileSystem`].
    fn sync(&self) -> io::Result<()>;

    /// Whether the file is still the one found under its name.
    ///
    /// # Errors
    /// See [`FileSystem`].
    fn is_in_place(&self) -> io::Result<bool>;
}

/// Appends everything; an interrupted call is repeated, a short write is continued.
pub(crate) fn write_all(file: &dyn LogFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(taken) => bytes = bytes.get(taken..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes the entry of a directory durable. One above it that may not be looked into was created by nobody who is asking here.
pub(crate) fn sync_entry(files: &dyn FileSystem, dir: &Path) -> io::Result<()> {
    match files.open_dir(parent_of(dir)) {
        Ok(parent) => parent.sync(),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}

/// The directory that a path lies in; the root lies in itself.
fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

/// The operating system's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct StdFiles;

#[derive(Debug)]
struct StdFile {
    file: File,
    path: PathBuf,
}

impl StdFile {
    fn boxed(file: File, path: &Path) -> Box<dyn LogFile> {
        Box::new(Self {
            file,
            path: path.to_owned(),
        })
    }
}

impl FileSystem for StdFiles {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        let parent = parent_of(path);
        if parent.is_dir() {
            sync_entry(self, parent)?;
        } else {
            self.create_dir(parent)?;
        }
        fs::create_dir_all(path)?;
        File::open(parent)?.sync_data()
    }

    fn create_private_dir(&self, path: &Path) -> io::Result<()> {
        if !path.is_dir() {
            DirBuilder::new().mode(0o700).create(path)?;
        }
        match path.parent() {
            Some(parent) => File::open(parent)?.sync_data(),
            None => Ok(()),
        }
    }

    fn open_dir(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        Ok(StdFile::boxed(File::open(path)?, path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(path)?;
        Ok(StdFile::boxed(file, path))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let file = OpenOptions::new().read(true).append(true).open(path)?;
        Ok(StdFile::boxed(file, path))
    }

    fn open_in_place(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(StdFile::boxed(file, path))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn LogFile>>> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(StdFile::boxed(file, path))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }
}

impl LogFile for StdFile {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.file).write(bytes)
    }

    fn overwrite(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, at)
    }

    fn read_first(&self, len: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        // On macOS this is F_FULLFSYNC, on Linux fdatasync; a directory has no data, and there it is fsync in effect.
        self.file.sync_data()
    }

    fn is_in_place(&self) -> io::Result<bool> {
        let held = self.file.metadata()?;
        if held.nlink() == 0 {
            return Ok(false);
        }
        match fs::metadata(&self.path) {
            Ok(named) => Ok((named.dev(), named.ino()) == (held.dev(), held.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}
