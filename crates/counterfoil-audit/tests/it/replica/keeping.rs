//! What a replica keeps, and what it refuses to.

use std::fs;
use std::sync::Arc;

use counterfoil_audit::replica::{Replica, ReplicaOptions};
use counterfoil_audit::verify::{Reason, Verdict};
use counterfoil_audit::{ErrorKind, FileSystem, Retention};
use counterfoil_core::Timestamp;
use counterfoil_testkit::SeededRng;
use proptest::prelude::*;

use super::support::{chain, offer, open, small, verify};
use crate::key_support::{keyring, log_key, read_key, vkey};
use crate::log_support::{LONG, Machine, bytes_on_disk, context, expired};
use crate::tamper::subject::Recipe;

#[test]
fn a_replica_with_its_checkpoint_is_a_log_that_verifies() {
    let (dir, subject) = (tempfile::tempdir().unwrap(), chain(700));
    let mut replica = open(dir.path(), &subject);
    offer(&mut replica, &subject, 1, 700);
    replica.checkpoint(&subject.checkpoint(700)).unwrap();
    assert_eq!(
        replica.publish().unwrap(),
        None,
        "its records are not durable"
    );
    assert_eq!(replica.sync().unwrap(), 700);
    assert_eq!(replica.publish().unwrap(), Some(700));
    assert_eq!(replica.head(), Some(subject.head(700)));
    let report = verify(dir.path(), &subject);
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
    assert_eq!(bytes_on_disk(dir.path()), subject.bytes());
    assert_eq!(
        fs::read_dir(dir.path().join("segments")).unwrap().count(),
        3
    );
    assert!(dir.path().join("tile/0/x001").exists() || dir.path().join("tile/0/001").exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn whatever_the_pieces_syncs_and_reopenings_the_bytes_are_those_of_the_chain(seed in any::<u64>()) {
        let (dir, subject) = (tempfile::tempdir().unwrap(), chain(600));
        let mut rng = SeededRng::new(seed);
        let mut replica = open(dir.path(), &subject);
        let mut at = 0;
        while at < subject.len() {
            let next = (at + 1 + rng.below(150)).min(subject.len());
            offer(&mut replica, &subject, at + 1, next);
            at = next;
            match rng.below(4) {
                0 => prop_assert_eq!(replica.sync().unwrap(), at),
                1 => {
                    replica.checkpoint(&subject.checkpoint(at)).unwrap();
                    replica.close().unwrap();
                    replica = open(dir.path(), &subject);
                    prop_assert_eq!(replica.head(), Some(subject.head(at)));
                    prop_assert_eq!(replica.published(), Some(at));
                }
                2 => {
                    replica.sync().unwrap();
                    drop(replica);
                    replica = open(dir.path(), &subject);
                    prop_assert_eq!(replica.durable(), at);
                }
                _ => {}
            }
        }
        replica.checkpoint(&subject.checkpoint(at)).unwrap();
        replica.close().unwrap();
        prop_assert_eq!(bytes_on_disk(dir.path()), subject.bytes());
        let report = verify(dir.path(), &subject);
        prop_assert_eq!(report.verdict, Verdict::Valid, "{}", report);
    }
}

#[test]
fn what_was_not_synced_is_gone_with_the_process_and_can_be_sent_again() {
    let (dir, subject) = (tempfile::tempdir().unwrap(), chain(40));
    let mut replica = open(dir.path(), &subject);
    offer(&mut replica, &subject, 1, 20);
    replica.sync().unwrap();
    offer(&mut replica, &subject, 21, 30);
    drop(replica);
    let mut replica = open(dir.path(), &subject);
    assert_eq!((replica.seq(), replica.recovered()), (20, None));
    offer(&mut replica, &subject, 21, 40);
}

#[test]
fn a_known_record_is_counted_and_another_one_of_its_number_is_a_fork() {
    let (dir, subject) = (tempfile::tempdir().unwrap(), chain(700));
    let mut recipe: Recipe = subject.recipe;
    recipe.seed += 1;
    let theirs = recipe.make();
    let mut replica = open(dir.path(), &subject);
    offer(&mut replica, &subject, 1, 600);
    replica.sync().unwrap();
    offer(&mut replica, &subject, 601, 650);
    for known in [40, 256, 257, 500, 599, 600, 601, 650] {
        // From there on to the end: what is new is taken, the rest was known.
        let again = &subject.lines[known - 1..650];
        let offered = replica.offer(&again.concat()).unwrap();
        let len = again.len() as u64;
        assert_eq!(
            (offered.known, offered.records, offered.refused),
            (len, 0, None)
        );
        let fork = replica.offer(&theirs.lines[known - 1]).unwrap();
        let refused = fork.refused.unwrap();
        assert_eq!((refused.reason, refused.seq), (Reason::Head, known as u64));
        let evidence = fork.fork.unwrap();
        assert_eq!(evidence.stored, subject.lines[known - 1]);
        assert_eq!(evidence.offered, theirs.lines[known - 1]);
        assert_eq!((fork.bytes, fork.known), (0, 0));
    }
    let offered = replica.offer(&subject.lines[640..].concat()).unwrap();
    assert_eq!((offered.known, offered.records), (10, 50));
}

#[test]
fn a_known_line_whose_hash_is_not_its_bodys_is_refused() {
    let (dir, subject) = (tempfile::tempdir().unwrap(), chain(20));
    let mut replica = open(dir.path(), &subject);
    offer(&mut replica, &subject, 1, 20);
    let mut line = subject.lines[3].clone();
    let at = line.windows(6).position(|it| it == b"\"acme\"").unwrap() + 1;
    line[at] ^= 1;
    let refused = replica.offer(&line).unwrap().refused.unwrap();
    assert_eq!((refused.reason, refused.seq), (Reason::Hash, 4));
}

#[test]
fn a_second_process_is_refused_while_the_first_has_it_open() {
    let (dir, subject) = (tempfile::tempdir().unwrap(), chain(8));
    let first = open(dir.path(), &subject);
    let again = || {
        Replica::open(
            dir.path(),
            subject.recipe.id.parse().unwrap(),
            small(&subject),
        )
    };
    assert_eq!(again().unwrap_err().kind(), ErrorKind::Conflict);
    drop(first);
    again().unwrap();
}

#[test]
fn pruning_leaves_a_log_that_is_incomplete_and_otherwise_sound_and_goes_on() {
    let (dir, subject) = (tempfile::tempdir().unwrap(), chain(1_400));
    let mut replica = open(dir.path(), &subject);
    offer(&mut replica, &subject, 1, 1_200);
    let retention = Retention {
        max_age_s: None,
        max_bytes: Some(200_000),
    };
    let now = Timestamp::from_unix_seconds(1_800_000_000);
    let pruned = replica.prune(&retention, now).unwrap();
    assert!(
        pruned.records > 0 && pruned.last.is_multiple_of(256),
        "{pruned:?}"
    );
    assert_eq!(replica.prune(&retention, now).unwrap().records, 0);
    drop(replica);
    let mut replica = open(dir.path(), &subject);
    assert_eq!(replica.head(), Some(subject.head(1_200)));
    // What is gone is still known by its hash.
    let offered = replica.offer(&subject.lines[..3].concat()).unwrap();
    assert_eq!((offered.known, offered.refused), (3, None));
    assert_eq!(replica.stored_line(1).unwrap(), None);
    offer(&mut replica, &subject, 1_201, 1_400);
    replica.checkpoint(&subject.checkpoint(1_400)).unwrap();
    replica.close().unwrap();
    let report = verify(dir.path(), &subject);
    assert_eq!(report.verdict, Verdict::Incomplete, "{report}");
    assert_eq!(report.missing_records, pruned.last);
    assert!(
        report.failures.iter().all(|it| it.reason == Reason::Absent),
        "{report}"
    );
    assert!(
        open(dir.path(), &subject)
            .checkpoint(&subject.checkpoint(1_399))
            .is_ok()
    );
}

#[test]
fn a_replica_that_was_opened_again_follows_the_keys_from_where_it_was() {
    let mut machine = Machine::new();
    let log = machine.builder().signer(log_key(1)).open().unwrap();
    for next in 2..=4 {
        let signer = log_key(next)(log.chain()).unwrap();
        log.rotate_signer(signer, None, LONG).unwrap();
        log.append_event(&expired(1), &context());
    }
    let head = log.anchor_now(LONG).unwrap();
    let chain = log.chain().clone();
    let note = machine.files.read(&machine.dir.join("checkpoint")).unwrap();
    let bytes = machine.files.log_bytes(&machine.dir);
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for cut in 1..lines.len() {
        let dir = tempfile::tempdir().unwrap();
        let open = || {
            let registered = vkey(&*log_key(1)(&chain).unwrap());
            let mut options = ReplicaOptions::new(Arc::new(keyring(&[registered])));
            options.key_reader = Some(read_key);
            Replica::open(dir.path(), chain.clone(), options).unwrap()
        };
        let mut replica = open();
        replica.offer(&lines[..cut].concat()).unwrap();
        replica.close().unwrap();
        let mut replica = open();
        assert_eq!(replica.offer(&lines[cut..].concat()).unwrap().refused, None);
        let note = std::str::from_utf8(&note).unwrap();
        let fits = replica.checkpoint(note).unwrap();
        assert_eq!((fits.size, Some(fits.root)), (head.seq, head.root));
    }
}

#[test]
fn damage_to_acknowledged_records_is_refused_and_changes_nothing() {
    let (dir, subject) = (tempfile::tempdir().unwrap(), chain(600));
    let mut replica = open(dir.path(), &subject);
    offer(&mut replica, &subject, 1, 600);
    replica.sync().unwrap();
    drop(replica);
    // Without it everything is read again.
    fs::remove_file(dir.path().join("state")).unwrap();
    let segment = dir.path().join("segments/00000000000000000513.jsonl");
    let mut bytes = fs::read(&segment).unwrap();
    let refused = || {
        let chain = subject.recipe.id.parse().unwrap();
        Replica::open(dir.path(), chain, small(&subject)).unwrap_err()
    };
    bytes[4_000] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    assert_eq!(refused().kind(), ErrorKind::Corrupt, "{}", refused());
    assert_eq!(fs::read(&segment).unwrap(), bytes);
    fs::write(&segment, &bytes[..3_000]).unwrap();
    assert_eq!(refused().kind(), ErrorKind::Corrupt, "{}", refused());
    fs::remove_file(&segment).unwrap();
    assert_eq!(refused().kind(), ErrorKind::Missing, "{}", refused());
}
