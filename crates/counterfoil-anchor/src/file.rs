//! The anchor of one log as a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use atomic_write_file::AtomicWriteFile;
use counterfoil_core::{ChainId, Head};

use crate::{Anchor, AnchorStore, Error, ErrorKind, check_advance};

const OPEN: &str = "open the anchor file";
const LOAD: &str = "load the anchor";
const ADVANCE: &str = "advance the anchor";
/// A checkpoint of the largest size, every byte of it escaped, still fits.
const MAX_FILE_LEN: u64 = 8 << 20;

/// Keeps the anchor of one log in one file, `anchor.json`.
///
/// The file is replaced as a whole: the new text is written beside it, synced and renamed over it, and then the directory is
/// synced. Readers see the old anchor or the new one. Writers, in this process or another one on this host, take turns
/// through a lock on `<file>.lock`, which stays in the directory. Keep the file apart from the log: whoever can write both
/// can rewrite both.
///
/// One advance costs two or three syncs of the file system. Network file systems are fit only if they honour file locks.
///
/// ```
/// use counterfoil_anchor::{AnchorStore, FileAnchorStore};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let store = FileAnchorStore::open(directory.path().join("anchor.json"))?;
/// assert!(format!("{store:?}").contains("anchor.json"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FileAnchorStore {
    path: PathBuf,
    /// Locked for as long as an anchor is compared and replaced. The mutex keeps this process's threads apart, which share
    /// the descriptor and therefore the file lock.
    lock: Mutex<File>,
    opening: Opening,
}

/// What [`FileAnchorStore`] met when it was opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Opening {
    /// An anchor.
    Anchored,
    /// No file: the log is not anchored yet.
    Unanchored,
    /// A file that holds no anchor. It was renamed, and the log is not anchored now.
    SetAside {
        /// Where the file is now, byte for byte.
        kept_as: PathBuf,
        /// Why it is no anchor.
        reason: Error,
    },
}

impl FileAnchorStore {
    /// Opens the store in `path`. A file that does not exist yet is an empty store.
    ///
    /// # Errors
    /// When the file is there and holds no anchor, or cannot be read, or its directory does not exist or cannot be written.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let mut store = Self::with_lock(path.into())?;
        if read(OPEN, &store.path)?.is_some() {
            store.opening = Opening::Anchored;
        }
        Ok(store)
    }

    /// Opens the store in `path`; a file that holds no anchor is renamed to `<file>.corrupt-<n>` first, and the store is
    /// empty (audit specification §8). The file is never overwritten or removed; [`opening`](Self::opening) tells.
    ///
    /// # Errors
    /// When the file cannot be read or renamed, or its directory does not exist or cannot be written.
    pub fn load_or_unanchored(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let mut store = Self::with_lock(path.into())?;
        store.opening = store.locked(OPEN, |path| match read(OPEN, path) {
            Ok(Some(_)) => Ok(Opening::Anchored),
            Ok(None) => Ok(Opening::Unanchored),
            Err(reason) if reason.kind() == ErrorKind::Corrupt => {
                let kept_as = set_aside(path).map_err(|error| {
                    unavailable(OPEN, path, "holds no anchor and cannot be renamed", error)
                })?;
                Ok(Opening::SetAside { kept_as, reason })
            }
            Err(error) => Err(error),
        })?;
        Ok(store)
    }

    /// What was met when the store was opened.
    #[must_use]
    pub const fn opening(&self) -> &Opening {
        &self.opening
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn with_lock(path: PathBuf) -> Result<Self, Error> {
        let lock_path = with_suffix(&path, ".lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(|error| {
                unavailable(
                    OPEN,
                    &lock_path,
                    "cannot be created; the directory must exist and be writable",
                    error,
                )
            })?;
        Ok(Self {
            path,
            lock: Mutex::new(lock),
            opening: Opening::Unanchored,
        })
    }

    /// Runs `action` while no other thread and no other process is in here.
    fn locked<T>(
        &self,
        operation: &'static str,
        action: impl FnOnce(&Path) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // The mutex protects a descriptor without state of ours, so a panic elsewhere does no harm.
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        lock.lock()
            .map_err(|error| unavailable(operation, &self.path, "cannot be locked", error))?;
        let outcome = action(&self.path);
        let unlocked = lock
            .unlock()
            .map_err(|error| unavailable(operation, &self.path, "cannot be unlocked", error));
        let value = outcome?;
        unlocked.map(|()| value)
    }
}

#[async_trait]
impl AnchorStore for FileAnchorStore {
    async fn load(&self, chain: &ChainId) -> Result<Option<Anchor>, Error> {
        let anchor = read(LOAD, &self.path)?;
        match anchor {
            Some(anchor) if anchor.head().chain.base() != chain.base() => {
                Err(Error::wrong_log(LOAD, chain, &anchor.head().chain))
            }
            anchor => Ok(anchor),
        }
    }

    async fn advance(
        &self,
        chain: &ChainId,
        expected: Option<&Head>,
        next: &Anchor,
    ) -> Result<Anchor, Error> {
        self.locked(ADVANCE, |path| {
            let current = read(ADVANCE, path)?;
            let stored = check_advance(current.as_ref(), chain, expected, next)?;
            // Written even when it is there already: the attempt before may have failed between rename and sync.
            replace(path, &stored.to_json())
                .map_err(|error| unavailable(ADVANCE, path, "cannot be replaced", error))?;
            Ok(stored.clone())
        })
    }
}

fn read(operation: &'static str, path: &Path) -> Result<Option<Anchor>, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unavailable(operation, path, "cannot be opened", error)),
    };
    let mut text = Vec::new();
    file.take(MAX_FILE_LEN + 1)
        .read_to_end(&mut text)
        .map_err(|error| unavailable(operation, path, "cannot be read", error))?;
    let corrupt = |why: String| {
        Error::corrupt(
            operation,
            format!(
                "{} holds no anchor: {why}; restore it from a copy, or rename it and verify the log before it goes on",
                path.display()
            ),
        )
    };
    if text.len() as u64 > MAX_FILE_LEN {
        return Err(corrupt(format!("it has more than {MAX_FILE_LEN} bytes")));
    }
    Anchor::from_json(&text)
        .map(Some)
        .map_err(|error| corrupt(error.to_string()))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut file = AtomicWriteFile::open(path)?;
    file.write_all(text.as_bytes())?;
    file.commit()
}

/// Renames the file to the first free `<file>.corrupt-<n>` and syncs the directory. Runs under the lock, so no other writer
/// takes the name in between.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    for n in 1_u32.. {
        let aside = with_suffix(path, &format!(".corrupt-{n}"));
        match fs::symlink_metadata(&aside) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::rename(path, &aside)?;
                File::open(directory(path))?.sync_all()?;
                return Ok(aside);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("every name for it is taken"))
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn unavailable(operation: &'static str, path: &Path, what: &str, error: io::Error) -> Error {
    Error::unavailable(operation, format!("{} {what}", path.display()), error)
}
