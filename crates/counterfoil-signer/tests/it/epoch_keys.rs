//! Keys of epochs: kept apart, readable by their owner alone, and gone once they are destroyed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use counterfoil_core::ChainId;
use counterfoil_signer::{EpochKeyDir, EpochKeys, ErrorKind, epoch_message};
use counterfoil_testkit::SeededRng;
use tempfile::tempdir;

fn open(path: &Path, seed: u64) -> EpochKeyDir {
    let rng = Mutex::new(SeededRng::new(seed));
    EpochKeyDir::open(path, move |bytes| {
        rng.lock().unwrap().fill(bytes);
        Ok::<(), std::io::Error>(())
    })
    .unwrap()
}

fn chain() -> ChainId {
    "audit.example.com/leases/1".parse().unwrap()
}

fn only_file(directory: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

#[test]
fn a_directory_of_epoch_keys_keeps_the_contract() {
    let directory = tempdir().unwrap();
    let seed = std::cell::Cell::new(0);
    counterfoil_testkit::signer::epoch_keys(|| {
        seed.set(seed.get() + 1);
        open(&directory.path().join("epochs"), seed.get())
    });
}

#[test]
fn nobody_but_the_owner_has_access() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("epochs");
    let keys = open(&path, 1);
    keys.create(&chain(), 1).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&only_file(&path))), (0o700, 0o600));

    fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
    let refused = EpochKeyDir::open(&path, |_| Ok::<(), std::io::Error>(())).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::UnsafePermissions);
    assert!(refused.to_string().contains("chmod 700"), "{refused}");
}

#[test]
fn a_destroyed_key_is_overwritten_before_its_name_goes() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("epochs");
    let keys = open(&path, 1);
    keys.create(&chain(), 1).unwrap();
    // A second name for the same file shows what became of the content.
    let witness = directory.path().join("witness");
    fs::hard_link(only_file(&path), &witness).unwrap();
    assert!(fs::read(&witness).unwrap().starts_with(b"PRIVATE+KEY+"));
    keys.destroy(&chain(), 1).unwrap();
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
    let left = fs::read(&witness).unwrap();
    assert!(!left.is_empty() && left.iter().all(|byte| *byte == 0));
}

#[test]
fn a_key_that_a_crash_left_torn_is_listed_unreadable_and_can_be_destroyed() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("epochs");
    let keys = open(&path, 1);
    keys.create(&chain(), 3).unwrap();
    let file = only_file(&path);
    let whole = fs::read(&file).unwrap();
    for len in [0, 1, whole.len() / 2, whole.len() - 2] {
        fs::write(&file, &whole[..len]).unwrap();
        assert_eq!(keys.list(&chain()).unwrap(), [3]);
        assert!(keys.load(&chain(), 3).is_err(), "{len} bytes");
        assert!(keys.create(&chain(), 3).is_err(), "{len} bytes");
    }
    keys.destroy(&chain(), 3).unwrap();
    assert_eq!(keys.list(&chain()).unwrap(), [0; 0]);
    keys.create(&chain(), 3).unwrap();
}

#[test]
fn the_key_of_another_epoch_under_the_name_of_this_one_is_refused() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("epochs");
    let keys = open(&path, 1);
    keys.create(&chain(), 3).unwrap();
    let file = only_file(&path);
    let moved = file.to_str().unwrap().replace("~3.key", "~4.key");
    fs::rename(&file, moved).unwrap();
    let refused = keys.load(&chain(), 4).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidKey);
    assert!(refused.to_string().contains("/epoch/4"), "{refused}");
}

#[test]
fn a_key_is_not_made_without_randomness() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("epochs");
    let keys =
        EpochKeyDir::open(&path, |_| Err::<(), _>(std::io::Error::other("no entropy"))).unwrap();
    assert_eq!(keys.create(&chain(), 1).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(keys.list(&chain()).unwrap(), [0; 0]);
}

#[test]
fn what_is_signed_at_the_start_of_an_epoch_has_six_lines_and_no_line_feed_at_its_end() {
    let root = counterfoil_core::Digest::from_bytes([0xab; 32]);
    let message = epoch_message("audit.example.com/leases/1", 2, 17, &root, "name+id+key");
    assert_eq!(
        message,
        format!(
            "counterfoil.dev/epoch/v1\naudit.example.com/leases/1\n2\n17\n{}\nname+id+key",
            "ab".repeat(32)
        )
    );
}
