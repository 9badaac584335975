//! Killing the demo: what it said was durable is in the log, whenever it is killed.
//!
//! `COUNTERFOIL_CRASH_RUNS` says how often: 20 unless told, 60 where `CI` is set; the long run is 200.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::demo::wait_for;
use crate::run::{Demo, counterfoil, run_verify};

/// What was acknowledged: lease and kind. A last line without its end was being written when the kill came.
fn acknowledged(file: &Path) -> BTreeSet<(String, String)> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(lease, kind)| (lease.to_owned(), kind.to_owned()))
        .collect()
}

/// What the log holds: lease and kind of each whole line.
fn logged(log: &Path) -> BTreeSet<(String, String)> {
    let mut segments: Vec<_> = fs::read_dir(log.join("segments")).map_or_else(
        |_| Vec::new(),
        |list| list.map(|entry| entry.unwrap().path()).collect(),
    );
    segments.sort();
    let mut found = BTreeSet::new();
    for segment in segments {
        for line in fs::read(segment)
            .unwrap()
            .split_inclusive(|byte| *byte == b'\n')
        {
            let Ok(record) = serde_json::from_slice::<Value>(line) else {
                continue;
            };
            if let (Some(lease), Some(kind)) = (
                record["body"]["keys"]["lease"].as_str(),
                record["body"]["event"]["kind"].as_str(),
            ) {
                found.insert((lease.to_owned(), kind.to_owned()));
            }
        }
    }
    found
}

#[test]
fn killing_the_demo_loses_no_acknowledged_record() {
    let runs: u64 = std::env::var("COUNTERFOIL_CRASH_RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok())
        .unwrap_or_else(|| {
            if std::env::var_os("CI").is_some() {
                60
            } else {
                20
            }
        });
    let dir = tempfile::tempdir().unwrap();
    let (log, acks) = (dir.path().join("audit"), dir.path().join("acks"));
    let begun = Instant::now();
    let mut before = 0;
    for run in 0..runs {
        let seed = run.to_string();
        let demo = Demo::start(
            dir.path(),
            &[
                "--seconds",
                "600",
                "--quiet",
                "--seed",
                &seed,
                "--acks",
                acks.to_str().unwrap(),
            ],
        );
        wait_for(|| acknowledged(&acks).len() > before);
        // From the first acknowledgement on the kill may come at any moment: most are spread over two group commits, every
        // eighth comes much later, and every fifth meets a demo that is closing its log.
        std::thread::sleep(Duration::from_micros(run * 7_919 % 20_000));
        if run % 8 == 7 {
            std::thread::sleep(Duration::from_millis(run * 31 % 500));
        }
        if run % 5 == 4 {
            demo.signal("TERM");
            std::thread::sleep(Duration::from_micros(run * 3_571 % 30_000));
        }
        demo.signal("KILL");
        demo.finish();
        let promised = acknowledged(&acks);
        let lost: Vec<_> = promised.difference(&logged(&log)).cloned().collect();
        assert!(lost.is_empty(), "run {run} lost {lost:?}");
        before = promised.len();
    }
    // A last run that ends in order recovers the last tail; the whole chain verifies and still holds every promise.
    let last = counterfoil()
        .args([
            "demo",
            "--seconds",
            "1",
            "--quiet",
            "--metrics-addr",
            "127.0.0.1:0",
            "--dir",
        ])
        .arg(dir.path())
        .output()
        .unwrap();
    assert!(last.status.success(), "{last:?}");
    let verdict = run_verify(
        &log,
        Some(&dir.path().join("anchor.json")),
        &["--output", "json"],
    );
    assert_eq!(verdict.code, Some(0), "{verdict:?}");
    let lost: Vec<_> = acknowledged(&acks)
        .difference(&logged(&log))
        .cloned()
        .collect();
    assert!(lost.is_empty(), "recovery lost {lost:?}");
    eprintln!(
        "{runs} kills in {:.0} s: {before} acknowledged records, {} in the log, none lost",
        begun.elapsed().as_secs_f64(),
        verdict.json()["records"]
    );
}
