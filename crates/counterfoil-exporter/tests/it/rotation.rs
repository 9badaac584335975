//! Files of lines that start anew.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use counterfoil_core::Timestamp;
use counterfoil_exporter::{Batch, ErrorKind, Exporter, JsonLinesExporter, RotatingFile, Rotation};
use counterfoil_testkit::FakeClock;
use counterfoil_testkit::exporter::conformance;
use tempfile::TempDir;

/// Lines of eight bytes each: `{"n":7}` and a line feed.
fn lines(numbers: impl IntoIterator<Item = u64>) -> Batch {
    let line = |n: u64| counterfoil_core::SealedLine {
        seq: n,
        hash: counterfoil_core::Digest::ZERO,
        bytes: format!("{{\"n\":{n}}}\n").into_bytes(),
    };
    numbers.into_iter().map(line).collect::<Vec<_>>().into()
}

struct Fixture {
    directory: TempDir,
    clock: Arc<FakeClock>,
}

impl Fixture {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            clock: Arc::new(FakeClock::new()),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("telemetry.jsonl")
    }

    fn open(&self, rotation: Rotation) -> JsonLinesExporter<RotatingFile> {
        let clock = Arc::clone(&self.clock);
        JsonLinesExporter::new(RotatingFile::open_with_clock(self.path(), rotation, clock).unwrap())
    }

    /// The numbers in the file that is `age` files old; `None` when there is none.
    fn numbers(&self, age: usize) -> Option<Vec<u64>> {
        let path = match age {
            0 => self.path(),
            age => self.directory.path().join(format!("telemetry.jsonl.{age}")),
        };
        path.exists().then(|| numbers(&path))
    }

    fn all(&self) -> Vec<Option<Vec<u64>>> {
        (0..5).map(|age| self.numbers(age)).collect()
    }
}

fn numbers(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    let number = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["n"].as_u64().unwrap()
    };
    text.lines().map(number).collect()
}

#[test]
fn a_file_that_would_grow_too_large_makes_way() {
    let fixture = Fixture::new();
    let exporter = fixture.open(Rotation::new().max_bytes(20).keep(2));
    for n in 1..=7 {
        exporter.export(lines([n])).unwrap();
    }
    let all = fixture.all();
    assert_eq!(
        all[..4],
        [Some(vec![7]), Some(vec![5, 6]), Some(vec![3, 4]), None],
        "two are kept, and the oldest is gone"
    );
}

#[test]
fn one_batch_is_spread_over_files_between_its_lines() {
    let fixture = Fixture::new();
    let exporter = fixture.open(Rotation::new().max_bytes(20).keep(4));
    exporter.export(lines(1..=9)).unwrap();
    let all: Vec<_> = fixture
        .all()
        .into_iter()
        .rev()
        .flatten()
        .flatten()
        .collect();
    assert_eq!(
        all,
        (1..=9).collect::<Vec<_>>(),
        "no line is lost or doubled"
    );
    for age in 0..5 {
        assert!(fixture.numbers(age).unwrap().len() <= 2);
    }
}

#[test]
fn a_line_that_is_too_long_has_a_file_of_its_own() {
    let fixture = Fixture::new();
    let exporter = fixture.open(Rotation::new().max_bytes(10).keep(3));
    exporter.export(lines([1, 123_456_789_012, 2])).unwrap();
    let all = fixture.all();
    assert_eq!(
        all[..3],
        [Some(vec![2]), Some(vec![123_456_789_012]), Some(vec![1])]
    );
}

#[test]
fn a_file_that_is_old_makes_way_when_there_is_news() {
    let fixture = Fixture::new();
    let exporter = fixture.open(Rotation::new().max_age(Duration::from_secs(60)));
    fixture.clock.step(Duration::from_secs(600));
    exporter.export(lines([1])).unwrap();
    assert_eq!(fixture.numbers(1), None, "an empty file does not age");
    fixture.clock.step(Duration::from_secs(59));
    exporter.export(lines([2])).unwrap();
    fixture.clock.step(Duration::from_secs(1));
    exporter.export(lines([3])).unwrap();
    exporter.export(lines([4])).unwrap();
    assert_eq!(
        (fixture.numbers(0), fixture.numbers(1)),
        (Some(vec![3, 4]), Some(vec![1, 2]))
    );
}

#[test]
fn the_age_of_a_file_survives_a_restart() {
    let fixture = Fixture::new();
    let rotation = Rotation::new().max_age(Duration::from_secs(3600));
    fixture.open(rotation).export(lines([1])).unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    fixture
        .clock
        .set_utc(Timestamp::from_unix_seconds(now + 60));
    fixture.open(rotation).export(lines([2])).unwrap();
    fixture
        .clock
        .set_utc(Timestamp::from_unix_seconds(now + 7200));
    fixture.open(rotation).export(lines([3])).unwrap();
    assert_eq!(
        (fixture.numbers(0), fixture.numbers(1)),
        (Some(vec![3]), Some(vec![1, 2]))
    );
}

#[test]
fn a_file_that_was_deleted_or_moved_is_made_anew() {
    let fixture = Fixture::new();
    let exporter = fixture.open(Rotation::new());
    exporter.export(lines([1])).unwrap();
    fs::remove_file(fixture.path()).unwrap();
    exporter.export(lines([2])).unwrap();
    assert_eq!(fixture.numbers(0), Some(vec![2]));
    let moved = fixture.directory.path().join("moved");
    fs::rename(fixture.path(), &moved).unwrap();
    exporter.export(lines([3])).unwrap();
    assert_eq!(
        (numbers(&moved), fixture.numbers(0)),
        (vec![2], Some(vec![3]))
    );
    let other = fixture.directory.path().join("other");
    fs::write(&other, "{\"n\":9}\n").unwrap();
    fs::rename(&other, fixture.path()).unwrap();
    exporter.export(lines([4])).unwrap();
    assert_eq!(
        fixture.numbers(0),
        Some(vec![9, 4]),
        "what stands there is not overwritten"
    );
}

#[test]
fn a_file_that_was_emptied_in_place_is_written_to_from_its_beginning() {
    let fixture = Fixture::new();
    let exporter = fixture.open(Rotation::new().max_bytes(20));
    exporter.export(lines([1, 2])).unwrap();
    fs::write(fixture.path(), "").unwrap();
    exporter.export(lines([3, 4])).unwrap();
    assert_eq!(
        (fixture.numbers(0), fixture.numbers(1)),
        (Some(vec![3, 4]), None)
    );
}

#[test]
fn a_directory_that_was_deleted_is_an_error_until_it_is_back() {
    let fixture = Fixture::new();
    let exporter = fixture.open(Rotation::new());
    exporter.export(lines([1])).unwrap();
    fs::remove_dir_all(fixture.directory.path()).unwrap();
    assert_eq!(
        exporter.export(lines([2])).unwrap_err().kind(),
        ErrorKind::Io
    );
    fs::create_dir(fixture.directory.path()).unwrap();
    exporter.export(lines([3])).unwrap();
    assert_eq!(fixture.numbers(0), Some(vec![3]));
}

#[test]
fn a_rotation_that_fails_is_an_error_and_is_tried_again() {
    let fixture = Fixture::new();
    let exporter = fixture.open(Rotation::new().max_bytes(20).keep(1));
    exporter.export(lines([1, 2])).unwrap();
    let in_the_way = fixture.directory.path().join("telemetry.jsonl.1");
    fs::create_dir(&in_the_way).unwrap();
    assert_eq!(
        exporter.export(lines([3])).unwrap_err().kind(),
        ErrorKind::Io
    );
    assert_eq!(fixture.numbers(0), Some(vec![1, 2]), "the bound is kept");
    fs::remove_dir(&in_the_way).unwrap();
    exporter.export(lines([4])).unwrap();
    assert_eq!(
        (fixture.numbers(0), fixture.numbers(1)),
        (Some(vec![4]), Some(vec![1, 2]))
    );
}

#[test]
fn a_number_that_is_free_ends_the_moving() {
    let fixture = Fixture::new();
    let path = |age: usize| {
        fixture
            .directory
            .path()
            .join(format!("telemetry.jsonl.{age}"))
    };
    fs::write(path(1), "{\"n\":1}\n").unwrap();
    fs::write(path(3), "{\"n\":3}\n").unwrap();
    let exporter = fixture.open(Rotation::new().max_bytes(10).keep(3));
    exporter.export(lines([8, 9])).unwrap();
    let all = fixture.all();
    assert_eq!(
        all[..4],
        [Some(vec![9]), Some(vec![8]), Some(vec![1]), Some(vec![3])]
    );
}

#[test]
fn keeping_none_keeps_only_the_newest() {
    let fixture = Fixture::new();
    let exporter = fixture.open(Rotation::new().max_bytes(20).keep(0));
    exporter.export(lines(1..=5)).unwrap();
    assert_eq!(fixture.all()[..2], [Some(vec![5]), None]);
}

#[test]
fn a_line_that_a_crash_cut_off_is_ended_first() {
    let fixture = Fixture::new();
    fs::write(fixture.path(), "{\"n\":").unwrap();
    fixture.open(Rotation::new()).export(lines([1])).unwrap();
    assert_eq!(
        fs::read_to_string(fixture.path()).unwrap(),
        "{\"n\":\n{\"n\":1}\n"
    );
}

#[test]
fn a_file_is_for_its_owner_only_and_what_is_no_file_is_refused() {
    let fixture = Fixture::new();
    fixture.open(Rotation::new()).export(lines([1])).unwrap();
    let mode = fs::metadata(fixture.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for path in [fixture.directory.path(), Path::new("/dev/null")] {
        let error = JsonLinesExporter::to_file(path, Rotation::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }
}

#[test]
fn the_end_of_a_line_that_is_elsewhere_is_not_written() {
    let fixture = Fixture::new();
    let clock = Arc::clone(&fixture.clock);
    let mut file = RotatingFile::open_with_clock(fixture.path(), Rotation::new(), clock).unwrap();
    file.write_all(b"{\"n\":1}").unwrap();
    file.write_all(b"\n").unwrap();
    file.write_all(b"\n").unwrap();
    assert_eq!(fs::read_to_string(fixture.path()).unwrap(), "{\"n\":1}\n");
}

#[test]
fn readers_see_every_line_once_while_others_delete_nothing() {
    let fixture = Fixture::new();
    let exporter = fixture.open(Rotation::new().max_bytes(64).keep(1_000));
    for n in 0..200 {
        exporter.export(lines([2 * n, 2 * n + 1])).unwrap();
    }
    let files = fs::read_dir(fixture.directory.path()).unwrap();
    let seen: Vec<_> = files
        .flat_map(|file| numbers(&file.unwrap().path()))
        .collect();
    assert_eq!(seen.len(), 400);
    assert_eq!(BTreeSet::from_iter(seen), (0..400).collect());
}

#[test]
fn the_file_exporter_conforms() {
    conformance(|| {
        let fixture = Fixture::new();
        let exporter = fixture.open(Rotation::new().max_bytes(2_000).keep(100));
        let count = move || {
            let files = fs::read_dir(fixture.directory.path()).unwrap();
            let lines = files.map(|it| fs::read_to_string(it.unwrap().path()).unwrap());
            lines.map(|text| text.lines().count()).sum()
        };
        (exporter, count)
    });
}
