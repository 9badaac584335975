//! Trust policies.

use counterfoil_merkle::ErrorKind;
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::{Judgement, KeyId, KeyType, NoteSignature, SignedNote, VerifierKey};
use counterfoil_merkle::policy::{CheckpointRejected, Policy};
use proptest::prelude::*;

use super::{ORIGIN, all_valid, cosigned, cosigned_at, line_by, log_key, signed, witness_key};
use crate::definition::{leaves, tree_hash};

fn three_of(rule: &str) -> Policy {
    let mut text = format!("log {} https://log.example.com/\n", log_key());
    for number in 1..=3 {
        text.push_str(&format!("witness w{number} {}\n", witness_key(number)));
    }
    text.push_str(rule);
    Policy::parse(text.as_bytes()).unwrap()
}

fn met(policy: &Policy, cosigned: &[&str]) -> bool {
    policy
        .evaluate(|witness| cosigned.contains(&witness.name()))
        .is_met()
}

#[test]
fn the_example_of_the_specification_is_evaluated_as_it_says() {
    let mut text = format!("log {}\n\n", log_key());
    for (group, first) in [("X", 10), ("Y", 20)] {
        for number in 1..=3 {
            let key = witness_key(first + number);
            text.push_str(&format!("witness {group}{number} {key}\n"));
        }
        let rule = if group == "X" { "2" } else { "any" };
        text.push_str(&format!(
            "group {group}-witnesses {rule} {group}1 {group}2 {group}3\n# done\n"
        ));
    }
    text.push_str("group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n");
    let policy = Policy::parse(text.as_bytes()).unwrap();
    for (cosigned, expected) in [
        (&["X1", "X3", "Y2"][..], true),
        (&["X1", "X2", "X3", "Y1", "Y2", "Y3"], true),
        (&["X1", "Y1", "Y2", "Y3"], false),
        (&["X1", "X2", "X3"], false),
        (&[], false),
    ] {
        assert_eq!(met(&policy, cosigned), expected, "{cosigned:?}");
    }
    let verdict = policy.evaluate(|witness| witness.name() == "Y1");
    assert_eq!(
        verdict.to_string(),
        "the quorum X-and-Y is not met: 1 of its 2 members saw the checkpoint, and it needs 2; \
         cosigned by Y1; not cosigned by X1, X2, X3, Y2, Y3"
    );
}

#[test]
fn all_any_a_number_one_witness_and_none_mean_what_they_say() {
    for (rule, one, two, three) in [
        ("group g all w1 w2 w3\nquorum g\n", false, false, true),
        ("group g any w1 w2 w3\nquorum g\n", true, true, true),
        ("group g 1 w1 w2 w3\nquorum g\n", true, true, true),
        ("group g 2 w1 w2 w3\nquorum g\n", false, true, true),
        ("group g 3 w1 w2 w3\nquorum g\n", false, false, true),
        ("quorum w1\n", true, true, true),
        ("quorum w3\n", false, false, true),
        ("quorum none\n", true, true, true),
    ] {
        let policy = three_of(rule);
        assert_eq!(met(&policy, &["w1"]), one, "{rule}");
        assert_eq!(met(&policy, &["w1", "w2"]), two, "{rule}");
        assert_eq!(met(&policy, &["w1", "w2", "w3"]), three, "{rule}");
        assert_eq!(met(&policy, &[]), rule == "quorum none\n", "{rule}");
    }
}

#[test]
fn what_was_parsed_is_printed_and_parses_to_the_same() {
    for rule in [
        "group g all w1 w2\ngroup h any g w3\nquorum h\n",
        "group g 2 w1 w2 w3\nquorum g\n",
        "quorum w2\n",
        "quorum none\n",
    ] {
        let policy = three_of(rule);
        let printed = policy.to_string();
        assert_eq!(
            Policy::parse(printed.as_bytes()).unwrap(),
            policy,
            "{printed}"
        );
        assert!(printed.ends_with(rule), "{printed}");
        assert_eq!(policy.logs()[0].url(), Some("https://log.example.com/"));
    }
}

#[test]
fn white_space_comments_and_order_are_free() {
    let (one, two) = (witness_key(1), witness_key(2));
    let text = format!(
        "\n \t\n# \u{e4}\n\t# indented\n  witness\t\ta  {one}  \t\nquorum a\nwitness b {two} https://b/\nlog {}\n",
        log_key()
    );
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(b"# a comment may be any bytes: \xff\xfe\n");
    let policy = Policy::parse(&bytes).unwrap();
    assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 2));
    assert_eq!(policy.witnesses()[1].url(), Some("https://b/"));
}

#[test]
fn each_rule_is_enforced_and_the_message_names_line_and_reason() {
    let (log, one, two) = (log_key(), witness_key(1), witness_key(2));
    let other_name = VerifierKey::new("other", KeyType::Ed25519Cosignature, &[1; 32]).unwrap();
    let other_log = VerifierKey::new("other", KeyType::Ed25519, &[1; 32]).unwrap();
    let head = format!("log {log}\nwitness a {one}\nwitness b {two}\n");
    for (lines, says) in [
        ("quorum a", "does not end with a line feed"),
        ("", "no quorum line"),
        ("# quorum a\n", "no quorum line"),
        (
            "quorum a\nquorum a\n",
            "line 5: there is a quorum line already",
        ),
        ("quorum c\n", "line 4: \"c\" is not defined"),
        ("quorum g\ngroup g all a\n", "line 4: \"g\" is not defined"),
        ("quorum\n", "line 4: a quorum line is"),
        ("quorum a b\n", "line 4: a quorum line is"),
        ("Quorum a\n", "begins with \"Quorum\""),
        ("policy v1\n", "begins with \"policy\""),
        ("group g all\n", "has no member"),
        ("group g\n", "a group line is"),
        ("group g a b\n", "\"a\" is neither"),
        ("group g 0 a b\n", "\"0\" is neither"),
        ("group g 3 a b\n", "from 1 to 2"),
        ("group g 02 a b\n", "\"02\" is neither"),
        ("group g +1 a b\n", "\"+1\" is neither"),
        ("group g ALL a b\n", "\"ALL\" is neither"),
        ("group g all a c\n", "\"c\" is not defined"),
        ("group g all a g\n", "\"g\" is not defined"),
        ("group g all a none\n", "none is no member"),
        ("group g any a a\n", "\"a\" is named twice"),
        (
            "group g any a\ngroup h any a b\n",
            "line 5: \"a\" is a member of the group \"g\" already",
        ),
        ("group a any b\n", "the name \"a\" is defined already"),
        ("group none any a b\n", "none is the name"),
        (&format!("witness none {other_name}\n"), "none is the name"),
        (
            &format!("witness a {other_name}\n"),
            "the name \"a\" is defined already",
        ),
        (
            &format!("witness c {other_name}\n"),
            "is that of the witness \"a\" already",
        ),
        (&format!("log {other_log}\n"), "is that of the log"),
        (
            &format!("log {}\n", witness_key(9)),
            "the key of a log is of type 0x01, not of 0x04",
        ),
        (
            &format!("witness c {log}\n"),
            "the key of a witness is of type 0x04, not of 0x01",
        ),
        ("witness c\n", "a witness line is"),
        (
            &format!("witness c {} u v\n", witness_key(9)),
            "a witness line is",
        ),
        ("log\n", "a log line is"),
        (&format!("log {other_log} u v\n"), "a log line is"),
        ("log example.com/foo\n", "three parts"),
        ("quorum a\r\n", "0x0d"),
        ("quorum \u{0}a\n", "0x00"),
        ("quorum \u{7f}a\n", "0x7f"),
        ("quorum\u{a0}a\n", "begins with \"quorum\\u{a0}a\""),
    ] {
        let text = format!("{head}{lines}");
        let message = Policy::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(message.contains(says), "{lines:?}: {message}");
    }
    let bytes = [head.as_bytes(), b"witness \xff\n"].concat();
    let message = Policy::parse(&bytes).unwrap_err().to_string();
    assert!(message.contains("line 4: it is not UTF-8"), "{message}");
}

#[test]
fn a_witness_whose_key_is_post_quantum_is_refused_by_its_type() {
    use base64::Engine as _;
    let key = [&[6][..], &[0; 1_312]].concat();
    let key = base64::engine::general_purpose::STANDARD.encode(key);
    let text = format!("witness a w+00000000+{key}\nquorum a\n");
    let message = Policy::parse(text.as_bytes()).unwrap_err().to_string();
    assert!(
        message.contains("line 1") && message.contains("type 0x06"),
        "{message}"
    );
}

#[test]
fn names_are_compared_byte_for_byte() {
    let kelvin = format!("witness \u{212a} {}\nquorum K\n", witness_key(1));
    let message = Policy::parse(kelvin.as_bytes()).unwrap_err().to_string();
    assert!(message.contains("\"K\" is not defined"), "{message}");
}

#[test]
fn a_policy_of_256_witnesses_is_read_and_one_more_is_not() {
    let mut text = String::new();
    for number in 0_u16..256 {
        let mut key = [0; 32];
        key[..2].copy_from_slice(&number.to_be_bytes());
        let key = VerifierKey::new("w", KeyType::Ed25519Cosignature, &key).unwrap();
        text.push_str(&format!("witness w{number} {key}\n"));
    }
    text.push_str("quorum w255\n");
    assert_eq!(
        Policy::parse(text.as_bytes()).unwrap().witnesses().len(),
        256
    );
    let more = VerifierKey::new("w", KeyType::Ed25519Cosignature, &[9; 32]).unwrap();
    text.push_str(&format!("witness more {more}\n"));
    let message = Policy::parse(text.as_bytes()).unwrap_err().to_string();
    assert!(message.contains("more than 256 witnesses"), "{message}");
    let huge = Policy::parse(&b"#\n".repeat(200_000));
    assert_eq!(huge.unwrap_err().kind(), ErrorKind::TooLarge);
}

#[test]
fn a_checkpoint_is_judged_by_origin_log_signature_and_quorum() {
    let all = leaves(9);
    let policy = three_of("group g 2 w1 w2 w3\nquorum g\n");
    let accepted = policy
        .verify_note(&cosigned(&all, &[1, 3]), all_valid)
        .unwrap();
    assert_eq!(accepted.checkpoint().size(), 9);
    assert_eq!(
        accepted.times(),
        [
            ("w1".to_owned(), 1_700_000_000),
            ("w3".to_owned(), 1_700_000_000)
        ]
    );
    assert_eq!(accepted.quorum().missing(), ["w2"]);

    let too_few = policy
        .verify_note(&cosigned(&all, &[2]), all_valid)
        .unwrap_err();
    assert!(
        matches!(too_few, CheckpointRejected::Quorum(_)),
        "{too_few}"
    );

    let other = Checkpoint::new("audit.example.com/other/1", 9, tree_hash(&all)).unwrap();
    let other = SignedNote::new(&other.to_text(), line_by(&log_key(), vec![1])).unwrap();
    let unknown = policy.verify_note(&other, all_valid).unwrap_err();
    assert!(
        matches!(unknown, CheckpointRejected::UnknownOrigin { .. }),
        "{unknown}"
    );

    let text = signed(9, tree_hash(&all)).text().to_owned();
    let mut unsigned = SignedNote::new(&text, cosigned_at(&witness_key(1), 5)).unwrap();
    unsigned
        .add_signature(cosigned_at(&witness_key(2), 5))
        .unwrap();
    let unsigned = policy.verify_note(&unsigned, all_valid).unwrap_err();
    assert!(
        matches!(unsigned, CheckpointRejected::NotSignedByLog { .. }),
        "{unsigned}"
    );
}

#[test]
fn a_bad_signature_of_any_key_of_the_policy_rejects_and_strangers_are_not_asked_about() {
    let all = leaves(9);
    let policy = three_of("quorum w1\n");
    let mut note = cosigned(&all, &[1, 2]);
    let stranger = NoteSignature::new("stranger.example", KeyId(1), vec![6; 2_428]).unwrap();
    note.add_signature(stranger).unwrap();
    let judge = |bad: &'static str| {
        move |_: &str, signature: &NoteSignature| {
            assert_ne!(signature.name(), "stranger.example");
            match signature.name() == bad {
                true => Judgement::Invalid,
                false => Judgement::Valid,
            }
        }
    };
    assert!(policy.verify_note(&note, judge("nobody")).is_ok());
    for bad in [ORIGIN, "witness1.example.com", "witness2.example.com"] {
        let rejected = policy.verify_note(&note, judge(bad)).unwrap_err();
        assert!(
            matches!(rejected, CheckpointRejected::Signature(_)),
            "{rejected}"
        );
    }
    // A line that has the witness's name and id, and no time.
    let mut note = cosigned(&all, &[2]);
    note.add_signature(line_by(&witness_key(1), vec![1; 64]))
        .unwrap();
    assert!(policy.verify_note(&note, all_valid).is_err());
}

#[test]
fn one_witness_counts_once_however_often_it_signed() {
    let policy = three_of("group g 2 w1 w2 w3\nquorum g\n");
    let mut text = cosigned(&leaves(9), &[1]).to_text();
    text.push_str(&format!(
        "{}\n",
        cosigned_at(&witness_key(1), 1_800_000_000)
    ));
    let note = SignedNote::parse(&text).unwrap();
    let rejected = policy.verify_note(&note, all_valid).unwrap_err();
    assert!(
        matches!(rejected, CheckpointRejected::Quorum(_)),
        "{rejected}"
    );
    let accepted = three_of("quorum w1\n")
        .verify_note(&note, all_valid)
        .unwrap();
    assert_eq!(accepted.times(), [("w1".to_owned(), 1_800_000_000)]);
}

#[test]
fn a_policy_without_logs_accepts_no_checkpoint() {
    let policy = Policy::parse(b"quorum none\n").unwrap();
    let rejected = policy
        .verify_note(&cosigned(&leaves(1), &[]), all_valid)
        .unwrap_err();
    assert!(rejected.to_string().contains("names no log"), "{rejected}");
}

proptest! {
    /// Whatever is still read after a byte has changed prints as a policy that means the same.
    #[test]
    fn a_damaged_policy_is_refused_or_means_what_it_prints(at: prop::sample::Index, to: u8) {
        let mut file = three_of("group g 2 w1 w2 w3\ngroup h any g\nquorum h\n").to_string().into_bytes();
        let at = at.index(file.len());
        file[at] = to;
        if let Ok(policy) = Policy::parse(&file) {
            prop_assert_eq!(&Policy::parse(policy.to_string().as_bytes()).unwrap(), &policy);
            prop_assert!(policy.evaluate(|_| true).is_met());
        }
    }

    #[test]
    fn more_cosignatures_never_meet_a_quorum_less(few: [bool; 3], more: [bool; 3], k in 1_u8..=3) {
        let policy = three_of(&format!("group g {k} w1 w2 w3\nquorum g\n"));
        let by = |seen: [bool; 3]| {
            policy.evaluate(|witness| seen[usize::from(witness.key().public_key()[0]) - 1]).is_met()
        };
        let both = [few[0] || more[0], few[1] || more[1], few[2] || more[2]];
        prop_assert!(by(both) || !by(few));
        prop_assert_eq!(by(few), few.iter().filter(|seen| **seen).count() >= usize::from(k));
    }
}

#[test]
fn a_file_that_is_no_policy_is_not_quoted_at_length() {
    let file = format!("{{\"body\":{}\n", "ä".repeat(9_000));
    let error = Policy::parse(file.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("begins with \"{\\\"body\\\":ä"), "{error}");
    assert!(error.len() < 250, "{error}");
}
