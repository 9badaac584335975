//! Signed notes: what is written reads back, and what is not a note is refused.

use std::cell::Cell;

use counterfoil_core::Digest;
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::{
    Judgement, KeyId, MAX_NOTE_LEN, MAX_SIGNATURES, NoteRejected, NoteSignature, SignedNote,
};
use counterfoil_merkle::{EMPTY_ROOT, ErrorKind};
use proptest::prelude::*;

fn signature(name: &str, id: u32) -> NoteSignature {
    NoteSignature::new(name, KeyId(id), vec![1, 2, 3]).unwrap()
}

fn note(signers: &[(&str, u32)]) -> SignedNote {
    let mut signers = signers.iter();
    let (name, id) = signers.next().unwrap();
    let mut note = SignedNote::new("text\n", signature(name, *id)).unwrap();
    for (name, id) in signers {
        note.add_signature(signature(name, *id)).unwrap();
    }
    note
}

#[test]
fn each_rule_of_the_format_is_enforced_and_the_message_says_which() {
    const SIG: &str = "\u{2014} a AAAAAAE=\n";
    assert!(SignedNote::parse(&format!("t\n\n{SIG}")).is_ok());
    for (text, says) in [
        (String::new(), "not a line feed"),
        ("t\n".to_owned(), "no empty line"),
        (SIG.to_owned(), "no empty line"),
        (format!("\n{SIG}"), "no empty line"),
        ("t\n\n".to_owned(), "no empty line"),
        (format!("t\n\n{}", SIG.trim_end()), "not a line feed"),
        (format!("t\n\n{SIG}\n"), "does not begin with an em dash"),
        (format!("t\n\n{SIG}x\n"), "does not begin with an em dash"),
        (format!("t\t\n\n{SIG}"), "0x09"),
        (format!("t\r\n\n{SIG}"), "0x0d"),
        ("t\n\n- a AAAAAAE=\n".to_owned(), "em dash"),
        ("t\n\n\u{2014}a AAAAAAE=\n".to_owned(), "em dash"),
        ("t\n\n\u{2014} a\n".to_owned(), "no name and signature"),
        ("t\n\n\u{2014}  AAAAAAE=\n".to_owned(), "is empty"),
        ("t\n\n\u{2014} a+b AAAAAAE=\n".to_owned(), "'+'"),
        (
            "t\n\n\u{2014} a\u{a0}b AAAAAAE=\n".to_owned(),
            "white space",
        ),
        ("t\n\n\u{2014} a b AAAAAAE=\n".to_owned(), "base64"),
        ("t\n\n\u{2014} a AAAAAAE\n".to_owned(), "base64"),
        ("t\n\n\u{2014} a AAAAAAF=\n".to_owned(), "base64"),
        ("t\n\n\u{2014} a AAAAAA_=\n".to_owned(), "base64"),
        (
            "t\n\n\u{2014} a AAAAAA==\n".to_owned(),
            "fewer than five bytes",
        ),
        ("t\n\n\u{2014} a \n".to_owned(), "fewer than five bytes"),
    ] {
        let message = SignedNote::parse(&text).unwrap_err().to_string();
        assert!(message.contains(says), "{text:?}: {message}");
    }
}

#[test]
fn the_text_ends_at_the_last_empty_line() {
    let note = SignedNote::parse("a\n\n\u{2014} b AAAAAAE=\n\n\n\u{2014} a AAAAAAE=\n").unwrap();
    assert_eq!(note.text(), "a\n\n\u{2014} b AAAAAAE=\n\n");
    assert_eq!(note.signatures().len(), 1);
}

#[test]
fn a_hundred_signatures_are_a_note_and_one_more_is_not() {
    let mut note = note(&[("a", 0)]);
    for id in 1..MAX_SIGNATURES as u32 {
        note.add_signature(signature("a", id)).unwrap();
    }
    let text = note.to_text();
    assert_eq!(SignedNote::parse(&text).unwrap(), note);
    let refused = note.add_signature(signature("a", 1_000)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::TooLarge);
    let refused = SignedNote::parse(&format!("{text}\u{2014} a AAAAAAE=\n")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::TooLarge);
}

#[test]
fn a_note_has_at_most_a_million_bytes() {
    let overhead = note(&[("a", 0)]).to_text().len() - "text\n".len();
    let largest = format!("{}\n", "x".repeat(MAX_NOTE_LEN - overhead - 1));
    let note = SignedNote::new(&largest, signature("a", 0))
        .unwrap()
        .to_text();
    assert_eq!(note.len(), MAX_NOTE_LEN);
    assert!(SignedNote::parse(&note).is_ok());
    assert_eq!(
        SignedNote::parse(&format!("x{note}")).unwrap_err().kind(),
        ErrorKind::TooLarge
    );
    let too_large = SignedNote::new(&format!("x{largest}"), signature("a", 0));
    assert_eq!(too_large.unwrap_err().kind(), ErrorKind::TooLarge);
}

#[test]
fn a_text_that_could_not_be_read_back_is_not_signed() {
    for text in ["", "no line feed", "tab\t\n", "nul\0\n"] {
        assert!(
            SignedNote::new(text, signature("a", 1)).is_err(),
            "{text:?}"
        );
    }
    assert!(NoteSignature::new("a b", KeyId(1), vec![1]).is_err());
    assert!(NoteSignature::new("a", KeyId(1), Vec::new()).is_err());
    let mut once = note(&[("a", 1)]);
    assert!(once.add_signature(signature("a", 1)).is_err());
    assert_eq!(once, note(&[("a", 1)]));
}

#[test]
fn unknown_keys_are_ignored_known_ones_must_verify_and_one_must_be_known() {
    let note = note(&[("stranger", 9), ("good", 1), ("bad", 2)]);
    let judge = |bad: Judgement| {
        move |text: &str, signature: &NoteSignature| {
            assert_eq!(text, "text\n");
            match signature.name() {
                "good" => Judgement::Valid,
                "bad" => bad,
                _ => Judgement::Unknown,
            }
        }
    };
    let valid = note.verify(judge(Judgement::Unknown)).unwrap();
    assert_eq!(valid, [&note.signatures()[1]]);
    assert_eq!(
        note.verify(judge(Judgement::Invalid)),
        Err(NoteRejected::BadSignature {
            name: "bad".to_owned(),
            id: KeyId(2)
        })
    );
    let rejected = note.verify(|_, _| Judgement::Unknown).unwrap_err();
    let message = rejected.to_string();
    assert!(
        message.contains("stranger+00000009, good+00000001, bad+00000002"),
        "{message}"
    );
}

#[test]
fn an_unknown_signer_may_have_a_name_that_is_not_made_here() {
    let text = "t\n\n\u{2014} a\u{7f}\u{9b}b AAAAAAE=\n\u{2014} good AAAAAAE=\n";
    let note = SignedNote::parse(text).unwrap();
    assert_eq!(note.to_text(), text);
    let valid = note.verify(|_, signature| match signature.name() {
        "good" => Judgement::Valid,
        _ => Judgement::Unknown,
    });
    assert_eq!(valid.unwrap(), [&note.signatures()[1]]);
    let rejected = note.verify(|_, _| Judgement::Unknown).unwrap_err();
    let message = rejected.to_string();
    assert!(
        message.contains("a\\u{7f}\\u{9b}b+00000000, good+00000000"),
        "a name steers the reader's terminal: {message:?}"
    );
    assert!(NoteSignature::new("a\u{7f}b", KeyId(1), vec![1]).is_err());
}

#[test]
fn every_signature_of_a_key_that_signed_twice_must_verify() {
    let twice = SignedNote::parse("t\n\n\u{2014} a AAAAAAE=\n\u{2014} a AAAAAAI=\n").unwrap();
    let asked = Cell::new(0);
    let rejected = twice.verify(|_, signature| {
        asked.set(asked.get() + 1);
        match signature.bytes() {
            [1] => Judgement::Valid,
            _ => Judgement::Invalid,
        }
    });
    assert!(matches!(rejected, Err(NoteRejected::BadSignature { .. })));
    assert_eq!(asked.get(), 2);
}

prop_compose! {
    fn any_signature()(
        name in "[a-z0-9./_\u{e4}-]{1,30}",
        id: u32,
        bytes in proptest::collection::vec(any::<u8>(), 1..80),
    ) -> NoteSignature {
        NoteSignature::new(&name, KeyId(id), bytes).unwrap()
    }
}

proptest! {
    #[test]
    fn every_note_reads_back_as_it_was_written(
        text in "[ -~\u{e4}\u{2014}\n]{0,200}\n",
        first in any_signature(),
        more in proptest::collection::vec(any_signature(), 0..5),
    ) {
        let mut note = SignedNote::new(&text, first).unwrap();
        for signature in more {
            // The same key twice is refused, and the note stays as it is.
            let _refused = note.add_signature(signature);
        }
        let written = note.to_text();
        let read = SignedNote::parse(&written).unwrap();
        prop_assert_eq!(&read, &note);
        prop_assert_eq!(read.to_text(), written);
    }

    #[test]
    fn whatever_parses_is_written_back_byte_for_byte(
        text in "([ -~\u{2014}]{0,8}\n){0,3}\n?(\u{2014} [a-c]{1,3} [A-D]{7}=\n){0,3}",
    ) {
        if let Ok(note) = SignedNote::parse(&text) {
            prop_assert_eq!(note.to_text(), text);
        }
    }

    #[test]
    fn every_checkpoint_reads_back_as_it_was_written(
        origin in "[!-~][ -~\u{e4}]{0,40}",
        size: u64,
        root: [u8; 32],
        extensions in proptest::collection::vec("[ -~]{1,40}", 0..3),
    ) {
        let root = if size == 0 { EMPTY_ROOT } else { Digest::from_bytes(root) };
        let mut checkpoint = Checkpoint::new(&origin, size, root).unwrap();
        for line in &extensions {
            checkpoint = checkpoint.with_extension(line).unwrap();
        }
        let text = checkpoint.to_text();
        prop_assert_eq!(Checkpoint::parse(&text).unwrap(), checkpoint);
    }

    #[test]
    fn a_checkpoint_with_any_one_byte_changed_is_another_one_or_none(at in 0_usize..80, to in 1_u8..128) {
        let checkpoint = Checkpoint::new("audit.example.com/leases/1", 70_000, Digest::from_bytes([9; 32])).unwrap();
        let mut bytes = checkpoint.to_text().into_bytes();
        let at = at % bytes.len();
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert_ne!(Checkpoint::parse(&changed).ok(), Some(checkpoint));
    }
}
