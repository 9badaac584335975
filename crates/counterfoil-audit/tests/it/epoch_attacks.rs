//! The three published attacks on sealed journals (CVE-2023-31437, -31438 and -31439), tried on a log with epochs by somebody who
//! has the directory, the log key and the key of the running epoch.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_audit::verify::{GivenHead, Reason, Report, VerifyOptions, verify_path};
use counterfoil_audit::{
    AuditChain, AuditEventData, AuditInput, AuditLog, EpochStarted, ExtensionKind, HashAlgorithm,
    Instance, Lane, LogOpened, Object, Retention, SigningMode, Src, SrcId,
};
use counterfoil_core::{ChainId, Head, Timestamp};
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_signer::{
    Ed25519Signer, EpochKeyDir, Signer, epoch_key_name, epoch_message, sign_checkpoint,
    sign_note_text,
};
use counterfoil_testkit::SeededRng;
use tempfile::TempDir;

use crate::key_support::{keyring, log_key, read_key, vkey};
use crate::log_support::{LONG, context, expired};

const ID: &str = "audit.example.com/leases/1";
/// Whoever is on the host has the keys of this epoch and later ones.
const STOLEN: u64 = 4;

fn epoch_key(number: u64) -> Ed25519Signer {
    Ed25519Signer::from_seed(&epoch_key_name(ID, number), &[100 + number as u8; 32]).unwrap()
}

/// Another key under the name of an epoch's.
fn forged_key(number: u64) -> Ed25519Signer {
    Ed25519Signer::from_seed(&epoch_key_name(ID, number), &[200 + number as u8; 32]).unwrap()
}

fn the_log_key() -> Ed25519Signer {
    Ed25519Signer::from_seed(ID, &[1; 32]).unwrap()
}

/// A log that somebody writes by hand, the owner or a forger.
struct Book {
    chain: AuditChain,
    out: Vec<u8>,
    own: u64,
    puts: u64,
    heads: Vec<Head>,
}

impl Book {
    fn begin() -> Self {
        let mut book = Self {
            chain: AuditChain::new(ID.parse().unwrap()),
            out: Vec::new(),
            own: 0,
            puts: 0,
            heads: Vec::new(),
        };
        book.about_the_log(AuditEventData::LogOpened(LogOpened {
            anchor_interval_ms: 1_000,
            anchor_interval_records: 256,
            anchored_seq: None,
            epoch_ms: Some(900_000),
            hash: HashAlgorithm::Sha256,
            keys: vec![vkey(&the_log_key())],
            mode: SigningMode::Checkpoint,
            resumed_seq: 0,
            retention: Retention {
                max_age_s: None,
                max_bytes: None,
            },
            software: "test".into(),
            unclean: None,
            unsealed_max: None,
        }));
        book
    }

    /// Records and epochs as they came: two records in each of epochs 1 and 2, none in 3 and 4.
    fn genuine() -> Self {
        let mut book = Self::begin();
        book.epoch(&epoch_key(1), 1, &the_log_key());
        book.put(b"first");
        book.put(b"second");
        book.epoch(&epoch_key(2), 2, &epoch_key(1));
        book.put(b"third");
        book.put(b"fourth");
        book.epoch(&epoch_key(3), 3, &epoch_key(2));
        book.epoch(&epoch_key(4), 4, &epoch_key(3));
        book
    }

    fn seal(&mut self, data: AuditEventData, lane: Lane, n: u64) {
        let time = Timestamp::from_unix_seconds(1_700_000_000 + self.chain.seq());
        let id = SrcId::new(Instance(7), lane);
        let input = AuditInput::new(data, Src { id, n, time });
        self.chain.seal(&mut self.out, &input, time).unwrap();
        self.heads.push(self.chain.head().unwrap());
    }

    fn about_the_log(&mut self, data: AuditEventData) {
        self.own += 1;
        self.seal(data, Lane::sealer(), self.own);
    }

    fn put(&mut self, what: &[u8]) {
        let kind = ExtensionKind::new(&"vault.object_put".into()).unwrap();
        let mut object = Object::new();
        object
            .insert("key", std::str::from_utf8(what).unwrap())
            .unwrap();
        self.puts += 1;
        self.seal(
            AuditEventData::Extension(kind, object),
            Lane::thread(0),
            self.puts,
        );
    }

    fn epoch(&mut self, key: &dyn Signer, number: u64, by: &dyn Signer) {
        let head = self.chain.head().unwrap();
        let (root, key) = (head.root.unwrap(), vkey(key));
        let message = epoch_message(ID, number, head.seq, &root, &key);
        let signature = by.sign(message.as_bytes()).unwrap().unwrap();
        self.about_the_log(AuditEventData::EpochStarted(EpochStarted {
            epoch: number,
            key,
            root,
            signature: STANDARD.encode(signature),
            size: head.seq,
        }));
    }

    /// A checkpoint over the first `size` records by the log key and these.
    fn checkpoint(&self, size: u64, epochs: &[&dyn Signer]) -> String {
        let head = &self.heads[size as usize - 1];
        let checkpoint = Checkpoint::new(ID, size, head.root.unwrap()).unwrap();
        let mut note = sign_checkpoint(&the_log_key(), &checkpoint)
            .unwrap()
            .unwrap();
        for signer in epochs {
            let line = sign_note_text(*signer, &checkpoint.to_text())
                .unwrap()
                .unwrap();
            note.add_signature(line).unwrap();
        }
        note.to_text()
    }

    /// The first `size` records and a checkpoint, as they are put on disk.
    fn on_disk(&self, size: u64, checkpoint: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let segments = folder.path().join("segments");
        fs::create_dir(&segments).unwrap();
        let lines: Vec<&[u8]> = self.out.split_inclusive(|byte| *byte == b'\n').collect();
        let bytes = lines[..size as usize].concat();
        fs::write(segments.join(format!("{:020}.jsonl", 1)), bytes).unwrap();
        fs::write(folder.path().join("checkpoint"), checkpoint).unwrap();
        folder
    }

    fn len(&self) -> u64 {
        self.heads.len() as u64
    }
}

/// What a verifier says who has the log key, others of these keys, and, where one was kept, a head.
fn judge(log: &Path, more: &[String], kept: Option<GivenHead>) -> Report {
    let mut keys = vec![vkey(&the_log_key())];
    keys.extend_from_slice(more);
    let keys = keyring(&keys);
    let mut options = VerifyOptions::new();
    options.head = kept;
    options.keys = &keys;
    options.key_reader = Some(read_key);
    verify_path(log, &options)
}

fn reasons(report: &Report) -> Vec<Reason> {
    report
        .failures
        .iter()
        .map(|failure| failure.reason)
        .collect()
}

#[test]
fn the_log_that_is_attacked_is_valid_as_it_is() {
    let book = Book::genuine();
    let whole = book.checkpoint(book.len(), &[&epoch_key(STOLEN)]);
    let log = book.on_disk(book.len(), &whole);
    let report = judge(log.path(), &[vkey(&epoch_key(1))], None);
    assert_eq!((report.exit_code(), report.epoch), (0, Some(4)), "{report}");
}

#[test]
fn what_nobody_signed_convinces_nobody() {
    // CVE-2023-31437: the reader believed the journal's own index. Here: a log cut short, and everything beside the segments
    // made to fit.
    let dir = tempfile::tempdir().unwrap();
    let (path, kept) = (dir.path().join("log"), dir.path().join("epochs"));
    let rng = std::sync::Mutex::new(SeededRng::new(3));
    let fill = move |bytes: &mut [u8]| {
        rng.lock().unwrap().fill(bytes);
        Ok::<(), std::io::Error>(())
    };
    let keys = Arc::new(EpochKeyDir::open(kept, fill).unwrap());
    let log = AuditLog::builder(&path, "audit.example.com/leases")
        .signer(log_key(1))
        .epochs(std::time::Duration::from_secs(3_600), keys)
        .open()
        .unwrap();
    let half = log.anchor_now(LONG).unwrap();
    for lease in 1..=4 {
        log.append_event(&expired(lease), &context())
            .wait_durable(LONG)
            .unwrap();
    }
    let whole = log.anchor_now(LONG).unwrap();
    assert!(log.close(LONG).finished);
    drop(log);
    let checkpoint = fs::read_to_string(path.join("checkpoint")).unwrap();
    let clean = judge(&path, &[], Some(whole.clone().into()));
    assert_eq!(clean.exit_code(), 0, "{clean}");

    // What is a convenience does not matter to the verdict on a whole log; a tile that contradicts the records is found.
    let tile = path.join("tile/0/000.p");
    let forge = |name: &str, content: &[u8]| fs::write(path.join(name), content).unwrap();
    forge(
        "chain.json",
        b"{\"chain\":\"audit.example.com/other/9\",\"v\":1}\n",
    );
    forge(
        "lock",
        format!("synced {:020} {}\n", 2, "ab".repeat(32)).as_bytes(),
    );
    let report = judge(&path, &[], Some(whole.clone().into()));
    assert_eq!(report.exit_code(), 0, "{report}");
    for entry in fs::read_dir(&tile).unwrap() {
        let tile = entry.unwrap().path();
        let len = fs::metadata(&tile).unwrap().len();
        fs::write(tile, vec![0x5a; len as usize]).unwrap();
    }
    let report = judge(&path, &[], Some(whole.clone().into()));
    assert_eq!(report.exit_code(), 1, "{report}");
    fs::remove_dir_all(path.join("tile")).unwrap();

    let segment = path.join("segments").join(format!("{:020}.jsonl", 1));
    let bytes = fs::read(&segment).unwrap();
    let cut: Vec<u8> = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .take(half.seq as usize)
        .flatten()
        .copied()
        .collect();
    fs::write(&segment, &cut).unwrap();
    forge(
        "lock",
        format!("synced {:020} {}\n", half.seq, half.hash).as_bytes(),
    );
    // The checkpoint names what is gone.
    let report = judge(&path, &[], None);
    assert_eq!(report.exit_code(), 3, "{report}");
    // One by a key of the forger's own says nothing, and contradicts nothing either.
    let own = Ed25519Signer::from_seed(ID, &[99; 32]).unwrap();
    let text = Checkpoint::new(ID, half.seq, half.root.unwrap()).unwrap();
    let note = sign_checkpoint(&own, &text).unwrap().unwrap().to_text();
    forge("checkpoint", note.as_bytes());
    assert_eq!(judge(&path, &[], None).exit_code(), 5);
    let report = judge(&path, &[], Some(whole.into()));
    assert_eq!(report.exit_code(), 5, "{report}");
    assert!(reasons(&report).contains(&Reason::Absent), "{report}");
    // A size changed under the signature.
    let size = checkpoint.lines().nth(1).unwrap();
    let changed = checkpoint.replacen(&format!("\n{size}\n"), &format!("\n{}\n", half.seq), 1);
    forge("checkpoint", changed.as_bytes());
    let report = judge(&path, &[], None);
    assert_eq!(report.exit_code(), 1, "{report}");
    assert!(reasons(&report).contains(&Reason::Signature), "{report}");
}

#[test]
fn a_log_cut_off_over_empty_epochs_cannot_be_made_to_look_silent() {
    // CVE-2023-31438: nothing was expected of an epoch without records, so that the end could be cut off up to there.
    let genuine = Book::genuine();
    let kept = GivenHead::from(genuine.heads.last().unwrap().clone());
    // Epoch 2 and what follows is to disappear: records 5 to 9. Record 4 is the last of epoch 1.
    let cut = || {
        let mut book = Book::begin();
        book.epoch(&epoch_key(1), 1, &the_log_key());
        book.put(b"first");
        book.put(b"second");
        book
    };
    let stolen = epoch_key(STOLEN);
    let judged = |book: &Book, signers: &[&dyn Signer]| {
        let log = book.on_disk(book.len(), &book.checkpoint(book.len(), signers));
        // Without the head that was kept, by what stands in the directory alone; and with it.
        let alone = judge(log.path(), &[], None);
        let against = judge(log.path(), &[], Some(kept.clone()));
        assert_ne!(against.exit_code(), 0, "{against}");
        alone
    };

    // Left as it is, with the log key and what is stolen: the line of epoch 1 is missing, and that of epoch 4 is not its.
    let book = cut();
    assert_eq!(judged(&book, &[]).exit_code(), 5);
    let with_stolen = judged(&book, &[&stolen]);
    assert_eq!(with_stolen.exit_code(), 5, "{with_stolen}");

    // Gone on with at once in the stolen epoch.
    let mut book = cut();
    book.epoch(&stolen, 4, &stolen);
    let report = judged(&book, &[&stolen]);
    assert_eq!(report.exit_code(), 1, "{report}");
    assert!(reasons(&report).contains(&Reason::Mode), "{report}");

    // With forged empty epochs in between, however they are signed.
    for by in [&stolen as &dyn Signer, &the_log_key(), &forged_key(2)] {
        let mut book = cut();
        book.epoch(&forged_key(2), 2, by);
        book.epoch(&forged_key(3), 3, &forged_key(2));
        book.epoch(&stolen, 4, &forged_key(3));
        let report = judged(&book, &[&stolen]);
        assert_eq!(report.exit_code(), 1, "{report}");
        assert_eq!(reasons(&report)[0], Reason::Signature, "{report}");
        assert_eq!(report.failures[0].position, Some(5), "{report}");
    }

    // What is left is an old checkpoint that was kept: it is what it is, and a head that was kept elsewhere shows it.
    let old = genuine.checkpoint(4, &[&epoch_key(1)]);
    let log = genuine.on_disk(4, &old);
    assert_eq!(judge(log.path(), &[], None).exit_code(), 0);
    let report = judge(log.path(), &[], Some(kept));
    assert_ne!(report.exit_code(), 0, "{report}");
    assert!(reasons(&report).contains(&Reason::Absent), "{report}");
}

#[test]
fn a_newer_key_does_not_seal_older_entries() {
    // CVE-2023-31439: entries of an earlier epoch were accepted under the key of a later one.
    let stolen = epoch_key(STOLEN);
    let genuine = Book::genuine();
    for size in 3..=8 {
        let log = genuine.on_disk(genuine.len(), &genuine.checkpoint(size, &[&stolen]));
        let report = judge(log.path(), &[], None);
        assert_eq!(report.exit_code(), 1, "{report}");
        assert!(reasons(&report).contains(&Reason::Signature), "{report}");
    }

    // The third record is exchanged, and everything after it is sealed again as far as the stolen key reaches.
    let rewrite = |second: &dyn Signer, by: &dyn Signer| {
        let mut book = Book::begin();
        book.epoch(&epoch_key(1), 1, &the_log_key());
        book.put(b"forged");
        book.put(b"second");
        book.epoch(second, 2, by);
        book.put(b"third");
        book.put(b"fourth");
        book.epoch(&epoch_key(3), 3, second);
        book.epoch(&stolen, 4, &stolen);
        let log = book.on_disk(book.len(), &book.checkpoint(book.len(), &[&stolen]));
        judge(log.path(), &[], None)
    };
    for by in [&stolen as &dyn Signer, &the_log_key()] {
        let report = rewrite(&forged_key(2), by);
        assert_eq!(report.exit_code(), 1, "{report}");
        assert_eq!(report.failures[0].position, Some(5), "{report}");
        assert_eq!(reasons(&report)[0], Reason::Signature, "{report}");
    }

    // The starts of epochs left as they were name a root that is no more.
    let genuine_starts: Vec<&[u8]> = genuine.out.split_inclusive(|byte| *byte == b'\n').collect();
    let mut forged: Vec<Vec<u8>> = genuine_starts.iter().map(|line| line.to_vec()).collect();
    let text = String::from_utf8(forged[2].clone()).unwrap();
    forged[2] = text.replace("first", "forge").into_bytes();
    let folder = genuine.on_disk(1, &genuine.checkpoint(genuine.len(), &[&stolen]));
    let segment = folder
        .path()
        .join("segments")
        .join(format!("{:020}.jsonl", 1));
    fs::write(segment, forged.concat()).unwrap();
    let report = judge(folder.path(), &[], None);
    assert_eq!(report.exit_code(), 1, "{report}");
    assert!(reasons(&report).contains(&Reason::Hash), "{report}");
    assert!(reasons(&report).contains(&Reason::Root), "{report}");
}

#[test]
fn who_has_the_log_key_begins_a_history_of_his_own_and_the_key_of_the_first_epoch_shows_it() {
    // The limit that the specification states (§6): the log key signs for epoch 1, and it is never destroyed.
    let mut book = Book::begin();
    book.epoch(&forged_key(1), 1, &the_log_key());
    book.put(b"forged");
    book.put(b"second");
    let log = book.on_disk(book.len(), &book.checkpoint(book.len(), &[&forged_key(1)]));
    assert_eq!(judge(log.path(), &[], None).exit_code(), 0);
    for pinned in 1..=STOLEN {
        let report = judge(log.path(), &[vkey(&epoch_key(pinned))], None);
        assert_eq!(report.exit_code(), 5, "{report}");
        assert_eq!(reasons(&report), [Reason::Key], "{report}");
    }
    // And so does any head of the genuine log that somebody kept.
    let kept = Book::genuine().heads[3].clone();
    let report = judge(log.path(), &[], Some(kept.into()));
    assert_eq!(report.exit_code(), 1, "{report}");
}

#[test]
fn chains_do_not_lend_each_other_their_epoch_keys() {
    // The name of an epoch's key is the name of another chain's log key as well: `…/leases/1/epoch/2`.
    let name = epoch_key_name(ID, 2);
    let other: ChainId = name.parse().unwrap();
    let book = Book::genuine();
    let whole = book.checkpoint(book.len(), &[&epoch_key(STOLEN)]);
    let log = book.on_disk(book.len(), &whole);
    // As a log key of that other chain it is no log key here: it pins epoch 2.
    let report = judge(log.path(), &[vkey(&epoch_key(2))], None);
    assert_eq!(report.exit_code(), 0, "{report}");
    // A checkpoint of the other chain is none of this one.
    let text = Checkpoint::new(other.as_str(), 4, book.heads[3].root.unwrap()).unwrap();
    let note = sign_checkpoint(&epoch_key(2), &text).unwrap().unwrap();
    fs::write(log.path().join("checkpoint"), note.to_text()).unwrap();
    let report = judge(log.path(), &[vkey(&epoch_key(2))], None);
    assert_eq!(report.exit_code(), 1, "{report}");
}
