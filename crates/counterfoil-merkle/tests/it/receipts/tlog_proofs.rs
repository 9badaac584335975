//! Receipts in a file.

use counterfoil_core::Digest;
use counterfoil_merkle::ErrorKind;
use counterfoil_merkle::note::Judgement;
use counterfoil_merkle::policy::Policy;
use counterfoil_merkle::proof::ProofPlan;
use counterfoil_merkle::tlog_proof::{MAX_EXTRA_LEN, TlogProof, TlogProofRejected};
use proptest::prelude::*;

use super::{ORIGIN, all_valid, cosigned, log_key, witness_key};
use crate::definition::{Levels, leaves};

fn policy() -> Policy {
    let text = format!(
        "log {}\nwitness w {}\nquorum w\n",
        log_key(),
        witness_key(1)
    );
    Policy::parse(text.as_bytes()).unwrap()
}

fn proof(index: u64, leaves: &[Digest]) -> TlogProof {
    let tree = Levels::of(leaves);
    let plan = ProofPlan::inclusion(index, leaves.len() as u64).unwrap();
    let path = plan.prove(|id| tree.node(id)).unwrap();
    TlogProof::new(index, path, cosigned(leaves, &[1])).unwrap()
}

#[test]
fn a_proof_is_written_and_read_and_verifies_its_leaf_alone() {
    let all = leaves(100);
    for index in [0, 1, 63, 99] {
        let made = proof(index, &all);
        let read = TlogProof::parse(&made.to_text()).unwrap();
        assert_eq!(read, made);
        let accepted = read
            .verify(&all[index as usize], &policy(), all_valid)
            .unwrap();
        assert_eq!(accepted.checkpoint().origin(), ORIGIN);
        let other = read.verify(&all[7], &policy(), all_valid).unwrap_err();
        assert!(matches!(other, TlogProofRejected::Inclusion(_)), "{other}");
    }
    let one = proof(0, &all[..1]);
    assert_eq!(one.path(), []);
    assert!(one.verify(&all[0], &policy(), all_valid).is_ok());
}

#[test]
fn a_proof_for_another_index_or_another_size_proves_nothing() {
    let all = leaves(100);
    let right = proof(63, &all);
    for index in [0, 62, 64, 100, u64::MAX] {
        let moved = TlogProof::new(index, right.path().to_vec(), right.note().clone()).unwrap();
        assert!(
            moved.verify(&all[63], &policy(), all_valid).is_err(),
            "{index}"
        );
    }
    for size in [64, 99] {
        let note = cosigned(&all[..size], &[1]);
        let moved = TlogProof::new(63, right.path().to_vec(), note).unwrap();
        assert!(
            moved.verify(&all[63], &policy(), all_valid).is_err(),
            "{size}"
        );
    }
}

#[test]
fn the_verdict_names_the_step_that_failed() {
    let all = leaves(5);
    let read = proof(2, &all);
    let unsigned = read
        .verify(&all[2], &policy(), |_, _| Judgement::Unknown)
        .unwrap_err();
    assert!(
        unsigned
            .to_string()
            .starts_with("the checkpoint is not accepted: no trusted key"),
        "{unsigned}"
    );
    let alone = TlogProof::new(2, read.path().to_vec(), cosigned(&all, &[])).unwrap();
    let alone = alone.verify(&all[2], &policy(), all_valid).unwrap_err();
    assert!(
        alone.to_string().contains("the quorum w is not met"),
        "{alone}"
    );
    let other = read.verify(&all[3], &policy(), all_valid).unwrap_err();
    assert!(
        other.to_string().contains("not in its tree at this place"),
        "{other}"
    );
}

#[test]
fn extra_data_is_kept_and_is_never_empty() {
    let all = leaves(3);
    let with = proof(1, &all)
        .with_extra(b"any bytes \xff".to_vec())
        .unwrap();
    let text = with.to_text();
    assert!(
        text.contains("@v1\nextra YW55IGJ5dGVzIP8=\nindex 1\n"),
        "{text}"
    );
    assert_eq!(TlogProof::parse(&text).unwrap(), with);
    assert!(proof(1, &all).with_extra(Vec::new()).is_err());
    let most = proof(1, &all).with_extra(vec![0; MAX_EXTRA_LEN]).unwrap();
    assert!(TlogProof::parse(&most.to_text()).is_ok());
    assert!(
        proof(1, &all)
            .with_extra(vec![0; MAX_EXTRA_LEN + 1])
            .is_err()
    );
}

#[test]
fn every_other_text_is_refused_and_the_message_says_why() {
    let all = leaves(3);
    let good = proof(1, &all).to_text();
    let extra = good.replace("index", "extra AAAA\nindex");
    assert!(TlogProof::parse(&extra).is_ok());
    let hash = good.lines().nth(2).unwrap();
    for (text, says) in [
        (String::new(), "first line"),
        (good.replace("@v1", "@v2"), "first line"),
        (good.replace("@v1\n", "@v1\r\n"), "first line"),
        (good.replace("@v1\n", "@v1 \n"), "first line"),
        (format!("\n{good}"), "first line"),
        (good.replace("index 1\n", ""), "index line"),
        (good.replace("index 1", "index 01"), "index line"),
        (good.replace("index 1", "index  1"), "index line"),
        (good.replace("index 1", "index"), "index line"),
        (good.replace("index 1", "Index 1"), "index line"),
        (
            good.replace("index 1", "index 18446744073709551616"),
            "index line",
        ),
        (extra.replace("extra AAAA", "extra "), "is empty"),
        (extra.replace("extra AAAA", "extra AAA"), "base64"),
        (
            extra.replace("extra AAAA", "extra AAAA\nextra AAAA"),
            "index line",
        ),
        (
            good.replace("index 1\n", "index 1\nextra AAAA\n"),
            "line 1 of the proof",
        ),
        (good.replacen(hash, &hash[1..], 1), "line 1 of the proof"),
        (
            good.replacen(hash, &[hash; 64].join("\n"), 1),
            "more than 63",
        ),
        (good.replacen("\n\n", "\n\n\n", 1), "empty"),
        (good.replacen("\n\n", "\n", 1), "of the proof"),
        (good.trim_end().to_owned(), "line feed"),
        (format!("{good}\n"), "em dash"),
        (
            "c2sp.org/tlog-proof@v1\nextra AAAA".to_owned(),
            "extra data",
        ),
        (
            "c2sp.org/tlog-proof@v1\nindex 1\n".to_owned(),
            "no empty line",
        ),
    ] {
        let message = TlogProof::parse(&text).unwrap_err().to_string();
        assert!(message.contains(says), "{text:?}: {message}");
    }
    let long = good.replace(
        "index 1\n",
        &format!("extra {}\nindex 1\n", "A".repeat(1_200_000)),
    );
    assert_eq!(
        TlogProof::parse(&long).unwrap_err().kind(),
        ErrorKind::TooLarge
    );
}

proptest! {
    #[test]
    fn no_changed_byte_leaves_a_proof_that_is_the_same(at: prop::sample::Index, to in 0_u8..128) {
        let all = leaves(20);
        let good = proof(13, &all);
        let mut bytes = good.to_text().into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        let changed = String::from_utf8_lossy(&bytes);
        prop_assert_ne!(TlogProof::parse(&changed).ok(), Some(good));
    }

    #[test]
    fn whatever_parses_is_written_back_byte_for_byte(
        extra in "(extra [A-D]{0,8}=?=?\n)?", index in "[0-9]{1,3}", hashes in 0_usize..3,
    ) {
        let all = leaves(4);
        let hash = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n".repeat(hashes);
        let note = cosigned(&all, &[1]).to_text();
        let text = format!("c2sp.org/tlog-proof@v1\n{extra}index {index}\n{hash}\n{note}");
        if let Ok(proof) = TlogProof::parse(&text) {
            prop_assert_eq!(proof.to_text(), text);
        }
    }
}
