//! An open file or directory.

use std::io;
use std::path::PathBuf;

use counterfoil_audit::LogFile;

use super::MemFiles;

#[derive(Debug)]
pub(super) struct Handle {
    pub(super) files: MemFiles,
    pub(super) node: usize,
    pub(super) path: PathBuf,
    pub(super) locks: bool,
}

impl LogFile for Handle {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.files
            .change("write", &self.path, |disk| disk.write(self.node, bytes))
    }

    fn overwrite(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.files.change("overwrite", &self.path, |disk| {
            disk.overwrite(self.node, at, bytes)
        })
    }

    fn read_first(&self, len: u64) -> io::Result<Vec<u8>> {
        self.files.disk().read_first(self.node, len)
    }

    fn sync(&self) -> io::Result<()> {
        let is_segment = self
            .path
            .extension()
            .is_some_and(|extension| extension == "jsonl");
        self.files
            .change("sync", &self.path, |disk| disk.sync(self.node, is_segment))
    }

    fn is_in_place(&self) -> io::Result<bool> {
        self.files.disk().is_at(self.node, &self.path)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.locks {
            self.files.held().remove(&self.node);
        }
    }
}
