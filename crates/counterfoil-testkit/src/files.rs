//! A file system in memory that knows what would outlive a power failure, and that fails when told to.
//!
//! # The model
//! Every file and directory has what processes see and what is on stable storage. Between the two lie the changes since the
//! last sync of that file or directory, and a power failure decides about each of them alone
//! ([`after_crash`](MemFiles::after_crash)):
//!
//! - **Data.** Each block of a file has the content of any moment since the last sync of the file: the oldest, the newest, one in
//!   between. Blocks are 4 KiB, 512 bytes, or pages torn at any byte. The length is that of any of those moments as well, so
//!   that a file may be long and hold zeros, or what lay on the disk before.
//! - **Names.** Each creation, rename and removal happened or did not, independently of the others, of the data, and of other
//!   directories, until its directory is synced. A rename is one change: it happened or did not as a whole, as on every file
//!   system with a journal. A sync of a file says nothing about its name.
//! - **Failed syncs.** Some pages were written and others not; all of them are clean now. Later syncs succeed and write
//!   only what was changed again. What is read afterwards is the new content (ext4, XFS) or what is stored
//!   ([`Faults::reverts`]; btrfs).
//! - **Processes.** When only the process dies everything stays visible ([`after_kill`](MemFiles::after_kill)), and write-back
//!   that fails afterwards is reported to nobody ([`after_kill_unheard`](MemFiles::after_kill_unheard)).
//! - **Calls** fail as [`Faults`] says. A failed call other than a sync changes nothing.
//!
//! What it takes for granted, because no program can do without: a sync that succeeds has written everything; what is
//! stable stays as it is; and a rename is atomic.
//!
//! Everything that is drawn comes from a [`SeededRng`], so a crash can be repeated.

mod crash;
mod disk;
mod faults;
mod handle;
mod node;

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use counterfoil_audit::{FileSystem, LogFile};

use crate::SeededRng;
use disk::Disk;
use handle::Handle;

pub use faults::{Failure, Faults};

/// Files in memory. Cheap to clone: clones show the same files.
///
/// ```
/// use std::path::Path;
/// use counterfoil_audit::FileSystem;
/// use counterfoil_testkit::files::MemFiles;
///
/// let files = MemFiles::default();
/// files.create_dir(Path::new("/log"))?;
/// let directory = files.open_dir(Path::new("/log"))?;
/// let file = files.create(Path::new("/log/a"))?;
/// file.write(b"synced")?;
/// file.sync()?;
/// // Its name is not: a power failure may take it.
/// assert!(files.after_power_failure().read(Path::new("/log/a")).is_err());
/// directory.sync()?;
/// assert_eq!(files.after_power_failure().read(Path::new("/log/a"))?, b"synced");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemFiles {
    disk: Arc<Mutex<Disk>>,
    /// Held by the process that uses these files; gone with it.
    locks: Arc<Mutex<BTreeSet<usize>>>,
    moments: Arc<Mutex<Option<Moments>>>,
}

/// What the files were before the first operation and after each.
#[derive(Clone, Debug, Default)]
struct Moments {
    disks: Vec<Disk>,
    operations: Vec<Operation>,
}

/// A call that was to change something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation {
    /// Which.
    pub call: &'static str,
    /// What it was called on.
    pub path: PathBuf,
    /// How it failed, if it did.
    pub failure: Option<String>,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.call, self.path.display())?;
        match &self.failure {
            Some(failure) => write!(f, " ({failure})"),
            None => Ok(()),
        }
    }
}

impl MemFiles {
    /// Sets what goes wrong from now on.
    pub fn set(&self, faults: Faults) {
        self.disk().faults = faults;
    }

    /// Calls that change something, so far. Those that fail count too.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.disk().operations
    }

    /// All calls, so far: [`Faults::at`] counts in them.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.disk().calls
    }

    /// Keeps what the files are after each operation from now on, for [`moments`](Self::moments).
    pub fn record(&self) {
        let now = self.disk().clone();
        *self.recorded() = Some(Moments {
            disks: vec![now],
            operations: Vec::new(),
        });
    }

    /// The files as they were when recording began and after each operation since, in order. Each is a machine of its own.
    #[must_use]
    pub fn moments(&self) -> Vec<Self> {
        let recorded = self.recorded();
        let disks = recorded.iter().flat_map(|moments| &moments.disks);
        disks.map(|disk| Self::from(disk.clone())).collect()
    }

    /// What was done between those moments.
    #[must_use]
    pub fn recorded_operations(&self) -> Vec<Operation> {
        let recorded = self.recorded();
        let operations = recorded.iter().flat_map(|moments| &moments.operations);
        operations.cloned().collect()
    }

    /// What is left after a power failure of which nothing survived that was not synced.
    #[must_use]
    pub fn after_power_failure(&self) -> Self {
        Self::from(self.disk().stable_only())
    }

    /// What is left after a power failure: each change that was not synced is kept or lost by lot (see the model).
    #[must_use]
    pub fn after_crash(&self, rng: &mut SeededRng) -> Self {
        Self::from(self.disk().after_crash(rng))
    }

    /// As [`after_power_failure`](Self::after_power_failure), but of each file that was only appended to, `kept` more bytes
    /// happened to be written back.
    #[must_use]
    pub fn after_power_failure_with(&self, kept: usize) -> Self {
        Self::from(self.disk().stable_and(kept))
    }

    /// Everything as it is, cached or not: what the next process finds after `kill -9`.
    #[must_use]
    pub fn after_kill(&self) -> Self {
        Self::from(self.disk().clone())
    }

    /// As [`after_kill`](Self::after_kill), but of what was not synced, pages drawn by lot were not written when the machine
    /// tried to, and it told nobody. They can be read, and a sync does not write them any more.
    #[must_use]
    pub fn after_kill_unheard(&self, rng: &mut SeededRng) -> Self {
        Self::from(self.disk().after_failed_write_back(rng))
    }

    /// Whether there is something that was not synced: where there is not, every power failure leaves the same.
    #[must_use]
    pub fn is_stable(&self) -> bool {
        self.disk().is_stable()
    }

    /// All segments of the log in `dir`, one behind the other.
    ///
    /// # Panics
    /// When one cannot be read.
    #[must_use]
    pub fn log_bytes(&self, dir: &Path) -> Vec<u8> {
        self.disk().log_bytes(dir)
    }

    /// Changes the content of a file behind everybody's back, durably.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        self.disk().tamper(path, change);
    }

    /// Removes a file behind everybody's back, durably. Where there is none it does nothing.
    pub fn delete(&self, path: &Path) {
        self.disk().delete(path);
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recorded(&self) -> MutexGuard<'_, Option<Moments>> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something that changes the files, and keeps the moment where moments are recorded.
    fn change<T>(
        &self,
        call: &'static str,
        path: &Path,
        action: impl FnOnce(&mut Disk) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut disk = self.disk();
        let outcome = action(&mut disk);
        if let Some(moments) = &mut *self.recorded() {
            moments.disks.push(disk.clone());
            moments.operations.push(Operation {
                call,
                path: path.to_owned(),
                failure: outcome.as_ref().err().map(ToString::to_string),
            });
        }
        outcome
    }

    fn open(&self, path: &Path, node: usize, locks: bool) -> Box<dyn LogFile> {
        Box::new(Handle {
            files: self.clone(),
            node,
            path: path.to_owned(),
            locks,
        })
    }
}

impl From<Disk> for MemFiles {
    fn from(disk: Disk) -> Self {
        let disk = Disk {
            faults: Faults::default(),
            ..disk
        };
        Self {
            disk: Arc::new(Mutex::new(disk)),
            ..Self::default()
        }
    }
}

impl FileSystem for MemFiles {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        if self.disk().find(path).is_ok() {
            return Ok(());
        }
        let parent = path.parent().unwrap_or(path);
        if self.disk().find(parent).is_ok() {
            let above = parent.parent().unwrap_or(parent);
            self.change("sync", above, |disk| disk.sync_path(above))?;
        } else {
            self.create_dir(parent)?;
        }
        self.change("create_dir", path, |disk| disk.make_dir(path))?;
        self.change("sync", parent, |disk| disk.sync_path(parent))
    }

    fn open_dir(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let node = self.disk().look_up(path)?;
        Ok(self.open(path, node, false))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.disk().list(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.disk().read(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let node = self.change("create", path, |disk| disk.create(path))?;
        Ok(self.open(path, node, false))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let node = self.disk().look_up(path)?;
        Ok(self.open(path, node, false))
    }

    fn open_in_place(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        self.append(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn LogFile>>> {
        let found = self.disk().look_up(path);
        let node = match found {
            Ok(node) => node,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.change("create", path, |disk| disk.create(path))?
            }
            Err(error) => return Err(error),
        };
        let is_free = self.held().insert(node);
        Ok(is_free.then(|| self.open(path, node, true)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change("rename", from, |disk| disk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change("remove", path, |disk| disk.remove(path))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        if !self.list(path)?.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.change("remove_dir", path, |disk| disk.remove(path))
    }
}

impl MemFiles {
    fn held(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
