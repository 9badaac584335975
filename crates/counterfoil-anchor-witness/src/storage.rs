//! Where a witness keeps what it cosigned.

use std::fmt::Debug;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use counterfoil_merkle::note::MAX_NOTE_LEN;

use crate::Error;
use crate::evidence::{EvidenceDir, create_dir, replace, sha256_hex};

const OPEN: &str = "open the state of a witness";

/// Keeps, per origin, the last note that a witness cosigned.
///
/// # Contract
/// - **Durability.** When [`store`](Self::store) answers `Ok` the note survives whatever the storage promises to survive, and
///   [`load`](Self::load) answers it from then on. When it fails, the old note or the new one is kept, never a mixture.
/// - **One witness.** Only one witness uses it at a time; it orders its calls per origin, and calls for different origins
///   come at the same time.
pub trait WitnessStorage: Debug + Send + Sync + 'static {
    /// The note that was stored last, byte for byte; `None` when there never was one.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(&self, origin: &str) -> io::Result<Option<String>>;

    /// Replaces the note.
    ///
    /// # Errors
    /// When it cannot be stored.
    fn store(&self, origin: &str, note: &str) -> io::Result<()>;

    /// Keeps signed heads that contradict each other, each given as its size and its note, for good, and answers with where they
    /// are, in the same order.
    ///
    /// # Errors
    /// When they cannot be kept.
    fn keep_evidence(&self, origin: &str, heads: &[(u64, &str)]) -> io::Result<Vec<PathBuf>>;
}

/// A witness's state in a directory: per log a file `<hex of SHA-256(origin)>.checkpoint`, and a folder `evidence`.
///
/// A note is replaced as a whole: written beside the old one, synced, renamed over it, and the directory synced. The directory
/// belongs to one process at a time, which holds a lock on the file `lock` in it. Losing the directory means that the
/// witness forgets what it cosigned and can be made to cosign another history: keep it on a disk of its own, and never restore
/// it from an old copy while the logs go on.
#[derive(Debug)]
pub struct FileWitnessStorage {
    dir: PathBuf,
    evidence: EvidenceDir,
    /// Holds the lock.
    _lock: File,
}

impl FileWitnessStorage {
    /// Opens the state in `dir`, which is created if it is not there.
    ///
    /// # Errors
    /// When the directory cannot be created or written, or another process uses it.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, Error> {
        let dir = dir.into();
        let shown = dir.display().to_string();
        create_dir(&dir).map_err(|error| {
            Error::state(
                OPEN,
                format!(
                    "{shown} cannot be created; the directory above it must exist and be writable"
                ),
                error,
            )
        })?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join("lock"))
            .map_err(|error| Error::state(OPEN, format!("{shown} cannot be written"), error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::invalid(
                    OPEN,
                    format!(
                        "another process uses {shown}; stop it, or give this witness a directory of its own"
                    ),
                ));
            }
            Err(TryLockError::Error(error)) => {
                return Err(Error::state(
                    OPEN,
                    format!("{shown} cannot be locked"),
                    error,
                ));
            }
        }
        Ok(Self {
            evidence: EvidenceDir::new(dir.join("evidence")),
            dir,
            _lock: lock,
        })
    }

    fn file(&self, origin: &str) -> PathBuf {
        let hash = sha256_hex(origin.as_bytes());
        self.dir.join(format!("{hash}.checkpoint"))
    }
}

impl WitnessStorage for FileWitnessStorage {
    fn load(&self, origin: &str) -> io::Result<Option<String>> {
        read(&self.file(origin))
    }

    fn store(&self, origin: &str, note: &str) -> io::Result<()> {
        replace(&self.file(origin), note.as_bytes())
    }

    fn keep_evidence(&self, origin: &str, heads: &[(u64, &str)]) -> io::Result<Vec<PathBuf>> {
        self.evidence.keep(origin, heads)
    }
}

fn read(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(MAX_NOTE_LEN as u64 + 1)
        .read_to_string(&mut text)?;
    Ok(Some(text))
}
