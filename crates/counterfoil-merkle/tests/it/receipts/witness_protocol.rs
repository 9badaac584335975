//! The bodies of the witness protocol.

use counterfoil_merkle::note::SignedNote;
use counterfoil_merkle::proof::{MAX_PROOF_LEN, ProofPlan, ProofRejected};
use counterfoil_merkle::witness::{
    AddCheckpoint, MAX_REQUEST_LEN, cosignatures_body, parse_cosignatures, parse_size, size_body,
};
use counterfoil_merkle::{EMPTY_ROOT, ErrorKind};
use proptest::prelude::*;

use super::{ORIGIN, cosigned, cosigned_at, line_by, log_key, witness_key};
use crate::definition::{Levels, leaves, tree_hash};

fn request(old: u64, proof: &[&str], note: &str) -> String {
    let proof: String = proof.iter().map(|line| format!("{line}\n")).collect();
    format!("old {old}\n{proof}\n{note}")
}

#[test]
fn a_request_is_written_and_read_and_its_proof_is_verified() {
    let all = leaves(200);
    let tree = Levels::of(&all);
    let proof = ProofPlan::consistency(77, 200)
        .unwrap()
        .prove(|id| tree.node(id))
        .unwrap();
    let made = AddCheckpoint::new(77, proof, cosigned(&all, &[])).unwrap();
    let read = AddCheckpoint::parse(&made.to_text()).unwrap();
    assert_eq!(read, made);
    assert_eq!((read.old_size(), read.checkpoint().size()), (77, 200));
    assert_eq!(read.verify_growth(&tree_hash(&all[..77])), Ok(()));
    assert!(matches!(
        read.verify_growth(&tree_hash(&all[..76])),
        Err(ProofRejected::RootMismatch { size: 77, .. })
    ));
}

#[test]
fn from_size_zero_the_proof_is_empty_and_the_root_that_of_nothing() {
    let all = leaves(9);
    let first = AddCheckpoint::new(0, Vec::new(), cosigned(&all, &[])).unwrap();
    assert_eq!(first.verify_growth(&EMPTY_ROOT), Ok(()));
    assert!(AddCheckpoint::new(0, all.clone(), cosigned(&all, &[])).is_err());
    // It parses, because the answer is 422 and not 400.
    let body = first.to_text().replacen(
        "\n\n",
        "\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n",
        1,
    );
    let with_proof = AddCheckpoint::parse(&body).unwrap();
    assert!(matches!(
        with_proof.verify_growth(&EMPTY_ROOT),
        Err(ProofRejected::WrongLength {
            expected: 0,
            found: 1
        })
    ));
}

#[test]
fn the_same_size_needs_the_same_root() {
    let all = leaves(9);
    let again = AddCheckpoint::new(9, Vec::new(), cosigned(&all, &[])).unwrap();
    assert_eq!(again.verify_growth(&tree_hash(&all)), Ok(()));
    assert!(again.verify_growth(&tree_hash(&all[1..])).is_err());
}

#[test]
fn every_other_request_is_refused_and_the_message_says_why() {
    const HASH: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    let note = cosigned(&leaves(9), &[]).to_text();
    assert!(AddCheckpoint::parse(&request(3, &[HASH], &note)).is_ok());
    for (body, says) in [
        (String::new(), "first line"),
        (
            request(3, &[], &note).replace("old 3", "old 03"),
            "first line",
        ),
        (
            request(3, &[], &note).replace("old 3", "Old 3"),
            "first line",
        ),
        (
            request(3, &[], &note).replace("old 3", "old  3"),
            "first line",
        ),
        (
            request(3, &[], &note).replace("old 3", "old -3"),
            "first line",
        ),
        (
            request(3, &[], &note).replace("old 3\n", "old 3\r\n"),
            "first line",
        ),
        (
            request(3, &[], &note).replace("old 3", "old 18446744073709551616"),
            "first line",
        ),
        (request(10, &[], &note), "old size, 10, is above"),
        (request(3, &["AAAA"], &note), "line 1 of the proof"),
        (
            request(3, &[HASH, &HASH[..43]], &note),
            "line 2 of the proof",
        ),
        (request(3, &[" "], &note), "line 1 of the proof"),
        (
            request(3, &[HASH; MAX_PROOF_LEN + 1], &note),
            "more than 63",
        ),
        (format!("old 3\n{HASH}\n"), "no empty line"),
        (format!("old 3\n{note}"), "line 1 of the proof"),
        (
            request(3, &[], "a\n\n\u{2014} b AAAAAAE=\n"),
            "fewer than three",
        ),
        (request(3, &[], note.trim_end()), "line feed"),
    ] {
        let message = AddCheckpoint::parse(&body).unwrap_err().to_string();
        assert!(message.contains(says), "{body:?}: {message}");
    }
    let huge = AddCheckpoint::parse(&format!("old 3\n{}", "x".repeat(MAX_REQUEST_LEN)));
    assert_eq!(huge.unwrap_err().kind(), ErrorKind::TooLarge);
    let made = AddCheckpoint::new(10, Vec::new(), cosigned(&leaves(9), &[]));
    assert!(made.is_err());
}

#[test]
fn an_impossible_root_for_size_zero_is_told_apart_from_bad_grammar() {
    let text = format!("{ORIGIN}\n0\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n");
    let note = SignedNote::new(&text, line_by(&log_key(), vec![1])).unwrap();
    let refused = AddCheckpoint::parse(&request(0, &[], &note.to_text())).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Contradictory);
}

#[test]
fn an_answer_is_signature_lines_or_a_size() {
    let lines = [
        cosigned_at(&witness_key(1), 1),
        line_by(&witness_key(2), vec![6; 8 + 2_420]),
    ];
    let body = cosignatures_body(&lines);
    assert_eq!(parse_cosignatures(&body).unwrap(), lines);
    for bad in [
        "",
        "\n",
        "not a line\n",
        body.trim_end(),
        &format!("{body}\n"),
        &format!("\n{body}"),
    ] {
        assert!(parse_cosignatures(bad).is_err(), "{bad:?}");
    }
    assert!(parse_cosignatures(&body.repeat(51)).is_err());

    assert_eq!(parse_size(&size_body(20_852_163)).unwrap(), 20_852_163);
    for bad in [
        "",
        "\n",
        "1",
        "01\n",
        "1\n\n",
        " 1\n",
        "1 \n",
        "-1\n",
        "18446744073709551616\n",
    ] {
        assert!(parse_size(bad).is_err(), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn a_damaged_request_is_refused_or_another_one(at: prop::sample::Index, to in 0_u8..128) {
        let all = leaves(20);
        let tree = Levels::of(&all);
        let proof = ProofPlan::consistency(13, 20).unwrap().prove(|id| tree.node(id)).unwrap();
        let good = AddCheckpoint::new(13, proof, cosigned(&all, &[])).unwrap();
        let mut body = good.to_text().into_bytes();
        let at = at.index(body.len());
        prop_assume!(body[at] != to);
        body[at] = to;
        let body = String::from_utf8_lossy(&body);
        if let Ok(read) = AddCheckpoint::parse(&body) {
            prop_assert_eq!(read.to_text(), body);
            prop_assert_ne!(read, good);
        }
    }
}
