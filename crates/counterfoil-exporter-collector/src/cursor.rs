//! How far a chain has been shipped, kept over crashes.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use atomic_write_file::AtomicWriteFile;
use counterfoil_core::{ChainId, Digest};
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind};

/// Longest file that is read, in bytes.
const MAX_FILE: u64 = 4 << 10;

/// The last record of a chain that a collector has acknowledged, in a file that is replaced as a whole: `{"chain","seq","hash"}`.
///
/// It is never ahead of what was acknowledged, and may be behind by what was acknowledged just before a crash. The collector's own
/// head decides where to go on; the cursor is what that head is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) chain: ChainId,
    pub(crate) seq: u64,
    pub(crate) hash: Digest,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    chain: String,
    seq: u64,
    hash: String,
}

impl Cursor {
    /// The cursor in `path`; `None` when there is no file yet.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be read, or is no cursor.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>, Error> {
        let failed = |source: io::Error| {
            let context = format!("{} cannot be read", path.display());
            Error::new(ErrorKind::Io, "load the cursor", context).with_source(source)
        };
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
            Ok(found) if found.len() > MAX_FILE => return Err(no_cursor(path)),
            Ok(_) => {}
        }
        let text = fs::read(path).map_err(failed)?;
        let stored: Stored = serde_json::from_slice(&text).map_err(|_| no_cursor(path))?;
        let (chain, hash) = (stored.chain.parse(), stored.hash.parse());
        match (chain, hash) {
            (Ok(chain), Ok(hash)) => Ok(Some(Self {
                chain,
                seq: stored.seq,
                hash,
            })),
            _ => Err(no_cursor(path)),
        }
    }

    /// Replaces the file; durable when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be written; the one before is still there then.
    pub(crate) fn store(&self, path: &Path) -> Result<(), Error> {
        let stored = Stored {
            chain: self.chain.to_string(),
            seq: self.seq,
            hash: self.hash.to_string(),
        };
        // Texts and a number always have a JSON form.
        let text = serde_json::to_string(&stored).unwrap_or_default() + "\n";
        write(path, text.as_bytes()).map_err(|source| {
            let context = format!("{} cannot be written", path.display());
            Error::new(ErrorKind::Io, "store the cursor", context).with_source(source)
        })
    }
}

/// Replaces a file as a whole.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicWriteFile::open(path)?;
    file.write_all(bytes)?;
    file.commit()
}

/// The path with `suffix` behind its last name: beside a log directory and not in it, where only the log's own files are.
pub(crate) fn beside(directory: &Path, suffix: &str) -> PathBuf {
    let mut name = directory.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn no_cursor(path: &Path) -> Error {
    let context = format!(
        "{} is no cursor; look at what wrote it, then remove it: the collector's head says where to go on",
        path.display()
    );
    Error::new(ErrorKind::Io, "load the cursor", context)
}
