//! Files whose segments are not synced for as long as a test holds them.

use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use counterfoil_audit::{FileSystem, LogFile};
use counterfoil_testkit::files::MemFiles;

use crate::log_support::LONG;

#[derive(Clone, Debug)]
pub(crate) struct HeldFiles {
    files: MemFiles,
    held: Arc<(Mutex<bool>, Condvar)>,
}

impl HeldFiles {
    pub(crate) fn new(files: &MemFiles) -> Self {
        Self {
            files: files.clone(),
            held: Arc::default(),
        }
    }

    /// From now on a sync of a segment waits, or none does any more.
    pub(crate) fn hold(&self, held: bool) {
        *self.held.0.lock().unwrap() = held;
        self.held.1.notify_all();
    }
}

impl FileSystem for HeldFiles {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.files.create_dir(path)
    }

    fn open_dir(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        self.files.open_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.files.list(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files.read(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        self.files.create(path)
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        Ok(Box::new(HeldFile {
            file: self.files.append(path)?,
            held: Arc::clone(&self.held),
        }))
    }

    fn open_in_place(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        self.files.open_in_place(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn LogFile>>> {
        self.files.lock(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.files.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files.remove(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.files.remove_dir(path)
    }
}

#[derive(Debug)]
struct HeldFile {
    file: Box<dyn LogFile>,
    held: Arc<(Mutex<bool>, Condvar)>,
}

impl LogFile for HeldFile {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn overwrite(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.overwrite(at, bytes)
    }

    fn read_first(&self, len: u64) -> io::Result<Vec<u8>> {
        self.file.read_first(len)
    }

    fn sync(&self) -> io::Result<()> {
        let held = self.held.0.lock().unwrap();
        let waited = self.held.1.wait_timeout_while(held, LONG, |held| *held);
        assert!(!*waited.unwrap().0, "the test never let go");
        self.file.sync()
    }

    fn is_in_place(&self) -> io::Result<bool> {
        self.file.is_in_place()
    }
}
