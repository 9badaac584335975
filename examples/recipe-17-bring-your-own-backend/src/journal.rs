//! An anchor store that never takes anything back.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use counterfoil_anchor::{Anchor, AnchorStore, Error, check_advance};
use counterfoil_core::{ChainId, Head};

const OPEN: &str = "open the anchor journal";
const LOAD: &str = "load the anchor";
const ADVANCE: &str = "advance the anchor";
const CARRY: &str = "carry the anchors over";

/// More than an anchor with the largest checkpoint, every byte of it escaped.
const MOST_OF_A_LINE: u64 = 8 << 20;
/// Ends a line that a writer did not finish.
const TORN: &[u8] = b" #torn";
/// Begins the last line of a journal that another one continues.
const GOES_ON: &[u8] = b"#goes-on ";

/// Keeps the anchors of any number of logs in one file that only grows: a line of `anchor.json` for each advance.
///
/// `FileAnchorStore` knows where a log stands. A journal also knows where it stood, which is what an investigation asks: a head
/// that was anchored on Monday is still there on Friday. Nothing is ever replaced, so the file can carry the attribute of the
/// file system that allows nothing else (`chattr +a`), and then not even the service that writes it can take a head back.
///
/// Writers, in this process or another one on this host, take turns through a lock on the file. An advance costs one append and
/// one `fdatasync`. A line that a crash cut short was never acknowledged: it is skipped, and marked by the next writer.
///
/// What grows has a bound: [`open`](Self::open) takes it, and at the bound [`carry_over`](Self::carry_over) begins the next
/// file.
#[derive(Debug)]
pub struct JournalAnchorStore {
    path: PathBuf,
    most_bytes: u64,
    journal: Mutex<Journal>,
}

impl JournalAnchorStore {
    /// Opens the journal at `path`, and makes it if there is none. It takes no line that would make it longer than `most_bytes`.
    ///
    /// # Errors
    /// When the file cannot be used, or has a line in it that is no anchor or takes an earlier one back.
    pub fn open(path: impl Into<PathBuf>, most_bytes: u64) -> Result<Self, Error> {
        let path = path.into();
        let journal = Journal::open(&path).map_err(|error| unavailable(OPEN, &path, error))?;
        let store = Self {
            journal: Mutex::new(journal),
            most_bytes,
            path,
        };
        store.locked(OPEN, |_| Ok(()))?;
        Ok(store)
    }

    /// Begins the journal at `next` with the newest anchor of each log, and ends this one with a line that says so: whoever still
    /// writes to it is refused from then on, so that a log never has two journals.
    ///
    /// # Errors
    /// When `next` exists, or one of the files cannot be written.
    pub fn carry_over(&self, next: impl Into<PathBuf>) -> Result<Self, Error> {
        let next = next.into();
        self.locked(CARRY, |journal| {
            let failed = |error| unavailable(CARRY, &next, error);
            // Nobody else's file is added to.
            File::create_new(&next).map_err(failed)?;
            let store = Self::open(&next, self.most_bytes)?;
            store.locked(CARRY, |new| {
                let lines = journal.anchors.values().map(Anchor::to_json);
                new.append(lines.collect::<String>().as_bytes())
                    .map_err(failed)
            })?;
            // The new file has everything before the old one says that it has nothing more.
            let mark = [GOES_ON, next.as_os_str().as_encoded_bytes(), b"\n"].concat();
            journal
                .append(&mark)
                .map_err(|error| unavailable(CARRY, &self.path, error))?;
            Ok(store)
        })
    }

    /// Runs `action` on what the journal says now, while no other thread and no other process is in here.
    fn locked<T>(
        &self,
        operation: &'static str,
        action: impl FnOnce(&mut Journal) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // A panic in here leaves what was read from the file, and the rest is read again.
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |error| unavailable(operation, &self.path, error);
        journal.file.lock().map_err(failed)?;
        let outcome = journal
            .catch_up(operation, &self.path)
            .and_then(|()| action(&mut journal));
        journal.file.unlock().map_err(failed)?;
        outcome
    }
}

#[async_trait]
impl AnchorStore for JournalAnchorStore {
    async fn load(&self, chain: &ChainId) -> Result<Option<Anchor>, Error> {
        self.locked(LOAD, |journal| {
            Ok(journal.anchors.get(chain.base()).cloned())
        })
    }

    async fn advance(
        &self,
        chain: &ChainId,
        expected: Option<&Head>,
        next: &Anchor,
    ) -> Result<Anchor, Error> {
        self.locked(ADVANCE, |journal| {
            let current = journal.anchors.get(chain.base());
            let stored = check_advance(current, chain, expected, next)?.clone();
            let line = stored.to_json();
            let failed = |error| unavailable(ADVANCE, &self.path, error);
            if journal.len + line.len() as u64 > self.most_bytes {
                return Err(failed(io::Error::other(format!(
                    "it would have more than {} bytes; carry the anchors over into a new journal",
                    self.most_bytes
                ))));
            }
            // Also when it is there already: whoever wrote it may have died before it was durable.
            journal.append(line.as_bytes()).map_err(failed)?;
            Ok(stored)
        })
    }
}

/// The file, and what has been read of it.
#[derive(Debug)]
struct Journal {
    file: File,
    /// The newest anchor of each log, by `ChainId::base`.
    anchors: HashMap<String, Anchor>,
    /// Up to where whole lines have been read.
    read: u64,
    /// How long the file is. What lies between `read` and this is a line that somebody did not finish.
    len: u64,
    /// Where the journal goes on, once it has ended.
    goes_on: Option<String>,
    /// The number of the line that begins at `read`, from 1.
    line: u64,
    /// A sync failed: nobody can say what of the file the disk has (docs/operating/durability.md), so nothing is added to it.
    poisoned: bool,
}

impl Journal {
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // Or the file itself may be gone after a power loss.
        File::open(directory)?.sync_all()?;
        Ok(Self {
            file,
            anchors: HashMap::new(),
            read: 0,
            len: 0,
            goes_on: None,
            line: 1,
            poisoned: false,
        })
    }

    /// Reads what others have written since.
    fn catch_up(&mut self, operation: &'static str, path: &Path) -> Result<(), Error> {
        self.see_the_same_file(operation, path)?;
        let failed = |error| unavailable(operation, path, error);
        let mut text = BufReader::new(self.file.try_clone().map_err(failed)?);
        text.seek(SeekFrom::Start(self.read)).map_err(failed)?;
        let mut line = Vec::new();
        loop {
            line.clear();
            let bytes = (&mut text)
                .take(MOST_OF_A_LINE)
                .read_until(b'\n', &mut line)
                .map_err(failed)?;
            let taken = match line.strip_suffix(b"\n") {
                Some(whole) => self.take(whole),
                None if bytes as u64 == MOST_OF_A_LINE => Err("has no end".to_owned()),
                None => break,
            };
            taken.map_err(|why| {
                let (path, number) = (path.display(), self.line);
                let context = format!(
                    "line {number} of {path} {why}; keep the file as it is, and look into who changed it"
                );
                Error::corrupt(operation, context)
            })?;
            self.read += bytes as u64;
            self.line += 1;
        }
        match &self.goes_on {
            Some(next) => Err(failed(io::Error::other(format!(
                "this journal ends here and goes on in {next:?}; open that one"
            )))),
            None => Ok(()),
        }
    }

    /// An append-only file is neither shorter than it was nor another one.
    fn see_the_same_file(&mut self, operation: &'static str, path: &Path) -> Result<(), Error> {
        let failed = |error| unavailable(operation, path, error);
        let here = self.file.metadata().map_err(failed)?;
        let there = std::fs::metadata(path).map_err(failed)?;
        let same = (here.dev(), here.ino()) == (there.dev(), there.ino());
        self.len = here.len();
        if same && self.len >= self.read {
            return Ok(());
        }
        let context = format!(
            "{} was cut off or replaced since it was opened; restore it from a copy, and look into who changed it",
            path.display()
        );
        Err(Error::corrupt(operation, context))
    }

    /// Takes one whole line. Something that is no anchor is never passed over: a log could begin again from nothing.
    fn take(&mut self, line: &[u8]) -> Result<(), String> {
        if line.ends_with(TORN) {
            return Ok(());
        }
        if let Some(next) = line.strip_prefix(GOES_ON) {
            self.goes_on = Some(String::from_utf8_lossy(next).into_owned());
            return Ok(());
        }
        let anchor =
            Anchor::from_json(line).map_err(|error| format!("holds no anchor: {error}"))?;
        let chain = anchor.head().chain.clone();
        let before = self.anchors.get(chain.base());
        // What was allowed when it was written is allowed when it is read.
        check_advance(before, &chain, before.map(Anchor::head), &anchor)
            .map_err(|error| format!("takes an earlier one back: {error}"))?;
        if before.is_none_or(|before| !before.covers(&anchor)) {
            self.anchors.insert(chain.base().to_owned(), anchor);
        }
        Ok(())
    }

    /// Adds whole lines and waits until they are durable.
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.poisoned {
            return Err(io::Error::other(
                "an earlier sync failed; restart with a journal on a sound disk",
            ));
        }
        let end_of_torn = if self.len > self.read {
            [TORN, b"\n"].concat()
        } else {
            Vec::new()
        };
        self.file.write_all(&[&end_of_torn, lines].concat())?;
        self.file.sync_data().inspect_err(|_| self.poisoned = true)
    }
}

fn unavailable(operation: &'static str, path: &Path, error: io::Error) -> Error {
    Error::unavailable(
        operation,
        format!("{} cannot be used", path.display()),
        error,
    )
}
