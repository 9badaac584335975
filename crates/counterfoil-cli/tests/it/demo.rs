//! `counterfoil demo` from start to end.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::http::get;
use crate::run::{Demo, Ran, counterfoil, run_verify};

/// A short demo in a directory of its own, which has to end well.
pub(crate) fn run_once(args: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let ran = demo_in(&dir, args);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    dir
}

fn demo_in(dir: &tempfile::TempDir, args: &[&str]) -> Ran {
    counterfoil()
        .args(["demo", "--quiet", "--metrics-addr", "127.0.0.1:0", "--dir"])
        .arg(dir.path())
        .args(args)
        .output()
        .expect("the binary runs")
        .into()
}

#[test]
fn the_three_layers_agree_with_the_manager_and_everything_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let ran = demo_in(&dir, &["--seconds", "3", "--output", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let totals = ran.json();
    assert_eq!(
        (&totals["schema"], &totals["version"]),
        (&"counterfoil.demo".into(), &1.into())
    );
    assert_eq!(totals["agree"], true);
    let rows = totals["happenings"].as_array().unwrap();
    for row in rows {
        assert_eq!(row["manager"], row["metrics"], "{row}");
        assert_eq!(row["manager"], row["events"], "{row}");
        assert_eq!(row["manager"], row["audit"], "{row}");
    }
    for kind in [
        "lease_allocated",
        "lease_renewed",
        "lease_released",
        "lease_expired",
        "lease_preempted",
        "operation_failed",
    ] {
        let row = rows.iter().find(|row| row["kind"] == kind).unwrap();
        assert!(
            row["manager"].as_u64().unwrap() > 0,
            "no {kind} in three seconds: {totals}"
        );
    }
    assert!(totals["acknowledged"].as_u64().unwrap() > 0);
    assert!(totals["operations"].as_u64().unwrap() > 0);

    let events = fs::read_to_string(dir.path().join("events.jsonl")).unwrap();
    let offered: u64 = rows.iter().map(|row| row["events"].as_u64().unwrap()).sum();
    assert_eq!(events.lines().count() as u64, offered);
    assert!(
        events
            .lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
    );
    assert!(
        !dir.path().join("scratch").exists(),
        "the leased files are gone"
    );
    let mode = |name| {
        fs::metadata(dir.path().join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode("key.secret"), 0o600);
    let verdict = run_verify(
        &dir.path().join("audit"),
        Some(&dir.path().join("anchor.json")),
        &[],
    );
    assert_eq!(verdict.code, Some(0), "{verdict:?}");
}

#[test]
fn a_directory_with_a_log_is_continued_in_the_same_chain() {
    let dir = run_once(&["--seconds", "1"]);
    let vkey = fs::read_to_string(dir.path().join("key.vkey")).unwrap();
    let before = fs::read(dir.path().join("audit/segments/00000000000000000001.jsonl")).unwrap();
    let again = demo_in(&dir, &["--seconds", "1", "--output", "json"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    let after = fs::read(dir.path().join("audit/segments/00000000000000000001.jsonl")).unwrap();
    assert!(
        after.starts_with(&before),
        "what was sealed before is still there"
    );
    assert_eq!(
        fs::read_to_string(dir.path().join("key.vkey")).unwrap(),
        vkey
    );
    let verdict = run_verify(
        &dir.path().join("audit"),
        Some(&dir.path().join("anchor.json")),
        &["--key", vkey.trim(), "--output", "json"],
    );
    assert_eq!(verdict.code, Some(0), "{verdict:?}");
    assert_eq!(verdict.json()["records"], again.json()["head"]["seq"]);
}

#[test]
fn a_taken_port_is_refused_before_anything_is_written() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("demo");
    let ran: Ran = counterfoil()
        .args([
            "demo",
            "--seconds",
            "1",
            "--metrics-addr",
            &taken.local_addr().unwrap().to_string(),
            "--dir",
        ])
        .arg(&dir)
        .output()
        .unwrap()
        .into();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    assert!(
        ran.stderr.contains("--metrics-addr") && ran.stderr.lines().count() == 1,
        "{ran:?}"
    );
    assert!(!dir.exists());
}

#[test]
fn an_interrupted_demo_drains_and_still_prints_its_totals() {
    for signal in ["INT", "TERM"] {
        let dir = tempfile::tempdir().unwrap();
        let demo = Demo::start(dir.path(), &["--seconds", "600", "--output", "json"]);
        wait_for(|| acquired(&demo.address) > 20.0);
        demo.signal(signal);
        let ran = demo.finish();
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(ran.json()["agree"], true);
        let verdict = run_verify(
            &dir.path().join("audit"),
            Some(&dir.path().join("anchor.json")),
            &[],
        );
        assert_eq!(verdict.code, Some(0), "{verdict:?}");
    }
}

#[test]
fn health_is_json_and_other_paths_are_not_found() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(dir.path(), &["--seconds", "600", "--quiet"]);
    wait_for(|| acquired(&demo.address) > 0.0);
    let (status, body) = get(&demo.address, "/health").unwrap();
    let health: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &health["schema"], &health["status"]),
        (200, &"counterfoil.demo.health".into(), &"ok".into())
    );
    assert!(health["audit"]["seq"].as_u64().unwrap() > 0, "{health}");
    assert_eq!(get(&demo.address, "/nothing").unwrap().0, 404);
    demo.signal("TERM");
    assert_eq!(demo.finish().code, Some(0));
}

#[test]
fn live_figures_off_a_terminal_are_plain_lines() {
    let dir = tempfile::tempdir().unwrap();
    let ran = Demo::start(dir.path(), &["--seconds", "3"]).finish();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("ops/s"), "{ran:?}");
    assert!(
        !ran.stderr.contains('\u{1b}') && !ran.stdout.contains('\u{1b}'),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("counterfoil verify "), "{ran:?}");
}

#[test]
fn a_second_demo_on_the_same_directory_is_refused_while_the_first_runs() {
    let dir = tempfile::tempdir().unwrap();
    let first = Demo::start(dir.path(), &["--seconds", "600", "--quiet"]);
    wait_for(|| acquired(&first.address) > 0.0);
    let second = demo_in(&dir, &["--seconds", "1"]);
    assert_eq!(
        (second.code, second.stdout.as_str()),
        (Some(4), ""),
        "{second:?}"
    );
    first.signal("TERM");
    assert_eq!(first.finish().code, Some(0));
}

pub(crate) fn acquired(address: &str) -> f64 {
    let Some((200, text)) = get(address, "/metrics") else {
        return 0.0;
    };
    text.lines()
        .filter(|line| line.starts_with("counterfoil_lease_acquired_total"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

pub(crate) fn wait_for(mut condition: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < patience, "waited for a minute in vain");
        std::thread::sleep(Duration::from_millis(20));
    }
}
