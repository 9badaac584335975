//! Bugs that the oracle has to find, planted between the log and its files, or in its anchor store.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use counterfoil_audit::{FileSystem, LogFile};
use counterfoil_testkit::files::MemFiles;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    None,
    /// A sync of a segment is answered, and made when the next file is synced.
    AckBeforeSync,
    /// Directories are never synced.
    NoDirectorySync,
    /// A sync that failed is asked for again, on the same file.
    SyncRetried,
    /// A segment is synced after the checkpoint over it was published.
    CheckpointBeforeSegment,
    /// Tiles come into their place after the checkpoint over them was published.
    AnchorBeforeTiles,
    /// The anchor is stored after the checkpoint was published.
    CheckpointBeforeAnchor,
}

/// Files with a bug in them.
#[derive(Clone, Debug)]
pub(super) struct Planted {
    bug: Bug,
    files: MemFiles,
    owed: Arc<Mutex<Vec<Arc<dyn LogFile>>>>,
    owed_renames: Arc<Mutex<Vec<(PathBuf, PathBuf)>>>,
}

#[derive(Debug)]
struct PlantedFile {
    planted: Planted,
    file: Arc<dyn LogFile>,
    path: PathBuf,
    is_dir: bool,
}

impl Planted {
    pub(super) fn new(bug: Bug, files: &MemFiles) -> Self {
        Self {
            bug,
            files: files.clone(),
            owed: Arc::default(),
            owed_renames: Arc::default(),
        }
    }

    fn boxed(&self, file: Box<dyn LogFile>, path: &Path, is_dir: bool) -> Box<dyn LogFile> {
        if self.bug == Bug::None {
            return file;
        }
        Box::new(PlantedFile {
            planted: self.clone(),
            file: Arc::from(file),
            path: path.to_owned(),
            is_dir,
        })
    }

    fn pay(&self) -> io::Result<()> {
        let owed = std::mem::take(&mut *self.owed.lock().unwrap());
        owed.iter().try_for_each(|file| file.sync())?;
        let owed = std::mem::take(&mut *self.owed_renames.lock().unwrap());
        owed.iter()
            .try_for_each(|(from, to)| self.files.rename(from, to))
    }
}

impl FileSystem for Planted {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.files.create_dir(path)
    }

    fn open_dir(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        Ok(self.boxed(self.files.open_dir(path)?, path, true))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.files.list(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files.read(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        Ok(self.boxed(self.files.create(path)?, path, false))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        Ok(self.boxed(self.files.append(path)?, path, false))
    }

    fn open_in_place(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        self.files.open_in_place(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn LogFile>>> {
        self.files.lock(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.bug == Bug::AnchorBeforeTiles && to.starts_with("/log/tile") {
            let paths = (from.to_owned(), to.to_owned());
            self.owed_renames.lock().unwrap().push(paths);
            return Ok(());
        }
        self.files.rename(from, to)?;
        let is_late = matches!(
            self.bug,
            Bug::CheckpointBeforeSegment | Bug::AnchorBeforeTiles
        );
        if is_late && to.ends_with("checkpoint") {
            self.pay()?;
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files.remove(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.files.remove_dir(path)
    }
}

impl PlantedFile {
    /// Says that it is synced, and leaves that for later.
    fn owe(&self) -> io::Result<()> {
        let mut owed = self.planted.owed.lock().unwrap();
        owed.push(Arc::clone(&self.file));
        Ok(())
    }
}

impl LogFile for PlantedFile {
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
        let is_segment = self.path.extension().is_some_and(|it| it == "jsonl");
        match self.planted.bug {
            Bug::AckBeforeSync => {
                self.planted.pay()?;
                if is_segment {
                    return self.owe();
                }
            }
            Bug::CheckpointBeforeSegment if is_segment => return self.owe(),
            Bug::NoDirectorySync if self.is_dir => return Ok(()),
            Bug::SyncRetried => return self.file.sync().or_else(|_| self.file.sync()),
            _ => {}
        }
        self.file.sync()
    }

    fn is_in_place(&self) -> io::Result<bool> {
        self.file.is_in_place()
    }
}
