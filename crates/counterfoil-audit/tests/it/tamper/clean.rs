//! Logs that nobody touched: a verifier that cries wolf is switched off.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use counterfoil_audit::verify::{Report, verify_path, verify_reader};
use counterfoil_signer::Keyring;
use counterfoil_testkit::SeededRng;

use super::subject::{EVERY_KIND, Kind, Recipe, Subject, options};

/// Hands out a few bytes at a time, as a pipe does.
struct Dribble<'a> {
    rest: &'a [u8],
    rng: SeededRng,
}

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let some = 1 + self.rng.below(3_000) as usize;
        let len = some.min(self.rest.len()).min(buffer.len());
        let (now, rest) = self.rest.split_at(len);
        buffer[..len].copy_from_slice(now);
        self.rest = rest;
        Ok(len)
    }
}

/// A log of any kind and size, and any way to look at it that has to find it VALID.
fn one(seed: u64, folder: &Path) {
    let mut rng = SeededRng::new(seed);
    // Signatures take most of the time, so that logs of signed records are the rarer ones.
    let kind = match rng.below(16) {
        0 => Kind::Records,
        1 => Kind::BareSigned,
        other => [Kind::Bare, Kind::Unsigned, Kind::Checkpoints][other as usize % 3],
    };
    let signed = kind.signs_records();
    let subject = Recipe {
        seed,
        openings: 1 + rng.below(3),
        ..Recipe::new(kind, 12 + rng.below(if signed { 12 } else { 60 }) as usize)
    }
    .make();
    let keys = if rng.below(2) == 0 {
        subject.keys()
    } else {
        Keyring::new()
    };
    let head = 1 + rng.below(subject.len());
    let mut options = options(Some(subject.anchor(head)), &keys);
    options.hash_only = rng.below(8) == 0;
    if rng.below(64) == 0 {
        options.jobs = 1 + rng.below(3) as usize;
    }
    let mut log = subject.bytes();
    if rng.below(4) == 0 {
        // A writer is at work on the next line.
        let line = &subject.lines[rng.below(subject.len()) as usize];
        log.extend_from_slice(&line[..1 + rng.below(line.len() as u64 - 1) as usize]);
    }
    let report = if rng.below(16) == 0 {
        put(&subject, &log, &mut rng, folder);
        verify_path(folder, &options)
    } else {
        verify_reader(Dribble { rest: &log, rng }, "log.jsonl", &options)
    };
    assert_clean(seed, &subject, head, &report);
}

fn put(subject: &Subject, log: &[u8], rng: &mut SeededRng, folder: &Path) {
    let segments = folder.join("segments");
    if segments.exists() {
        fs::remove_dir_all(&segments).unwrap();
    }
    fs::create_dir(&segments).unwrap();
    let (mut index, mut start) = (0, 0);
    while index < subject.lines.len() {
        let lines = 1 + rng.below(20) as usize;
        let end = (index + lines).min(subject.lines.len());
        let len: usize = subject.lines[index..end].iter().map(Vec::len).sum();
        let upto = if end == subject.lines.len() {
            log.len()
        } else {
            start + len
        };
        let name = format!("{:020}.jsonl", index + 1);
        fs::write(segments.join(name), &log[start..upto]).unwrap();
        (index, start) = (end, upto);
    }
}

fn assert_clean(seed: u64, subject: &Subject, head: u64, report: &Report) {
    let what = format!("seed {seed}, {:?}, head {head}: {report}", subject.recipe);
    assert_eq!(
        (report.exit_code(), report.failures_total),
        (0, 0),
        "{what}"
    );
    assert_eq!(report.records, subject.len(), "{what}");
    assert_eq!(report.tail.records, subject.len() - head, "{what}");
    assert_eq!(
        report.end.as_ref(),
        Some(&subject.head(subject.len())),
        "{what}"
    );
}

fn many(seeds: std::ops::Range<u64>) {
    let folder = tempfile::tempdir().unwrap();
    for seed in seeds {
        one(seed, folder.path());
    }
}

#[test]
fn hundreds_of_untouched_logs_raise_no_alarm() {
    many(0..400);
}

#[test]
fn every_kind_of_log_is_valid_to_every_head_in_it() {
    for kind in EVERY_KIND {
        let subject = Recipe {
            openings: 2,
            ..Recipe::new(kind, 20)
        }
        .make();
        for head in 1..=subject.len() {
            let keys = subject.keys();
            let options = options(Some(subject.anchor(head)), &keys);
            let report = verify_reader(&subject.bytes()[..], "log.jsonl", &options);
            assert_clean(1, &subject, head, &report);
        }
    }
}

#[test]
#[ignore = "long: run by `cargo xtask tamper --long`"]
fn long_a_million_untouched_logs_raise_no_alarm() {
    many(1_000_000..2_000_000);
    println!("tamper: 1000000 untouched logs verified, no alarm");
}
