//! The real binary, killed at and failed at the system calls of a scripted life (`counterfoil audit rehearse`).
//!
//! `COUNTERFOIL_FAULT_STRIDE` says that one in so many faults is tried: 1 tries all of them, which is the long run. It is odd, for
//! an even one would always leave the same kinds out. Each run has a strace of its own around it, which injects one fault.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use counterfoil_testkit::programs::is_missing;
use serde_json::Value;

use crate::run::{Ran, counterfoil, run, run_verify};

/// Calls that look at or change files; what a machine does not have is left out by strace (`?`).
const CALLS: &str = "trace=?open,openat,?mkdir,?mkdirat,read,pread64,write,pwrite64,fdatasync,fsync,?rename,?renameat,\
                     ?renameat2,?unlink,?unlinkat,?link,?linkat,ftruncate,flock,getdents64,?stat,?newfstatat,?fstat,statx,close";
const STRIDE: &str = "COUNTERFOIL_FAULT_STRIDE";

/// Longer than any life that only meets one fault should take.
const SLOW: Duration = Duration::from_secs(5);

/// What happens to one system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Kill,
    Error(&'static str),
}

const FAULTS: [Fault; 4] = [
    Fault::Kill,
    Fault::Error("EIO"),
    Fault::Error("ENOSPC"),
    Fault::Error("EINTR"),
];

/// The `count`th call of this name in some thread, or of those on one path in the life's directory.
///
/// strace counts the calls of each thread for itself. Without a path the fault therefore comes to the first thread that gets
/// so far; with one, to a certain call. Names that are drawn at random can only be met without.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Site {
    call: String,
    path: Option<String>,
    count: usize,
}

impl Site {
    fn syncs_segment(&self) -> bool {
        let path = self.path.as_deref();
        self.call == "fdatasync" && path.is_some_and(|path| path.ends_with(".jsonl"))
    }
}

/// A directory without a disk behind it where there is one: the calls are the same, and syncs take no time.
fn directory() -> tempfile::TempDir {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() {
        tempfile::tempdir_in(shared).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

fn strace(dir: &Path, arguments: &[&str]) -> Ran {
    let binary = counterfoil();
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq"])
        .args(arguments)
        .arg(binary.get_program())
        .args(["audit", "rehearse"])
        .arg(dir)
        .env("NO_COLOR", "1");
    command.output().expect("strace runs").into()
}

/// The calls of a life that concern its directory, by name and by how many of that name came before in the same thread.
fn sites(dir: &Path) -> Vec<Site> {
    let trace = dir.join("trace");
    let life = dir.join("life");
    fs::create_dir(&life).unwrap();
    let ran = strace(
        &life,
        &["-y", "-s", "0", "-e", CALLS, "-o", trace.to_str().unwrap()],
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut counts: BTreeMap<(&str, &str, Option<&str>), usize> = BTreeMap::new();
    let mut found = BTreeSet::new();
    let trace = fs::read_to_string(&trace).unwrap();
    for line in trace.lines() {
        let Some((thread, event)) = line.split_once(' ') else {
            continue;
        };
        let Some((call, rest)) = event.trim_start().split_once('(') else {
            continue;
        };
        if !call.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            continue;
        }
        let path = rest
            .split_once(life.to_str().unwrap())
            .and_then(|(_, path)| path.split(['"', '>']).next());
        let mut count = |path| {
            let count = counts.entry((thread, call, path)).or_default();
            *count += 1;
            *count
        };
        let (of_all, of_path) = (count(None), path.map(|path| count(Some(path))));
        if let (Some(path), Some(of_path)) = (path, of_path) {
            for (path, count) in [(None, of_all), (Some(path.to_owned()), of_path)] {
                found.insert(Site {
                    call: call.to_owned(),
                    path,
                    count,
                });
            }
        }
    }
    found.into_iter().collect()
}

/// Lives one life with one fault in it, and the next without; what contradicts a promise.
fn try_one(site: &Site, fault: Fault) -> Result<Told, String> {
    let dir = directory();
    let what = match fault {
        Fault::Kill => "signal=KILL".to_owned(),
        Fault::Error(name) => format!("error={name}"),
    };
    let trace = format!("trace={}", site.call);
    let inject = format!("inject={}:{what}:when={}", site.call, site.count);
    let seen = dir.path().with_extension("strace");
    let mut arguments = vec!["-e", &trace, "-e", &inject, "-o"];
    arguments.push(seen.to_str().unwrap());
    let path = site
        .path
        .as_ref()
        .map(|path| format!("{}{path}", dir.path().display()));
    if let Some(path) = &path {
        arguments.extend(["-P", path]);
    }
    let begun = Instant::now();
    let ran = strace(dir.path(), &arguments);
    let mut told = Told::of(&ran);
    told.took = begun.elapsed();
    let trace = fs::read_to_string(&seen).unwrap();
    fs::remove_file(&seen).unwrap();
    told.met = trace.contains("INJECTED") || trace.contains("killed by SIGKILL");
    told.is_honest(fault, site)?;
    let log = dir.path().join("audit");
    let missing: Vec<_> = told.durable.difference(&leases(&log)).copied().collect();
    if !missing.is_empty() {
        return Err(format!("{missing:?} were acknowledged and are gone"));
    }
    let again = run([
        "audit".as_ref(),
        "rehearse".as_ref(),
        dir.path().as_os_str(),
    ]);
    if again.code != Some(0) {
        return Err(format!("it does not open again: {again:?}"));
    }
    let verdict = run_verify(&log, Some(&dir.path().join("anchor.json")), &[]);
    if verdict.code != Some(0) {
        return Err(format!("it does not verify afterwards: {verdict:?}"));
    }
    let mut promised = told.durable.clone();
    promised.extend(&Told::of(&again).durable);
    let missing: Vec<_> = promised.difference(&leases(&log)).copied().collect();
    if !missing.is_empty() {
        return Err(format!("recovery lost {missing:?}"));
    }
    Ok(told)
}

/// What a life said.
#[derive(Debug)]
struct Told {
    code: Option<i32>,
    durable: BTreeSet<u64>,
    /// After how many milliseconds each alarm was raised.
    alarms: Vec<u64>,
    closed: bool,
    text: String,
    /// The fault came; the threads of a life do not do the same each time.
    met: bool,
    took: Duration,
}

impl Told {
    fn of(ran: &Ran) -> Self {
        let numbers = |word: &str| {
            let numbers = ran
                .stdout
                .lines()
                .filter_map(|line| line.strip_prefix(word)?.split(' ').next()?.parse().ok());
            numbers.collect::<Vec<u64>>()
        };
        Self {
            code: ran.code,
            durable: numbers("durable ").into_iter().collect(),
            alarms: numbers("alarm "),
            closed: ran
                .stdout
                .lines()
                .last()
                .is_some_and(|line| line.starts_with("closed ")),
            text: format!("{ran:?}"),
            met: false,
            took: Duration::ZERO,
        }
    }

    /// The exit code says how it went, and a sync that failed raised an alarm within a second.
    fn is_honest(&self, fault: Fault, site: &Site) -> Result<(), String> {
        let Self { code, closed, .. } = *self;
        let ended = match code {
            Some(0) => closed,
            // An error of the loader, which no program can help, ends with 127.
            Some(4 | 127) => true,
            // The standard library takes a directory that cannot be closed for a bug; no local file system has such a thing.
            Some(101) => site.call == "close" && self.text.contains("during closedir"),
            Some(2) => self.text.contains("another writer"),
            _ => code.is_none() && fault == Fault::Kill,
        };
        if !ended {
            return Err(format!("it ended dishonestly: {}", self.text));
        }
        if site.syncs_segment() && fault == Fault::Error("EIO") && self.met && code == Some(0) {
            match self.alarms.iter().max() {
                None => return Err(format!("a sync failed without an alarm: {}", self.text)),
                Some(after) if *after >= 1_000 => {
                    return Err(format!("the alarm came after {after} ms"));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// The leases in whole lines of the log.
fn leases(log: &Path) -> BTreeSet<u64> {
    let list = fs::read_dir(log.join("segments"));
    let segments: Vec<PathBuf> = list.map_or_else(
        |_| Vec::new(),
        |list| list.map(|entry| entry.unwrap().path()).collect(),
    );
    let mut found = BTreeSet::new();
    for segment in segments {
        let bytes = fs::read(segment).unwrap();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let record = serde_json::from_slice::<Value>(line).unwrap_or_default();
            let lease = record["body"]["keys"]["lease"].as_str();
            found.extend(lease.and_then(|lease| lease.parse::<u64>().ok()));
        }
    }
    found
}

#[test]
fn killed_or_failed_at_any_system_call_it_keeps_what_it_said_is_durable() {
    if is_missing("strace") {
        return;
    }
    let begun = Instant::now();
    let dir = directory();
    let sites = sites(dir.path());
    let stride = std::env::var(STRIDE).map_or(13, |stride| stride.parse::<usize>().unwrap());
    // Another fault at each place, and all of them at each place with a stride of 1. Syncs of segments are never left out.
    let cases: Vec<(&Site, Fault)> = sites
        .iter()
        .flat_map(|site| FAULTS.map(|fault| (site, fault)))
        .enumerate()
        .filter(|(index, (site, fault))| {
            index % stride == 0 || site.syncs_segment() && *fault == Fault::Error("EIO")
        })
        .map(|(_, case)| case)
        .collect();
    let next = AtomicUsize::new(0);
    let (failures, tally) = (Mutex::new(Vec::new()), Mutex::new([0; 5]));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((site, fault)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match try_one(site, *fault) {
                        Err(why) => {
                            let case = format!("{fault:?} at {site:?}");
                            failures.lock().unwrap().push(format!("{case}: {why}"));
                        }
                        Ok(told) => {
                            let kind = match told.code {
                                None => 0,
                                Some(_) if !told.met => 4,
                                Some(0) if told.alarms.is_empty() => 1,
                                Some(0) => 2,
                                Some(_) => 3,
                            };
                            tally.lock().unwrap()[kind] += 1;
                            if told.took > SLOW {
                                eprintln!("{fault:?} at {site:?} took {:?}", told.took);
                            }
                        }
                    }
                }
            });
        }
    });
    let [killed, unharmed, mended, refused, missed] = tally.into_inner().unwrap();
    eprintln!(
        "{} of {} faults at {} places in {:.0} s: {killed} killed, {unharmed} went on without an alarm, {mended} with one, \
         {refused} ended with an error, {missed} were not met",
        cases.len(),
        sites.len() * FAULTS.len(),
        sites.len(),
        begun.elapsed().as_secs_f64()
    );
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
