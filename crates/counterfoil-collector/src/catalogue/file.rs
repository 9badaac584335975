//! The catalogue as one file of JSON lines.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use counterfoil::{ChainId, Timestamp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{Catalogue, ChainEntry};
use crate::{Error, ErrorKind};

const OPEN: &str = "open the catalogue";
const REGISTER: &str = "register a chain";

/// Keeps the catalogue in one file, a JSON object per line, appended and synced before a registration is answered.
///
/// A line that a crash cut short was never answered for and is cut off at the next opening; any other line that is no entry
/// keeps the catalogue closed. Belongs to one process at a time: the collector locks the directory that it lies in. Kept in memory
/// as well, some 500 bytes per chain.
#[derive(Debug)]
pub struct FileCatalogue {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    /// Bytes that are known to be whole lines on stable storage.
    durable: u64,
    /// Bytes behind them may be there, from a registration that failed.
    dirty: bool,
    entries: BTreeMap<ChainId, ChainEntry>,
    order: Vec<ChainId>,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    v: u32,
    chain: String,
    tenant: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verifier_key: Option<String>,
    registered_at: String,
    credential: String,
}

impl FileCatalogue {
    /// Opens the catalogue in `path`, creating it where there is none. The directory has to exist.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) when a whole line is no entry, or one contradicts another;
    /// [`Io`](ErrorKind::Io) and [`Full`](ErrorKind::Full).
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let failed = |error| Error::io(OPEN, format!("{} cannot be used", path.display()), error);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let mut state = State {
            file,
            durable: whole as u64,
            dirty: whole < bytes.len(),
            entries: BTreeMap::new(),
            order: Vec::new(),
        };
        for (line, number) in bytes[..whole]
            .split_inclusive(|byte| *byte == b'\n')
            .zip(1..)
        {
            let entry = parse(line).ok_or_else(|| corrupt(&path, number, "is no entry"))?;
            if !state.insert(entry) {
                return Err(corrupt(&path, number, "registers a chain again"));
            }
        }
        state.cut().map_err(failed)?;
        state.file.sync_all().map_err(failed)?;
        sync_directory(&path).map_err(failed)?;
        Ok(Self {
            path,
            state: Mutex::new(state),
        })
    }
}

impl Catalogue for FileCatalogue {
    fn register(&self, entry: &ChainEntry) -> Result<ChainEntry, Error> {
        let mut state = self.state.lock();
        if let Some(kept) = state.entries.get(&entry.chain) {
            return Ok(kept.clone());
        }
        let line = to_line(entry);
        state.append(&line).map_err(|error| {
            Error::io(
                REGISTER,
                format!("{} cannot be written", self.path.display()),
                error,
            )
        })?;
        state.insert(entry.clone());
        Ok(entry.clone())
    }

    fn entries(&self) -> Result<Vec<ChainEntry>, Error> {
        let state = self.state.lock();
        let entries = state.order.iter().filter_map(|id| state.entries.get(id));
        Ok(entries.cloned().collect())
    }
}

impl State {
    fn insert(&mut self, entry: ChainEntry) -> bool {
        self.order.push(entry.chain.clone());
        self.entries.insert(entry.chain.clone(), entry).is_none()
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.cut()?;
        self.dirty = true;
        self.file.seek(SeekFrom::Start(self.durable))?;
        self.file.write_all(line)?;
        self.file.sync_data()?;
        self.durable += line.len() as u64;
        self.dirty = false;
        Ok(())
    }

    /// Cuts off what was never answered for.
    fn cut(&mut self) -> io::Result<()> {
        if self.dirty {
            self.file.set_len(self.durable)?;
            self.file.sync_data()?;
            self.dirty = false;
        }
        Ok(())
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn corrupt(path: &Path, number: usize, what: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        OPEN,
        format!(
            "line {number} of {} {what}; restore the file from a copy",
            path.display()
        ),
    )
}

fn to_line(entry: &ChainEntry) -> Vec<u8> {
    let line = Line {
        v: 1,
        chain: entry.chain.to_string(),
        tenant: entry.tenant.to_string(),
        verifier_key: entry.verifier_key.as_ref().map(ToString::to_string),
        registered_at: entry.registered_at.to_string(),
        credential: entry.credential.clone(),
    };
    // Texts and a number always become JSON.
    let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn parse(line: &[u8]) -> Option<ChainEntry> {
    let line: Line = serde_json::from_slice(line)
        .ok()
        .filter(|line: &Line| line.v == 1)?;
    Some(ChainEntry {
        chain: line.chain.parse().ok()?,
        tenant: line.tenant.parse().ok()?,
        verifier_key: match line.verifier_key {
            Some(key) => Some(key.parse().ok()?),
            None => None,
        },
        registered_at: line.registered_at.parse::<Timestamp>().ok()?,
        credential: line.credential,
    })
}
