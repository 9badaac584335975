//! `counterfoil key` on logs in real directories.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use counterfoil::anchor::FileAnchorStore;
use counterfoil::audit::{AuditEventData, AuditInput, AuditLog, ExtensionKind, Object};
use counterfoil::signer::{Ed25519Signer, EpochKeyDir, Signer};

use crate::run::{Ran, counterfoil, run};

const BASE: &str = "audit.example.com/keys";
const LONG: Duration = Duration::from_secs(30);

/// A log with its keys and its anchor, each in a file of this directory.
struct Kept {
    dir: tempfile::TempDir,
}

impl Kept {
    fn new() -> Self {
        let kept = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        for (role, file) in [
            ("log", "a.key"),
            ("log", "b.key"),
            ("record", "r.key"),
            ("record", "s.key"),
        ] {
            let ran = kept.key(&[
                "generate",
                "--role",
                role,
                "--name",
                &format!("{BASE}/1"),
                file,
            ]);
            assert_eq!(ran.code, Some(0), "{ran:?}");
        }
        kept
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs `counterfoil key` in the directory.
    fn key(&self, args: &[&str]) -> Ran {
        let mut command = counterfoil();
        command.current_dir(self.dir.path()).arg("key").args(args);
        command.output().unwrap().into()
    }

    fn verify(&self, keys: &[&str]) -> Ran {
        let mut command = counterfoil();
        command.current_dir(self.dir.path());
        command.args(["verify", "log", "--anchor", "anchor.json"]);
        for key in keys {
            command.args(["--key", &self.vkey(key)]);
        }
        command.output().unwrap().into()
    }

    fn vkey(&self, file: &str) -> String {
        let shown = self.key(&["show", file, "--output", "json"]).json();
        shown["vkey"].as_str().unwrap().to_owned()
    }

    fn signer(&self, file: &str) -> Arc<dyn Signer> {
        Arc::new(Ed25519Signer::from_file(self.path(file)).unwrap())
    }

    /// Opens the log with `file` as its key, writes into `epochs` epochs of a second each, and leaves it open.
    fn write(&self, file: &str, record: Option<&str>, epochs: Option<u64>) -> AuditLog {
        let anchors = FileAnchorStore::open(self.path("anchor.json")).unwrap();
        let signer = self.signer(file);
        let mut builder = AuditLog::builder(self.path("log"), BASE)
            .signer(move |_| Ok(Arc::clone(&signer)))
            .anchor_store(Arc::new(anchors));
        if let Some(record) = record.map(|file| self.signer(file)) {
            builder = builder.record_signer(move |_| Ok(Arc::clone(&record)));
        }
        if epochs.is_some() {
            let keys = EpochKeyDir::open(self.path("epochs"), getrandom::fill).unwrap();
            builder = builder.epochs(Duration::from_secs(1), Arc::new(keys));
        }
        let log = builder.open().unwrap();
        put(&log);
        let until = Instant::now() + LONG;
        while log.figures().epoch < epochs.unwrap_or(0) {
            assert!(Instant::now() < until);
            std::thread::yield_now();
        }
        put(&log);
        log
    }
}

fn put(log: &AuditLog) {
    let kind = ExtensionKind::new(&"vault.object_put".into()).unwrap();
    let data = AuditEventData::Extension(kind, Object::new());
    let input = AuditInput::unassigned(data);
    log.append(input).wait_durable(LONG).unwrap();
}

#[test]
fn a_generated_key_is_its_owners_alone_and_shown_without_its_secret() {
    let kept = Kept::new();
    let mode = fs::metadata(kept.path("a.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let secret = fs::read_to_string(kept.path("a.key")).unwrap();
    // PRIVATE+KEY+name+id+base64, and base64 has a plus now and then.
    let secret = secret.trim_end().splitn(5, '+').nth(4).unwrap();
    assert!(secret.len() > 40);
    for args in [
        &["show", "a.key"][..],
        &["show", "a.key", "--output", "json"],
    ] {
        let ran = kept.key(args);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret));
    }
    let again = kept.key(&["generate", "--name", &format!("{BASE}/1"), "a.key"]);
    assert_eq!(again.code, Some(5), "{again:?}");
    assert!(again.stderr.contains("never overwritten"), "{again:?}");
    assert!(
        fs::read_to_string(kept.path("a.key"))
            .unwrap()
            .contains(secret)
    );

    let witness = [
        "generate",
        "--role",
        "witness",
        "--name",
        "witness.example.com",
        "w.key",
        "--output",
        "json",
    ];
    let made = kept.key(&witness).json();
    assert_eq!(made["role"], "witness");
    let shown = kept
        .key(&["show", "--witness", "w.key", "--output", "json"])
        .json();
    assert_eq!(made["vkey"], shown["vkey"]);
    // Type 0x04, so that base64 begins with B.
    assert!(made["vkey"].as_str().unwrap().contains("+B"), "{made}");
}

#[test]
fn a_closed_log_is_rotated_and_who_trusts_the_old_keys_follows() {
    let kept = Kept::new();
    assert!(
        kept.write("a.key", Some("r.key"), None)
            .close(LONG)
            .finished
    );
    let both = [
        "rotate",
        "log",
        "--anchor",
        "anchor.json",
        "--key-file",
        "a.key",
        "--next-key-file",
        "b.key",
        "--record-key-file",
        "r.key",
        "--next-record-key-file",
        "s.key",
        "--reason",
        "yearly",
        "--output",
        "json",
    ];
    let rotated = kept.key(&both).json();
    assert_eq!(
        rotated["rotations"][0]["new_key"],
        kept.vkey("b.key").as_str()
    );
    assert_eq!(
        rotated["rotations"][1]["new_key"],
        kept.vkey("s.key").as_str()
    );
    assert!(rotated["rotations"][0]["seq"].as_u64() > Some(0));
    let ran = kept.verify(&["a.key", "r.key"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("1 of the log key followed"), "{ran:?}");
    assert_eq!(kept.verify(&["b.key"]).code, Some(0));
    // Again: there is nothing left to do.
    let again = kept.key(&both[..12]);
    assert_eq!(again.code, Some(0), "{again:?}");
    // The service goes on with the new keys.
    assert!(
        kept.write("b.key", Some("s.key"), None)
            .close(LONG)
            .finished
    );
    assert_eq!(kept.verify(&["a.key", "r.key"]).code, Some(0));
}

#[test]
fn a_log_at_work_and_a_key_that_is_not_in_force_are_refused_with_the_next_step() {
    let kept = Kept::new();
    let log = kept.write("a.key", None, None);
    let args = [
        "rotate",
        "log",
        "--key-file",
        "a.key",
        "--next-key-file",
        "b.key",
    ];
    let ran = kept.key(&args);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.stderr.contains("rotate_signer"), "{ran:?}");
    assert!(log.close(LONG).finished);
    drop(log);

    for (args, code, says) in [
        (
            &["--key-file", "b.key", "--next-key-file", "a.key"][..],
            5,
            "never handed over",
        ),
        (&["--next-key-file", "b.key"], 5, "vouch"),
        (
            &["--key-file", "a.key", "--next-key-file", "r.key"],
            2,
            "has to be named",
        ),
        (
            &["--key-file", "a.key", "--next-key-file", "a.key"],
            2,
            "already",
        ),
        (
            &["--key-file", "a.key", "--next-key-file", "nothing.key"],
            5,
            "does not exist",
        ),
    ] {
        let mut all = vec!["rotate", "log"];
        all.extend(args);
        let ran = kept.key(&all);
        assert_eq!(ran.code, Some(code), "{args:?}: {ran:?}");
        assert!(ran.stderr.contains(says), "{args:?}: {ran:?}");
        let segment = kept.path("log/segments").join(format!("{:020}.jsonl", 1));
        let text = fs::read_to_string(segment).unwrap();
        assert!(!text.contains("key_rotated"), "{args:?}: {ran:?}");
    }
}

#[test]
fn epochs_are_listed_with_their_seals_and_a_broken_one_is_found() {
    let kept = Kept::new();
    assert!(kept.write("a.key", None, Some(3)).close(LONG).finished);
    let listed = kept.key(&["epochs", "log", "--output", "json"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let epochs = listed.json()["epochs"].as_array().unwrap().clone();
    assert!(epochs.len() >= 3, "{epochs:?}");
    for (index, epoch) in epochs.iter().enumerate() {
        assert_eq!(epoch["epoch"].as_u64(), Some(index as u64 + 1));
        assert_eq!(epoch["signature"], "valid");
        if let Some(next) = epochs.get(index + 1) {
            assert_eq!(
                epoch["to"].as_u64().unwrap() + 1,
                next["from"].as_u64().unwrap()
            );
        }
    }
    assert_eq!(kept.verify(&["a.key"]).code, Some(0));
    let shown = kept.key(&["epochs", "log"]);
    assert!(
        shown.stdout.lines().next().unwrap().len() <= 80,
        "{shown:?}"
    );

    // With epochs, the log key alone adds nothing: the epoch's has to sign as well.
    let args = [
        "rotate",
        "log",
        "--anchor",
        "anchor.json",
        "--key-file",
        "a.key",
        "--next-key-file",
        "b.key",
    ];
    let ran = kept.key(&args);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    assert!(ran.stderr.contains("--epoch-keys"), "{ran:?}");
    let mut all = args.to_vec();
    all.extend(["--epoch-keys", "epochs"]);
    let ran = kept.key(&all);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(kept.verify(&["a.key"]).code, Some(0));

    let segment = kept.path("log/segments").join(format!("{:020}.jsonl", 1));
    let text = fs::read_to_string(&segment).unwrap();
    let second = epochs[1]["vkey"].as_str().unwrap();
    let third = epochs[2]["vkey"].as_str().unwrap();
    let exchanged = text.replacen(third, &second.replace("/epoch/2", "/epoch/3"), 1);
    fs::write(&segment, exchanged).unwrap();
    let ran = kept.key(&["epochs", "log", "--output", "json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(ran.json()["epochs"][2]["signature"], "bad");
}

#[test]
fn a_log_without_epochs_and_a_path_without_a_log_say_so() {
    let kept = Kept::new();
    assert!(kept.write("a.key", None, None).close(LONG).finished);
    let ran = kept.key(&["epochs", "log"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "no epochs\n"));
    let nothing = kept.path("nothing");
    let ran = run(["key", "epochs", nothing.to_str().unwrap()]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
}
