//! Epochs at work: keys that take over without a gap and leave nothing to seal the past with.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use counterfoil_audit::{AuditLog, AuditLogBuilder, ErrorKind, FileSystem};
use counterfoil_core::ChainId;
use counterfoil_signer::{EpochKeys, Error as KeyError, ErrorKind as KeyErrorKind, Signer};
use counterfoil_testkit::files::{Faults, MemFiles};
use counterfoil_testkit::{FakeClock, SeededRng};

use crate::held_files::HeldFiles;
use crate::key_support::{
    MachineKeys, Made, Tiring, epochs_of, first_chain, log_key, verify, vkey,
};
use crate::log_support::{LONG, Machine, context, expired};

const PERIOD: Duration = Duration::from_secs(900);

/// A machine with epochs, and the clock on its wall.
struct Sealed {
    machine: Machine,
    clock: Arc<FakeClock>,
}

impl Sealed {
    fn new() -> Self {
        Self {
            machine: Machine::new(),
            clock: Arc::new(FakeClock::new()),
        }
    }

    /// Another machine with these files, later.
    fn on(&self, files: MemFiles) -> Self {
        Self {
            machine: self.machine.unanchored_on(files),
            clock: Arc::clone(&self.clock),
        }
    }

    fn keys(&self) -> Arc<MachineKeys> {
        // Unique keys per moment: no two machines of a test draw the same.
        let salt = self.machine.files.operations() + 1;
        MachineKeys::new(&self.machine.files, salt)
    }

    fn builder(&mut self) -> AuditLogBuilder {
        let (clock, keys) = (Arc::clone(&self.clock), self.keys());
        let builder = self.machine.builder();
        builder.clock(clock).signer(log_key(1)).epochs(PERIOD, keys)
    }

    fn open(&mut self) -> AuditLog {
        self.builder().open().unwrap()
    }

    /// The epochs whose keys are kept.
    fn kept(&self) -> Vec<u64> {
        self.keys().list(&first_chain()).unwrap()
    }

    /// Lets a period pass, and waits until the next epoch runs and only its key is left.
    fn turn(&self, log: &AuditLog) {
        let next = log.figures().epoch + 1;
        self.clock.step(PERIOD);
        let until = Instant::now() + LONG;
        while log.figures().epoch != next || self.kept() != [next] {
            assert!(
                Instant::now() < until,
                "epoch {next} did not begin: {:?}",
                log.figures()
            );
            std::thread::yield_now();
        }
    }
}

fn append(log: &AuditLog, count: u64) {
    for lease in 1..=count {
        log.append_event(&expired(lease), &context())
            .wait_durable(LONG)
            .unwrap();
    }
}

fn log_vkey() -> String {
    vkey(&*log_key(1)(&first_chain()).unwrap())
}

fn numbers(machine: &Machine) -> Vec<u64> {
    epochs_of(machine).iter().map(|it| it.epoch).collect()
}

#[test]
fn epochs_follow_each_other_without_a_gap_and_only_the_running_ones_key_is_left() {
    let mut sealed = Sealed::new();
    let log = sealed.open();
    append(&log, 3);
    for epoch in 2..=5 {
        sealed.turn(&log);
        // Nothing is appended in epoch 3: it leaves its start all the same.
        append(&log, if epoch == 3 { 0 } else { 2 });
    }
    assert!(log.close(LONG).finished);
    assert_eq!(numbers(&sealed.machine), [1, 2, 3, 4, 5]);
    assert_eq!(sealed.kept(), [5]);
    let report = verify(&sealed.machine, &[log_vkey()]);
    assert_eq!((report.exit_code(), report.epoch), (0, Some(5)), "{report}");
    assert_eq!(report.signatures_verified, 5);
    // The key of the first epoch, noted when the log was new, pins all that follows.
    let first = epochs_of(&sealed.machine)[0].key.clone();
    let report = verify(&sealed.machine, &[log_vkey(), first]);
    assert_eq!(report.exit_code(), 0, "{report}");
}

#[test]
fn the_next_opening_goes_on_in_the_running_epoch_and_a_long_pause_counts_once() {
    let mut sealed = Sealed::new();
    let log = sealed.open();
    append(&log, 1);
    assert!(log.close(LONG).finished);
    let log = sealed.open();
    append(&log, 1);
    assert_eq!(log.figures().epoch, 1);
    assert!(log.close(LONG).finished);
    sealed.clock.step(PERIOD * 40);
    let log = sealed.open();
    let until = Instant::now() + LONG;
    while log.figures().epoch != 2 {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
    assert!(log.close(LONG).finished);
    assert_eq!(numbers(&sealed.machine), [1, 2]);
    assert_eq!(sealed.kept(), [2]);
    assert_eq!(verify(&sealed.machine, &[log_vkey()]).exit_code(), 0);
}

#[test]
fn every_head_bears_the_line_of_its_epoch_behind_the_log_keys() {
    let mut sealed = Sealed::new();
    let log = sealed.open();
    for _ in 0..3 {
        append(&log, 2);
        let head = log.anchor_now(LONG).unwrap();
        let note = sealed
            .machine
            .files
            .read(Path::new("/log/checkpoint"))
            .unwrap();
        let note = String::from_utf8(note).unwrap();
        let lines: Vec<&str> = note
            .lines()
            .filter(|line| line.starts_with('\u{2014}'))
            .collect();
        let epoch = log.figures().epoch;
        assert_eq!(lines.len(), 2, "{note}");
        assert!(lines[0].contains(&format!(" {} ", head.chain)), "{note}");
        assert!(
            lines[1].contains(&format!(" {}/epoch/{epoch} ", head.chain)),
            "{note}"
        );
        assert_eq!(verify(&sealed.machine, &[log_vkey()]).exit_code(), 0);
        sealed.turn(&log);
    }
}

#[test]
fn keys_rotate_within_an_epoch() {
    let mut sealed = Sealed::new();
    let log = sealed.open();
    append(&log, 1);
    sealed.turn(&log);
    log.rotate_signer(log_key(2)(log.chain()).unwrap(), None, LONG)
        .unwrap();
    append(&log, 1);
    sealed.turn(&log);
    assert!(log.close(LONG).finished);
    let report = verify(&sealed.machine, &[log_vkey()]);
    assert_eq!((report.exit_code(), report.epoch), (0, Some(3)), "{report}");
    assert_eq!(report.rotations_followed, 1);
}

#[test]
fn a_crash_at_any_operation_leaves_no_gap_and_not_two_keys() {
    let mut sealed = Sealed::new();
    let log = sealed.open();
    append(&log, 2);
    sealed.machine.files.record();
    sealed.turn(&log);
    append(&log, 1);
    sealed.turn(&log);
    let moments = sealed.machine.files.moments();
    drop(log);
    assert!(moments.len() > 20, "{}", moments.len());
    let mut rng = SeededRng::new(16);
    let mut met = [0; 4];
    for moment in moments {
        let crashed = [
            moment.after_power_failure(),
            moment.after_kill(),
            moment.after_crash(&mut rng),
        ];
        for files in crashed {
            let mut crashed = sealed.on(files);
            met[crashed.kept().len()] += 1;
            let log = crashed.open();
            append(&log, 1);
            crashed.turn(&log);
            assert!(log.close(LONG).finished);
            let epochs = numbers(&crashed.machine);
            let last = epochs.len() as u64;
            assert_eq!(epochs, (1..=last).collect::<Vec<_>>());
            assert_eq!(crashed.kept(), [last]);
            let report = verify(&crashed.machine, &[log_vkey()]);
            assert_eq!(
                (report.exit_code(), report.epoch),
                (0, Some(last)),
                "{report}"
            );
        }
    }
    // Both states that a crash can leave were met, and never three keys or none.
    assert!(met[1] > 0 && met[2] > 0, "{met:?}");
    assert_eq!((met[0], met[3]), (0, 0));
}

#[test]
fn no_key_is_destroyed_before_the_record_that_ends_its_epoch_is_durable() {
    let mut sealed = Sealed::new();
    let files = HeldFiles::new(&sealed.machine.files);
    let log = sealed
        .builder()
        .file_system(Arc::new(files.clone()))
        .open()
        .unwrap();
    append(&log, 1);
    files.hold(true);
    sealed.clock.step(PERIOD);
    let until = Instant::now() + LONG;
    while log.figures().epoch != 2 {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
    // Rounds of the sealer in which it could do harm.
    for lease in 1..=3 {
        log.append_event(&expired(lease), &context())
            .wait_written(LONG)
            .unwrap();
    }
    assert_eq!(sealed.kept(), [1, 2]);
    let mut crashed = sealed.on(sealed.machine.files.after_power_failure());
    // Its period is over there as well.
    let again = crashed.open();
    while crashed.kept() != [2] {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
    assert!(again.close(LONG).finished);
    assert_eq!(numbers(&crashed.machine), [1, 2]);
    assert_eq!(verify(&crashed.machine, &[log_vkey()]).exit_code(), 0);

    files.hold(false);
    while sealed.kept() != [2] {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
    assert!(log.close(LONG).finished);
    assert_eq!(verify(&sealed.machine, &[log_vkey()]).exit_code(), 0);
}

#[test]
fn a_crash_while_the_log_is_made_loses_no_key_that_is_needed() {
    let mut sealed = Sealed::new();
    sealed.machine.files.record();
    let log = sealed.open();
    append(&log, 1);
    let moments = sealed.machine.files.moments();
    drop(log);
    for moment in moments {
        for files in [moment.after_power_failure(), moment.after_kill()] {
            let mut crashed = sealed.on(files);
            let log = crashed.open();
            append(&log, 1);
            assert!(log.close(LONG).finished);
            assert_eq!(numbers(&crashed.machine), [1]);
            assert_eq!(crashed.kept(), [1]);
            let report = verify(&crashed.machine, &[log_vkey()]);
            assert_eq!(report.exit_code(), 0, "{report}");
        }
    }
}

#[test]
fn a_log_in_an_epoch_is_not_opened_without_its_key() {
    let mut sealed = Sealed::new();
    let log = sealed.open();
    append(&log, 1);
    assert!(log.close(LONG).finished);
    let before = sealed.machine.files.log_bytes(&sealed.machine.dir);

    // Left out: nobody gets rid of epochs by forgetting to ask for them.
    let clock = Arc::clone(&sealed.clock);
    let builder = sealed.machine.builder().clock(clock).signer(log_key(1));
    let error = builder.open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("epoch 1"), "{error}");

    // Lost: the log refuses, and the next incarnation begins only on demand.
    let keys = sealed.keys();
    keys.destroy(&first_chain(), 1).unwrap();
    let error = sealed.builder().open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(error.to_string().contains("open_or_restart"), "{error}");
    // Another one in its place is as good as none.
    keys.create(&first_chain(), 1).unwrap();
    let error = sealed.builder().open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert_eq!(sealed.machine.files.log_bytes(&sealed.machine.dir), before);

    let log = sealed.builder().open_or_restart().unwrap();
    assert_eq!(log.chain().incarnation(), 2);
    assert_eq!(log.figures().epoch, 1);
    assert!(log.close(LONG).finished);
    // Nothing of the old chain can be sealed any more.
    assert_eq!(sealed.kept(), [0; 0]);
}

#[test]
fn a_log_that_was_put_back_to_an_older_epoch_is_refused_and_no_key_is_touched() {
    let mut sealed = Sealed::new();
    let log = sealed.open();
    append(&log, 1);
    let older = sealed.machine.files.log_bytes(&sealed.machine.dir);
    sealed.turn(&log);
    sealed.turn(&log);
    assert!(log.close(LONG).finished);
    let files = sealed.machine.files.clone();
    files.tamper(&sealed.machine.segment(1), |bytes| *bytes = older);
    for name in ["checkpoint", "lock"] {
        files.delete(&sealed.machine.dir.join(name));
    }
    let mut back = sealed.on(files);
    let error = back.builder().open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(error.to_string().contains("older state"), "{error}");
    assert_eq!(back.kept(), [3]);
}

#[test]
fn an_epoch_whose_start_cannot_be_signed_does_not_begin_and_the_alarm_says_so() {
    let mut sealed = Sealed::new();
    let tired = |chain: &ChainId| -> Made {
        Ok(Arc::new(Tiring {
            inner: log_key(1)(chain)?,
            left: AtomicU64::new(0),
        }))
    };
    let error = sealed.builder().signer(tired).open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Signer);
    assert_eq!(sealed.kept(), [0; 0], "a key that sealed nothing is left");

    let error = Machine::new()
        .builder()
        .epochs(PERIOD, sealed.keys())
        .open()
        .unwrap_err();
    assert!(error.to_string().contains("no log key"), "{error}");
    for period in [
        Duration::from_millis(999),
        Duration::from_secs(367 * 86_400),
    ] {
        let builder = Machine::new().builder().signer(log_key(1));
        let error = builder.epochs(period, sealed.keys()).open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

/// Keys that cannot be destroyed for a while.
#[derive(Debug)]
struct Stubborn {
    inner: Arc<MachineKeys>,
    refuses: AtomicBool,
}

impl EpochKeys for Stubborn {
    fn list(&self, chain: &ChainId) -> Result<Vec<u64>, KeyError> {
        self.inner.list(chain)
    }

    fn create(&self, chain: &ChainId, epoch: u64) -> Result<Arc<dyn Signer>, KeyError> {
        self.inner.create(chain, epoch)
    }

    fn load(&self, chain: &ChainId, epoch: u64) -> Result<Arc<dyn Signer>, KeyError> {
        self.inner.load(chain, epoch)
    }

    fn destroy(&self, chain: &ChainId, epoch: u64) -> Result<(), KeyError> {
        // What is not there is destroyed as always.
        if self.refuses.load(Ordering::SeqCst) && self.list(chain)?.contains(&epoch) {
            return Err(KeyError::new(
                KeyErrorKind::Io,
                "destroy an epoch key",
                "it is in use",
            ));
        }
        self.inner.destroy(chain, epoch)
    }
}

fn stubborn(sealed: &Sealed) -> Arc<Stubborn> {
    Arc::new(Stubborn {
        inner: sealed.keys(),
        refuses: AtomicBool::new(true),
    })
}

#[test]
fn keys_of_a_chain_that_was_set_aside_go_at_a_later_opening_where_they_could_not_before() {
    let mut sealed = Sealed::new();
    let log = sealed.open();
    append(&log, 1);
    assert!(log.close(LONG).finished);
    let path = sealed.machine.segment(1);
    sealed.machine.files.tamper(&path, |bytes| bytes[20] ^= 1);
    let keys = stubborn(&sealed);
    let builder = sealed.builder().epochs(PERIOD, keys.clone());
    let error = builder.open_or_restart().unwrap_err();
    assert!(error.to_string().contains("destroyed"), "{error}");
    assert_eq!(sealed.kept(), [1]);
    keys.refuses.store(false, Ordering::SeqCst);
    let log = sealed.builder().epochs(PERIOD, keys).open().unwrap();
    assert_eq!(sealed.kept(), [0; 0]);
    assert!(log.close(LONG).finished);
}

#[test]
fn a_log_that_fails_leaves_no_key_of_an_epoch_that_has_ended() {
    let mut sealed = Sealed::new();
    let keys = stubborn(&sealed);
    let log = sealed
        .builder()
        .epochs(PERIOD, keys.clone())
        .open()
        .unwrap();
    sealed.clock.step(PERIOD);
    let until = Instant::now() + LONG;
    while log.figures().epoch != 2 || log.figures().alarm.is_none() {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
    assert_eq!(sealed.kept(), [1, 2]);
    keys.refuses.store(false, Ordering::SeqCst);
    // The clock stands, so it is not tried again; and the disk is full.
    sealed.machine.files.set(Faults {
        space: Some(0),
        ..Faults::default()
    });
    assert!(
        log.append_event(&expired(1), &context())
            .wait_durable(LONG)
            .is_err()
    );
    drop(log);
    assert_eq!(sealed.kept(), [2]);
}
