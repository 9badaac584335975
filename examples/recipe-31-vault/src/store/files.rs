//! Objects as files, named by their address.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::address::Address;

/// A directory of objects.
#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
    /// Where objects are written before they have a name.
    incoming: PathBuf,
}

impl Files {
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let incoming = directory.join("incoming");
        // What was being written when the process ended is worth nothing.
        match fs::remove_dir_all(&incoming) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&incoming)?,
        }
        Ok(Self {
            directory: directory.to_owned(),
            incoming,
        })
    }

    /// Writes and syncs bytes that nobody can find yet.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<NamedTempFile> {
        let mut file = NamedTempFile::new_in(&self.incoming)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    }

    /// Gives them their name, which a crash does not take away.
    pub(super) fn publish(&self, file: NamedTempFile, address: Address) -> io::Result<()> {
        let path = self.path(address);
        let folder = path.parent().unwrap_or(&self.directory);
        if !folder.exists() {
            fs::create_dir(folder)?;
            sync(&self.directory)?;
        }
        file.persist(&path).map_err(|error| error.error)?;
        sync(folder)
    }

    pub(super) fn read(&self, address: Address) -> io::Result<Vec<u8>> {
        fs::read(self.path(address))
    }

    pub(super) fn remove(&self, address: Address) -> io::Result<()> {
        match fs::remove_file(self.path(address)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// `objects/e3/e3b0c442…`, so that no directory grows too large.
    fn path(&self, address: Address) -> PathBuf {
        let name = address.to_string();
        self.directory.join(&name[..2]).join(name)
    }
}

/// Makes names in a directory durable.
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
