//! More than one segment is not yet durable: both fail, or the process is killed and the machine loses power after it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use counterfoil_audit::{AuditLog, FileSystem, LogFile};

use crate::log_support::{LONG, Machine, check_tiling, context, expired, leases};
use counterfoil_testkit::files::{Faults, MemFiles};

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

    fn overwrite(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.overwrite(at, bytes)
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

const NEVER: Duration = Duration::from_secs(24 * 3_600);

/// Segments as short as can be, and no sync that nobody asks for.
fn open_lazily(machine: &mut Machine) -> AuditLog {
    machine
        .builder()
        .segment_bytes(1)
        .commit_delay(NEVER)
        .anchor_interval(NEVER)
        .anchor_records(1 << 40)
        .open()
        .unwrap()
}

/// A machine whose writer was killed when leases 1 to 600, in three segments, were written, and those up to `synced` durable.
fn killed_with_unsynced_segments(synced: u64) -> Machine {
    let mut machine = Machine::new();
    let log = open_lazily(&mut machine);
    for lease in 1..=600 {
        let ticket = log.append_event(&expired(lease), &context());
        if lease == synced {
            ticket.wait_durable(LONG).unwrap();
        }
        if lease == 600 {
            ticket.wait_written(LONG).unwrap();
        }
    }
    let killed = machine.after_kill();
    assert_eq!(leases(&killed.records()).len(), 600);
    assert!(leases(&machine.after_power_failure().records()).len() < 600);
    killed
}

#[test]
fn a_long_commit_delay_holds_up_neither_the_opening_nor_those_who_wait() {
    let mut machine = Machine::new();
    let log = open_lazily(&mut machine);
    log.append_event(&expired(1), &context())
        .wait_durable(LONG)
        .unwrap();
    assert_eq!(leases(&machine.after_power_failure().records()), [1]);
}

#[test]
fn a_long_commit_delay_holds_up_no_opening_whose_first_sync_fails() {
    let mut machine = Machine::new();
    machine.files.set(Faults {
        failing_syncs: Some((0, 1)),
        ..Faults::default()
    });
    let log = open_lazily(&mut machine);
    assert_eq!(log.figures().poisoned_segments, 1);
    assert!(log.close(LONG).finished);
}

#[test]
fn a_long_commit_delay_holds_up_no_opening_across_the_end_of_a_segment() {
    let mut machine = Machine::new();
    let log = open_lazily(&mut machine);
    for lease in 1..=251 {
        log.append_event(&expired(lease), &context());
    }
    let closed = log.close(LONG);
    assert_eq!((closed.finished, closed.durable_seq), (true, 255));
    drop(log);
    assert!(open_lazily(&mut machine).close(LONG).finished);
    assert!(machine.files.read(&machine.segment(257)).is_ok());
}

#[test]
fn a_log_goes_on_only_when_every_segment_above_the_mark_is_durable() {
    for synced in [0, 100, 300, 560] {
        let mut machine = killed_with_unsynced_segments(synced);
        let log = machine.open();
        log.append_event(&expired(601), &context())
            .wait_durable(LONG)
            .unwrap();
        let found = leases(&machine.after_power_failure().records());
        assert_eq!(found, (1..=601).collect::<Vec<_>>(), "{synced} synced");
    }
}

#[test]
fn a_crash_at_any_operation_of_renewing_segments_loses_nothing_that_was_acknowledged() {
    let killed = killed_with_unsynced_segments(100);
    let operations = {
        let mut machine = killed.after_kill();
        let before = machine.files.operations();
        drop(machine.open());
        machine.files.operations() - before
    };
    for last in 0..operations {
        let mut machine = killed.after_kill();
        machine.files.set(Faults {
            dies_at: Some(last),
            ..Faults::default()
        });
        let acknowledged = machine.builder().open().is_ok_and(|log| {
            let ticket = log.append_event(&expired(601), &context());
            ticket.wait_durable(LONG).is_ok()
        });
        let mut again = machine.after_power_failure();
        assert!(again.open().close(LONG).finished, "after operation {last}");
        let found = leases(&again.records());
        assert!(found.len() >= 100, "after operation {last}: {found:?}");
        assert!(
            !acknowledged || found == (1..=601).collect::<Vec<_>>(),
            "after operation {last}: {found:?}"
        );
    }
}

#[test]
fn a_kill_while_a_segment_is_replaced_and_a_power_failure_in_the_next_opening_lose_nothing() {
    // The sync for a head fails when nothing is left to be written, so the segment is replaced by one that is the same. Its new
    // name may be on no disk yet when the process is killed; the next one finds nothing above the mark, and appends to it.
    for later in 0..25 {
        let mut machine = Machine::new();
        let log = machine.open();
        for lease in 1..=3 {
            let ticket = log.append_event(&expired(lease), &context());
            ticket.wait_durable(LONG).unwrap();
        }
        machine.files.set(Faults {
            failing_syncs: Some((0, 1)),
            dies_at: Some(machine.files.operations() + later),
            ..Faults::default()
        });
        log.anchor_now(Duration::from_millis(50)).ok();
        let mut killed = machine.after_kill();
        let next = killed.open();
        let ticket = next.append_event(&expired(4), &context());
        ticket.wait_durable(LONG).unwrap();
        let mut again = killed.after_power_failure();
        assert!(again.open().close(LONG).finished);
        let found = leases(&again.records());
        assert_eq!(found, [1, 2, 3, 4], "killed {later} operations later");
    }
}
