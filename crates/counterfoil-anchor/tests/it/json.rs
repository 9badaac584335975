//! `anchor.json`: one spelling out, and only what agrees in.

use counterfoil_anchor::{Anchor, ErrorKind};
use counterfoil_core::{ChainId, Digest, Head};
use proptest::prelude::*;

const CHAIN: &str = "audit.example.com/leases/1";
/// 32 bytes of 0x01, as hexadecimal and as base64.
const ROOT_HEX: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const ROOT_BASE64: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

fn head(seq: u64, root: Option<[u8; 32]>) -> Head {
    Head {
        chain: CHAIN.parse().unwrap(),
        seq,
        hash: Digest::from_bytes([0xab; 32]),
        root: root.map(Digest::from_bytes),
    }
}

fn note(origin: &str, size: &str, root: &str) -> String {
    format!("{origin}\n{size}\n{root}\n\n\u{2014} {origin} AAAAAAA=\n")
}

#[test]
fn the_text_is_the_one_of_the_specification() {
    let hash = "ab".repeat(32);
    let bare = Anchor::new(head(7, None)).unwrap();
    assert_eq!(
        bare.to_json(),
        format!("{{\"chain\":\"{CHAIN}\",\"hash\":\"{hash}\",\"seq\":7,\"v\":1}}\n")
    );
    let full = Anchor::new(head(7, Some([1; 32])))
        .unwrap()
        .with_checkpoint(note(CHAIN, "7", ROOT_BASE64))
        .unwrap();
    assert_eq!(
        full.to_json(),
        format!(
            "{{\"chain\":\"{CHAIN}\",\"checkpoint\":\"{CHAIN}\\n7\\n{ROOT_BASE64}\\n\\n\u{2014} {CHAIN} AAAAAAA=\\n\",\
             \"hash\":\"{hash}\",\"root\":\"{ROOT_HEX}\",\"seq\":7,\"v\":1}}\n"
        )
    );
}

#[test]
fn whatever_is_no_anchor_is_refused_and_the_message_says_why() {
    let hash = "ab".repeat(32);
    let with =
        |members: &str| format!("{{\"v\":1,\"chain\":\"{CHAIN}\",\"hash\":\"{hash}\"{members}}}");
    for (text, says) in [
        (String::new(), "not the JSON"),
        ("[]".to_owned(), "not the JSON"),
        (with(""), "missing field `seq`"),
        (with(",\"seq\":0"), "seq 0"),
        (with(",\"seq\":-1"), "not the JSON"),
        (with(",\"seq\":1.0"), "not the JSON"),
        (with(",\"seq\":\"1\""), "not the JSON"),
        (with(",\"seq\":9007199254740992"), "2^53"),
        (with(",\"seq\":1,\"seq\":1"), "duplicate field"),
        (with(",\"seq\":1,\"colour\":2"), "unknown field"),
        (with(",\"seq\":1,\"root\":null"), "not the JSON"),
        (with(",\"seq\":1,\"root\":\"AB\""), "its root"),
        (with(",\"seq\":1} "), "not the JSON"),
        (
            with(",\"seq\":1").replace("\"v\":1", "\"v\":2"),
            "version is 2",
        ),
        (with(",\"seq\":1").replace(CHAIN, "leases"), "chain id"),
        (with(",\"seq\":1").replace("abab", "ABAB"), "its hash"),
        (with(",\"seq\":1,\"checkpoint\":\"\""), "no line feed"),
    ] {
        let error = Anchor::from_json(text.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{text}");
        assert!(error.to_string().contains(says), "{text}: {error}");
    }
    assert!(Anchor::from_json(b"{\"v\":1,\xff}").is_err());
    assert!(Anchor::from_json(with(",\"seq\":1").as_bytes()).is_ok());
}

#[test]
fn a_checkpoint_that_says_otherwise_than_the_head_or_is_not_signed_is_refused() {
    const SIGNATURE: &str = "\u{2014} name AAAAAAA=\n";
    let unsigned = format!("{CHAIN}\n7\n{ROOT_BASE64}\n");
    for (text, says) in [
        (
            note("audit.example.com/leases/2", "7", ROOT_BASE64),
            "leases/2",
        ),
        (note(CHAIN, "8", ROOT_BASE64), "size \"8\""),
        (note(CHAIN, "07", ROOT_BASE64), "size \"07\""),
        (
            note(CHAIN, "7", "AgEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="),
            "and the head 0101",
        ),
        (note(CHAIN, "7", "AQEB"), "32 bytes"),
        (
            format!("{CHAIN}\n7\n\n{SIGNATURE}"),
            "fewer than three lines",
        ),
        (format!("{CHAIN}\n7"), "no line feed"),
        (format!("{CHAIN}\n7\n"), "no empty line"),
        (unsigned.clone(), "no empty line"),
        (format!("{unsigned}\n"), "no empty line"),
        (format!("{unsigned}{SIGNATURE}"), "no empty line"),
        (format!("{unsigned}\n\0junk"), "control character 0x00"),
        (format!("{unsigned}\r\n{SIGNATURE}"), "0x0d"),
        (format!("{unsigned}\njunk\n"), "no signature"),
        (format!("{unsigned}\n\u{2014} \n"), "no signature"),
        (format!("{unsigned}\n\u{2014} name\n"), "no signature"),
        (format!("{unsigned}\n\u{2014} name \n"), "no signature"),
        (format!("{unsigned}\n{SIGNATURE}junk\n"), "no signature"),
        (format!("{unsigned}\n{SIGNATURE}\n"), "no signature"),
    ] {
        let anchor = Anchor::new(head(7, Some([1; 32]))).unwrap();
        let error = anchor.with_checkpoint(text.as_str()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(says), "{text:?}: {error}");
    }
    let good = note(CHAIN, "7", ROOT_BASE64);
    for root in [Some([1; 32]), None] {
        let anchor = Anchor::new(head(7, root)).unwrap();
        assert_eq!(
            anchor.with_checkpoint(good.as_str()).unwrap().checkpoint(),
            Some(&*good)
        );
    }
}

proptest! {
    #[test]
    fn every_anchor_reads_back_as_it_was(
        seq in 1_u64..1 << 53,
        incarnation in 1_u64..,
        hash: [u8; 32],
        root: Option<[u8; 32]>,
        names in proptest::option::of(proptest::collection::vec("[!-~\u{2014}\"\\\\é]{1,40}", 1..4)),
    ) {
        let chain = ChainId::new(&format!("audit.example.com/leases/{incarnation}")).unwrap();
        let head = Head {
            chain: chain.clone(),
            seq,
            hash: Digest::from_bytes(hash),
            root: root.map(Digest::from_bytes),
        };
        let mut anchor = Anchor::new(head).unwrap();
        if let (None, Some(names)) = (root, names) {
            let lines: String = names.iter().map(|name| format!("\u{2014} {name} AAAAAAA=\n")).collect();
            let text = format!("{chain}\n{seq}\n{ROOT_BASE64}\n\n{lines}");
            anchor = anchor.with_checkpoint(text).unwrap();
        }
        let text = anchor.to_json();
        prop_assert_eq!(text.matches('\n').count(), 1);
        prop_assert_eq!(Anchor::from_json(text.as_bytes()).unwrap(), anchor);
    }
}
