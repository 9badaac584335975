//! Up to which record the consumer has acted, over crashes.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A number in a file that is replaced as a whole.
#[derive(Debug)]
pub(crate) struct Position {
    path: PathBuf,
    seq: u64,
}

impl Position {
    /// The one in `path`; 0 when there is none.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let seq = match fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().map_err(|_| {
                let what = format!("{} holds no number of a record", path.display());
                io::Error::new(io::ErrorKind::InvalidData, what)
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        Ok(Self { path, seq })
    }

    pub(crate) const fn seq(&self) -> u64 {
        self.seq
    }

    /// Durable when it returns.
    pub(crate) fn advance(&mut self, seq: u64) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let mut draft = NamedTempFile::new_in(directory)?;
        writeln!(draft, "{seq}")?;
        draft.as_file().sync_all()?;
        draft.persist(&self.path)?;
        File::open(directory)?.sync_all()?;
        self.seq = seq;
        Ok(())
    }
}
