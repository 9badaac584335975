//! More than one segment is not yet durable: both fail, or the process is killed and the machine loses power after it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use counterfoil_audit::{FileSystem, LogFile};

use crate::log_support::{LONG, Machine, check_tiling, context, expired, leases};
use crate::mem_files::MemFiles;

/// A disk on which the next sync of the first segment fails, and while it lasts the first write to the second one.
#[derive(Clone, Debug)]
struct TwoFaults {
    files: MemFiles,
    script: Arc<Script>,
}

#[derive(Debug, Default)]
struct Script {
    scene: Mutex<Scene>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Scene {
    #[default]
    Unarmed,
    Armed,
    Syncing,
    WriteFailed,
    BothFailed,
}

impl Script {
    fn go_to(&self, scene: Scene) {
        *self.scene.lock().unwrap() = scene;
        self.changed.notify_all();
    }

    fn advance(&self, from: Scene, to: Scene) -> bool {
        let mut scene = self.scene.lock().unwrap();
        let matches = *scene == from;
        if matches {
            *scene = to;
            self.changed.notify_all();
        }
        matches
    }

    fn wait_for(&self, scene: Scene) {
        let now = self.scene.lock().unwrap();
        let (now, _) = self
            .changed
            .wait_timeout_while(now, LONG, |now| *now < scene)
            .unwrap();
        assert!(*now >= scene, "it came to {now:?} only");
    }
}

impl FileSystem for TwoFaults {
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
        Ok(Box::new(Scripted {
            file: self.files.append(path)?,
            path: path.to_owned(),
            script: Arc::clone(&self.script),
        }))
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
}

#[derive(Debug)]
struct Scripted {
    file: Box<dyn LogFile>,
    path: PathBuf,
    script: Arc<Script>,
}

impl LogFile for Scripted {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.path.ends_with("00000000000000000257.jsonl")
            && self.script.advance(Scene::Syncing, Scene::WriteFailed)
        {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write(bytes)
    }

    fn overwrite(&self, bytes: &[u8]) -> io::Result<()> {
        self.file.overwrite(bytes)
    }

    fn read_first(&self, len: u64) -> io::Result<Vec<u8>> {
        self.file.read_first(len)
    }

    fn sync(&self) -> io::Result<()> {
        if self.path.ends_with("00000000000000000001.jsonl")
            && self.script.advance(Scene::Armed, Scene::Syncing)
        {
            self.script.wait_for(Scene::WriteFailed);
            self.script.go_to(Scene::BothFailed);
            return Err(io::Error::other("input/output error"));
        }
        self.file.sync()
    }

    fn is_in_place(&self) -> io::Result<bool> {
        self.file.is_in_place()
    }
}

#[test]
fn two_segments_that_fail_at_once_are_both_mended_and_nothing_is_acknowledged_before() {
    let mut machine = Machine::new();
    let script = Arc::new(Script::default());
    let files = TwoFaults {
        files: machine.files.clone(),
        script: Arc::clone(&script),
    };
    let log = machine
        .builder()
        .file_system(Arc::new(files))
        .segment_bytes(1)
        .commit_delay(Duration::from_millis(1))
        .open()
        .unwrap();
    script.go_to(Scene::Armed);
    let append = |lease| log.append_event(&expired(lease), &context());
    let mut tickets: Vec<_> = (1..=200).map(append).collect();
    script.wait_for(Scene::Syncing);
    tickets.extend((201..=400).map(append));
    script.wait_for(Scene::BothFailed);
    for ticket in &tickets {
        ticket.wait_durable(LONG).unwrap();
    }
    let all: Vec<u64> = (1..=400).collect();
    assert_eq!(leases(&machine.records()), all);
    assert_eq!(leases(&machine.after_power_failure().records()), all);
    assert_eq!(log.figures().poisoned_segments, 2);
    assert!(log.close(LONG).finished);
    check_tiling(&machine.records());
}
