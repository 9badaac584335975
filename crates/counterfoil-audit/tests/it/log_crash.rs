//! Real processes on a real disk: killed at any moment, and watched through `strace`.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use counterfoil_anchor::FileAnchorStore;
use counterfoil_audit::AuditLog;
use counterfoil_testkit::programs::is_missing;

use crate::log_support::{BASE, LONG, bytes_on_disk, context, expired, leases, records};

/// Where the log is, below the directory of the test: neither is there at first.
const LOG: &str = "above/audit";
const DIR: &str = "COUNTERFOIL_TEST_CRASH_DIR";
const THREADS: &str = "COUNTERFOIL_TEST_CRASH_THREADS";
const APPENDS: &str = "COUNTERFOIL_TEST_CRASH_APPENDS";
/// How often the writer is killed; the nightly run sets it higher.
const KILLS: &str = "COUNTERFOIL_TEST_KILLS";

fn builder(dir: &Path) -> counterfoil_audit::AuditLogBuilder {
    let anchors = FileAnchorStore::open(dir.join("anchor.json")).unwrap();
    // The smallest segments, of 256 records each, and frequent anchors, so that kills hit those as well.
    AuditLog::builder(dir.join(LOG), BASE)
        .anchor_store(Arc::new(anchors))
        .segment_bytes(1)
        .anchor_records(50)
}

/// Not a test of its own: the process that the tests below start. It appends and says what is durable, until it is killed
/// or done.
#[test]
#[ignore = "started by the tests of this module"]
fn writer() {
    let dir = env::var_os(DIR).unwrap();
    let figure = |name: &str| env::var(name).unwrap().parse::<u64>().unwrap();
    let (threads, appends) = (figure(THREADS), figure(APPENDS));
    let log = builder(Path::new(&dir)).open().unwrap();
    let first = log.opened().resumed_seq * 1_000;
    let next = AtomicU64::new(first + 1);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let lease = next.fetch_add(1, Ordering::Relaxed);
                    if lease > first.saturating_add(appends) {
                        return;
                    }
                    log.append_event(&expired(lease), &context())
                        .wait_durable(LONG)
                        .unwrap();
                    // One call of write(2) for each line.
                    let line = format!("durable {lease}\n");
                    std::io::stderr().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

fn command(program: &str, dir: &Path, threads: u64, appends: u64) -> Command {
    let mut command = Command::new(program);
    command
        .env(DIR, dir)
        .env(THREADS, threads.to_string())
        .env(APPENDS, appends.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

const WRITER: [&str; 4] = ["--exact", "log_crash::writer", "--ignored", "--nocapture"];

#[test]
fn killing_the_writer_at_any_moment_loses_nothing_that_was_acknowledged() {
    let kills: u64 = env::var(KILLS).map_or(8, |kills| kills.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for kill in 0..kills {
        let own = env::current_exe().unwrap();
        let mut child = command(own.to_str().unwrap(), dir.path(), 4, u64::MAX / 2)
            .args(WRITER)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // Killed after another number of acknowledgements each time, the first time after one.
        let most = 1 + (kill * 37) % 150;
        let mut seen = 0;
        for line in lines.map_while(Result::ok) {
            if let Some(lease) = line.strip_prefix("durable ") {
                acknowledged.insert(lease.parse::<u64>().unwrap());
                seen += 1;
                if seen == most {
                    child.kill().unwrap();
                }
            } else {
                assert!(!line.contains("panicked"), "{line}");
            }
        }
        child.wait().unwrap();
        assert!(seen >= most, "the writer ended by itself");
    }
    let log = builder(dir.path()).open().unwrap();
    assert!(log.opened().unclean.is_some());
    assert!(log.close(LONG).finished);
    let segments = std::fs::read_dir(dir.path().join(LOG).join("segments")).unwrap();
    assert!(segments.count() > 1, "no kill came near a segment's end");
    let records = records(&bytes_on_disk(&dir.path().join(LOG)));
    let found: BTreeSet<u64> = leases(&records).into_iter().collect();
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert!(lost.is_empty(), "acknowledged and gone: {lost:?}");
}

#[test]
fn the_entries_of_directories_that_were_created_are_synced() {
    if is_missing("strace") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let mut child = command("strace", dir.path(), 1, 1)
        .args(["-f", "-y", "-e", "trace=mkdir,fdatasync", "-o"])
        .arg(&trace)
        .arg(env::current_exe().unwrap())
        .args(WRITER)
        .spawn()
        .unwrap();
    let stderr = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert!(child.wait().unwrap().success(), "{stderr}");
    let trace = std::fs::read_to_string(&trace).unwrap();
    let log = dir.path().join(LOG);
    for created in [log.parent().unwrap(), &log, &log.join("segments")] {
        let made = format!("mkdir(\"{}\"", created.display());
        let synced = format!("<{}>", created.parent().unwrap().display());
        let mut after = trace.lines().skip_while(|line| !line.contains(&made));
        assert!(
            after.any(|line| line.contains("fdatasync(") && line.contains(&synced)),
            "{} is not synced: {trace}",
            created.display()
        );
    }
}

#[test]
fn every_acknowledgement_comes_after_a_sync_that_covers_its_record() {
    if is_missing("strace") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let own = env::current_exe().unwrap();
    let mut child = command("strace", dir.path(), 3, 60)
        .args(["-f", "-s", "200000", "-e", "trace=write,fdatasync", "-o"])
        .arg(&trace)
        .arg(own)
        .args(WRITER)
        .spawn()
        .unwrap();
    let stderr = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert!(child.wait().unwrap().success(), "{stderr}");
    let checked = check_trace(&std::fs::read_to_string(&trace).unwrap());
    assert_eq!(checked, 60);
}

/// Walks through what strace saw: a record is covered once an fdatasync of its file, begun after its write had returned, has
/// returned 0. How many acknowledgements there were.
fn check_trace(trace: &str) -> usize {
    let mut written: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    let mut covered = BTreeSet::new();
    let mut begun: BTreeMap<&str, Call> = BTreeMap::new();
    let mut acknowledged = 0;
    for line in trace.lines() {
        let (process, event) = line.split_once(' ').unwrap();
        let event = event.trim_start();
        let (call, result) = if let Some(head) = event.strip_suffix(" <unfinished ...>") {
            let call = Call::begin(head, &written);
            check_acknowledgement(&call, &covered, &mut acknowledged);
            begun.insert(process, call);
            continue;
        } else if event.starts_with("<... ") {
            match begun.remove(process) {
                Some(call) => (call, event),
                None => continue,
            }
        } else if event.starts_with("write(") || event.starts_with("fdatasync(") {
            let call = Call::begin(event, &written);
            check_acknowledgement(&call, &covered, &mut acknowledged);
            (call, event)
        } else {
            continue;
        };
        let returned = result.rsplit(" = ").next().unwrap();
        match call {
            Call::Write { file, leases, .. } if !returned.starts_with('-') => {
                written.entry(file).or_default().extend(leases);
            }
            Call::Sync { leases } if returned.trim() == "0" => covered.extend(leases),
            _ => {}
        }
    }
    acknowledged
}

enum Call {
    Write {
        file: String,
        leases: Vec<u64>,
        durable: Option<u64>,
    },
    /// With what was written to the file before it began.
    Sync { leases: BTreeSet<u64> },
}

impl Call {
    fn begin(text: &str, written: &BTreeMap<String, BTreeSet<u64>>) -> Self {
        let (name, rest) = text.split_once('(').unwrap();
        let file: String = rest.chars().take_while(char::is_ascii_digit).collect();
        if name == "fdatasync" {
            let leases = written.get(&file).cloned().unwrap_or_default();
            return Self::Sync { leases };
        }
        let number = |text: &str| {
            let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u64>().ok()
        };
        Self::Write {
            file,
            leases: rest
                .split("\\\"lease\\\":\\\"")
                .skip(1)
                .filter_map(number)
                .collect(),
            durable: rest
                .split_once("\"durable ")
                .and_then(|(_, rest)| number(rest)),
        }
    }
}

fn check_acknowledgement(call: &Call, covered: &BTreeSet<u64>, acknowledged: &mut usize) {
    if let Call::Write {
        durable: Some(lease),
        ..
    } = call
    {
        assert!(
            covered.contains(lease),
            "lease {lease} was acknowledged before a sync covered it"
        );
        *acknowledged += 1;
    }
}
