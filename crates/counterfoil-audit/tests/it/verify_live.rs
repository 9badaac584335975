//! Verifying a log that is being written: no false alarm while it grows, begins segments, anchors, and mends what failed to sync.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use counterfoil_anchor::{AnchorStore, MemoryAnchorStore};
use counterfoil_audit::verify::{Verdict, VerifyOptions, verify_path};
use counterfoil_audit::{AuditLog, FileSystem, LogFile, StdFiles};
use counterfoil_core::ChainId;
use counterfoil_testkit::block_on;

use crate::log_support::{BASE, LONG, context, expired};

/// The real files, of which every so many-th sync of a segment fails.
#[derive(Clone, Debug, Default)]
struct Flaky {
    syncs: Arc<AtomicU64>,
}

/// Enough for several segments; a log that grew without end would hold up whoever verifies it.
const RECORDS: u64 = 2_000;
/// A sync of a segment fails once in so many.
const FAILS: u64 = 7;

#[derive(Debug)]
struct FlakyFile {
    file: Box<dyn LogFile>,
    /// Only of segments.
    syncs: Option<Arc<AtomicU64>>,
}

impl Flaky {
    fn over(
        &self,
        path: &Path,
        file: io::Result<Box<dyn LogFile>>,
    ) -> io::Result<Box<dyn LogFile>> {
        let is_segment = path.extension().is_some_and(|e| e == "jsonl")
            && path
                .parent()
                .is_some_and(|folder| folder.ends_with("segments"));
        let syncs = is_segment.then(|| Arc::clone(&self.syncs));
        Ok(Box::new(FlakyFile { file: file?, syncs }))
    }
}

impl FileSystem for Flaky {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        StdFiles.create_dir(path)
    }

    fn open_dir(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        StdFiles.open_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        StdFiles.list(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        StdFiles.read(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        self.over(path, StdFiles.create(path))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        self.over(path, StdFiles.append(path))
    }

    fn open_in_place(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        StdFiles.open_in_place(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn LogFile>>> {
        StdFiles.lock(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        StdFiles.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        StdFiles.remove(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        StdFiles.remove_dir(path)
    }
}

impl LogFile for FlakyFile {
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
        if let Some(syncs) = &self.syncs
            && syncs.fetch_add(1, Ordering::Relaxed) % FAILS == FAILS - 1
        {
            return Err(io::Error::other("input/output error"));
        }
        self.file.sync()
    }

    fn is_in_place(&self) -> io::Result<bool> {
        self.file.is_in_place()
    }
}

#[test]
fn a_log_that_is_being_written_gives_no_false_alarm() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("log");
    let anchors = Arc::new(MemoryAnchorStore::new());
    let flaky = Flaky::default();
    let log = AuditLog::builder(&folder, BASE)
        .anchor_store(Arc::clone(&anchors) as Arc<dyn AnchorStore>)
        .file_system(Arc::new(flaky))
        .segment_bytes(1)
        .commit_delay(Duration::from_millis(1))
        .anchor_interval(Duration::from_millis(2))
        .open()
        .unwrap();
    let chain = ChainId::first(BASE).unwrap();
    let stop = AtomicBool::new(false);
    let (mut valid, mut lease) = (0, 0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) && lease < RECORDS {
                lease += 1;
                let ticket = log.append_event(&expired(lease), &context());
                if lease % 8 == 0 {
                    ticket.wait_durable(LONG).unwrap();
                }
            }
        });
        let mut round = 0;
        while !writer.is_finished() || round < 3 {
            round += 1;
            // The head first, then the log.
            let anchor = block_on(anchors.load(&chain)).unwrap();
            let mut options = VerifyOptions::new();
            options.head = anchor.as_ref().map(Into::into);
            options.jobs = 1 + round % 3;
            let report = verify_path(&folder, &options);
            let alarm = match &anchor {
                Some(_) => report.verdict != Verdict::Valid,
                None => report.verdict != Verdict::Incomplete,
            };
            if alarm {
                stop.store(true, Ordering::Relaxed);
            }
            assert!(!alarm, "round {round}: {report}");
            valid += u32::from(report.verdict == Verdict::Valid);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(valid > 0, "no anchor was ever seen");
    // Otherwise nothing that could alarm has happened.
    let figures = log.figures();
    assert!(figures.poisoned_segments > 0, "{figures:?}");
    let segments = std::fs::read_dir(folder.join("segments")).unwrap().count();
    assert!(segments > 2, "{segments} segments");
}
