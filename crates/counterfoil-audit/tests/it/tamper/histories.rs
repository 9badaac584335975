//! Whole histories: written anew, rolled back, forked, mixed, and signed by somebody else.

use counterfoil_audit::verify::{GivenHead, Reason, Report};
use counterfoil_core::Digest;
use counterfoil_signer::Keyring;

use super::forgery::{
    edited, relink, rewritten, signed_by, stripped, with_body, with_signature_of,
};
use super::subject::{
    Expected, Kind, OTHER_ID, Recipe, Subject, VALID, absent, assert_found, judge, tampered, trust,
    vkey,
};

const RECORDS: usize = 14;
const LAST: u64 = RECORDS as u64;
const NO_HEAD: Expected = (3, Some((Reason::NoHead, 0)));

#[test]
fn a_history_written_anew_from_any_record_on_contradicts_the_head() {
    for kind in [Kind::Bare, Kind::Unsigned, Kind::Checkpoints] {
        let subject = Recipe::new(kind, RECORDS).make();
        for index in 0..RECORDS {
            let forged = rewritten(&subject.lines, index).concat();
            let what = format!("{kind:?} from record {}", index + 1);
            assert_found(&what, &subject.judge(&forged), tampered(Reason::Head, LAST));
            // Nothing in the log itself can tell.
            assert_found(&what, &subject.judge_alone(&forged), NO_HEAD);
        }
    }
}

#[test]
fn what_lies_behind_the_head_can_be_written_anew_and_is_told_apart_as_the_tail() {
    let subject = Recipe::new(Kind::Checkpoints, RECORDS).make();
    for index in 9..RECORDS {
        let forged = rewritten(&subject.lines, index).concat();
        let report = judge(&forged, Some(subject.anchor(9)), &subject.keys());
        assert_found("behind the head", &report, VALID);
        assert_eq!(report.tail.records, LAST - 9);
    }
}

/// A way to forge the signature of a record that was changed, given the line, one of its neighbours and the log's recipe.
type Forger = fn(&[u8], &[u8], &Recipe) -> Vec<u8>;

const FORGERS: [(&str, Forger, Reason); 5] = [
    (
        "left as it was",
        |line, _, _| line.to_vec(),
        Reason::Signature,
    ),
    ("taken out", |line, _, _| stripped(line), Reason::Mode),
    (
        "moved here from another record",
        |line, neighbour, _| with_signature_of(line, neighbour),
        Reason::Signature,
    ),
    (
        "made by another key",
        |line, _, recipe| {
            let key = forger(recipe).record_key();
            signed_by(line, &key, &key)
        },
        Reason::Mode,
    ),
    (
        "made by another key under the id of the right one",
        |line, _, recipe| signed_by(line, &forger(recipe).record_key(), &recipe.record_key()),
        Reason::Signature,
    ),
];

const fn forger(recipe: &Recipe) -> Recipe {
    Recipe {
        key_seed: recipe.key_seed + 1,
        ..*recipe
    }
}

#[test]
fn a_signature_that_does_not_belong_to_its_record_is_found_at_that_record() {
    let subject = Recipe::new(Kind::Records, RECORDS).make();
    let recipe = &subject.recipe;
    for (name, forge, reason) in FORGERS {
        for index in 0..RECORDS {
            let mut lines = rewritten(&subject.lines, index);
            let neighbour = subject.lines[(index + 1) % RECORDS].clone();
            lines[index] = forge(&lines[index], &neighbour, recipe);
            // Whoever trusts no key at all still has the keys that the log names.
            let log = lines.concat();
            for report in [subject.judge(&log), subject.judge_alone(&log)] {
                let what = format!("{name}, in record {}", index + 1);
                assert_found(&what, &report, tampered(reason, index as u64 + 1));
            }
        }
    }
}

#[test]
fn a_signature_that_is_taken_out_or_moved_is_found_though_the_record_is_untouched() {
    let subject = Recipe::new(Kind::Records, RECORDS).make();
    for index in 0..RECORDS {
        let position = index as u64 + 1;
        let neighbour = &subject.lines[(index + 1) % RECORDS];
        let mut lines = subject.lines.clone();
        lines[index] = stripped(&lines[index]);
        let report = subject.judge(&lines.concat());
        assert_found("taken out", &report, tampered(Reason::Mode, position));
        lines[index] = with_signature_of(&subject.lines[index], neighbour);
        let report = subject.judge(&lines.concat());
        assert_found("moved", &report, tampered(Reason::Signature, position));
    }
    let unsigned = Recipe::new(Kind::Checkpoints, RECORDS).make();
    for index in 0..RECORDS {
        let mut lines = unsigned.lines.clone();
        let key = unsigned.recipe.record_key();
        lines[index] = signed_by(&lines[index], &key, &key);
        let report = unsigned.judge(&lines.concat());
        let expected = tampered(Reason::Mode, index as u64 + 1);
        assert_found("put in where none belongs", &report, expected);
    }
}

#[test]
fn a_whole_log_sealed_anew_under_the_forgers_own_keys_is_not_the_one_that_was_kept() {
    for kind in [Kind::Checkpoints, Kind::Records] {
        let subject = Recipe::new(kind, RECORDS).make();
        let mut recipe = forger(&subject.recipe);
        recipe.seed += 1;
        let forged = recipe.make();
        let log = forged.bytes();
        assert_found("head", &subject.judge(&log), tampered(Reason::Head, LAST));
        // Who kept only the keys, and takes the head from the forger, finds that they did not sign.
        let report = judge(&log, Some(forged.anchor(LAST)), &subject.keys());
        assert_found("keys", &report, (5, Some((Reason::Key, 1))));
    }
}

#[test]
fn an_older_state_does_not_reach_a_newer_head_and_reaches_its_own_only() {
    for kind in [Kind::Unsigned, Kind::Checkpoints, Kind::Records] {
        let subject = Recipe::new(kind, RECORDS).make();
        for kept in 1..RECORDS as u64 - 1 {
            let log = subject.lines[..kept as usize].concat();
            assert_found("rolled back", &subject.judge(&log), absent(kept + 1));
            assert_eq!(subject.judge(&log).missing, LAST - kept);
            let report = judge(&log, Some(subject.anchor(kept)), &subject.keys());
            assert_found("with the older head", &report, VALID);
            assert_eq!(report.trusted.unwrap().seq, kept);
        }
    }
}

#[test]
fn a_fork_is_found_by_who_saw_the_other_branch() {
    for kind in [Kind::Unsigned, Kind::Checkpoints] {
        let ours = Recipe::new(kind, RECORDS).make();
        for at in 1..RECORDS {
            let mut theirs = rewritten(&ours.lines, at);
            theirs.extend(Recipe::new(Kind::Bare, 3).make().lines);
            relink_numbers(&mut theirs, RECORDS);
            let expected = tampered(Reason::Head, LAST);
            assert_found("a longer branch", &ours.judge(&theirs.concat()), expected);
        }
    }
}

/// Gives lines from index `from` on the numbers that they would have there.
fn relink_numbers(lines: &mut [Vec<u8>], from: usize) {
    for (index, line) in lines.iter_mut().enumerate().skip(from) {
        let old = format!("\"seq\":{},", index - from + 1);
        let new = format!("\"seq\":{},", index + 1);
        *line = edited(line, &old, &new).unwrap();
    }
    relink(lines, from);
}

#[test]
fn records_of_another_chain_are_found_where_they_begin_however_well_they_are_linked() {
    for kind in [Kind::Bare, Kind::Unsigned, Kind::Checkpoints] {
        let subject = Recipe::new(kind, RECORDS).make();
        for from in 1..RECORDS {
            let mut lines = subject.lines.clone();
            for line in &mut lines[from..] {
                let id = subject.recipe.id;
                *line = edited(line, &format!("\"{id}\""), &format!("\"{OTHER_ID}\"")).unwrap();
            }
            relink(&mut lines, from);
            let report = subject.judge(&lines.concat());
            let expected = tampered(Reason::Id, from as u64 + 1);
            assert_found("from here on", &report, expected);
            let report = subject.judge_alone(&lines.concat());
            assert_found("without a head", &report, expected);
        }
    }
}

#[test]
fn a_number_time_or_link_that_does_not_continue_is_found_though_its_hash_is_right() {
    let subject = Recipe::new(Kind::Unsigned, RECORDS).make();
    for index in 1..RECORDS {
        let position = index as u64 + 1;
        let seq = format!("\"seq\":{position},");
        let edits: [(&str, String, &str, Reason); 3] = [
            ("seq", seq, "\"seq\":9000,", Reason::Seq),
            (
                "time",
                "\"time\":\"2023".into(),
                "\"time\":\"2022",
                Reason::Time,
            ),
            ("prev", "\"prev\":\"".into(), "\"prev\":\"0", Reason::Link),
        ];
        for (name, old, new, reason) in edits {
            let mut lines = subject.lines.clone();
            lines[index] = if name == "prev" {
                with_body(&lines[index], &another_link(&lines[index]))
            } else {
                edited(&lines[index], &old, new).unwrap()
            };
            let report = subject.judge(&lines.concat());
            assert_found(name, &report, tampered(reason, position));
        }
    }
}

/// The body of a line with another digit at the front of `prev`.
fn another_link(line: &[u8]) -> Vec<u8> {
    let mut body = super::forgery::body(line).to_vec();
    let at = body.windows(8).position(|w| w == b"\"prev\":\"").unwrap() + 8;
    body[at] = if body[at] == b'0' { b'1' } else { b'0' };
    body
}

fn with_head(subject: &Subject, change: impl FnOnce(&mut GivenHead)) -> Report {
    let mut given = subject.anchor(LAST);
    change(&mut given);
    judge(&subject.bytes(), Some(given), &subject.keys())
}

#[test]
fn a_head_that_was_changed_contradicts_an_untouched_log() {
    let subject = Recipe::new(Kind::Unsigned, RECORDS).make();
    let other = Digest::from([0x22; 32]);
    let report = with_head(&subject, |given| given.head.hash = other);
    assert_found("hash", &report, tampered(Reason::Head, LAST));
    let report = with_head(&subject, |given| given.head.root = Some(other));
    assert_found("root", &report, tampered(Reason::Root, LAST));
    let report = with_head(&subject, |given| {
        given.head.chain = OTHER_ID.parse().unwrap();
    });
    assert_found("chain", &report, tampered(Reason::Id, 1));
    let report = with_head(&subject, |given| given.head.seq += 3);
    assert_found("seq", &report, absent(LAST + 1));
    let report = with_head(&subject, |given| given.head.seq -= 3);
    assert_found(
        "seq of another record",
        &report,
        tampered(Reason::Head, LAST - 3),
    );
}

#[test]
fn a_checkpoint_that_is_not_of_the_head_or_not_by_the_key_is_refused() {
    let subject = Recipe::new(Kind::Checkpoints, RECORDS).make();
    let older = subject.checkpoint(LAST - 1);
    let own = subject.checkpoint(LAST);
    let (text, signature) = own.split_once("\n\n").unwrap();
    let older_signature = older.split_once("\n\n").unwrap().1;
    let forged_key = forger(&subject.recipe).log_key();
    let key = |reason| {
        (
            if reason == Reason::Key { 5 } else { 1 },
            Some((reason, LAST)),
        )
    };
    let cases: [(&str, String, Expected); 6] = [
        ("of another size", older.clone(), key(Reason::Head)),
        (
            "with the signature of another",
            format!("{text}\n\n{older_signature}"),
            key(Reason::Signature),
        ),
        (
            "by another key of the same name",
            subject.signed_by(&forged_key, LAST),
            key(Reason::Key),
        ),
        (
            "with its signature twice, once broken",
            format!("{text}\n\n{signature}{older_signature}"),
            key(Reason::Signature),
        ),
        (
            "with a signature in base64 that has bits left over",
            own.replace("=\n", "x\n"),
            key(Reason::Key),
        ),
        (
            "without any signature",
            format!("{text}\n"),
            key(Reason::Key),
        ),
    ];
    for (name, note, expected) in cases {
        let report = with_head(&subject, |given| given.checkpoint = Some(note.clone()));
        assert_found(name, &report, expected);
    }
}

#[test]
fn a_signature_over_another_history_vouches_for_none_even_where_the_anchor_has_no_root() {
    let subject = Recipe::new(Kind::Checkpoints, RECORDS).make();
    let forged = rewritten(&subject.lines, 5);
    let mut given = subject.anchor(LAST);
    let stated = forged[RECORDS - 1][..].rsplit(|byte| *byte == b'"').nth(1);
    given.head.hash = Digest::from_hex(stated.unwrap()).unwrap();
    given.head.root = None;
    // The forger wrote the anchor around the checkpoint that the log's own key signed.
    let report = judge(&forged.concat(), Some(given), &subject.keys());
    assert_found("borrowed", &report, tampered(Reason::Root, LAST));
}

#[test]
fn a_file_whose_beginning_is_gone_is_incomplete_whatever_it_was_opened_for_later() {
    let first = Recipe::new(Kind::Unsigned, RECORDS).make();
    let mut lines = first.lines.clone();
    lines.extend(Recipe::new(Kind::Unsigned, 6).make().lines);
    relink_numbers(&mut lines, RECORDS);
    let report = first.judge_alone(&lines[1..].concat());
    let reasons: Vec<Reason> = report
        .failures
        .iter()
        .map(|failure| failure.reason)
        .collect();
    assert!(!reasons.contains(&Reason::Mode), "{report}");
    assert!(reasons.contains(&Reason::Absent), "{report}");
}

#[test]
fn a_wrong_key_is_unmet_and_never_called_tampering() {
    for kind in [Kind::Checkpoints, Kind::Records, Kind::BareSigned] {
        let subject = Recipe::new(kind, RECORDS).make();
        let mut keys = Keyring::new();
        let wrong = forger(&subject.recipe);
        if kind.signs_records() {
            trust(&mut keys, &wrong.record_key());
        }
        if kind != Kind::BareSigned {
            trust(&mut keys, &wrong.log_key());
        }
        assert_ne!(vkey(&wrong.log_key()), vkey(&subject.recipe.log_key()));
        let report = judge(&subject.bytes(), Some(subject.anchor(LAST)), &keys);
        assert_found("wrong key", &report, (5, Some((Reason::Key, 1))));
    }
}
