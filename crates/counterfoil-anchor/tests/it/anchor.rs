//! What one anchor says in comparison with another.

use counterfoil_anchor::Anchor;
use counterfoil_core::{Digest, Head};

const TEXT: &str = "audit.example.com/leases/1\n7\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";

fn anchor(hash: u8, note: Option<String>) -> Anchor {
    let anchor = Anchor::new(Head {
        chain: "audit.example.com/leases/1".parse().unwrap(),
        seq: 7,
        hash: Digest::from_bytes([hash; 32]),
        root: Some(Digest::from_bytes([1; 32])),
    })
    .unwrap();
    match note {
        Some(note) => anchor.with_checkpoint(note).unwrap(),
        None => anchor,
    }
}

fn signed(text: &str, signers: &[&str]) -> Option<String> {
    let lines = signers
        .iter()
        .map(|name| format!("\u{2014} {name} AAAAAAA=\n"));
    Some(format!("{text}\n{}", lines.collect::<String>()))
}

#[test]
fn an_anchor_covers_one_that_lacks_some_of_its_signatures_and_nothing_else() {
    let extended = format!("{TEXT}an extension\n");
    let cosigned = anchor(7, signed(TEXT, &["log", "w1", "w2"]));
    for offered in [&["log"][..], &["w2", "log"], &["log", "w1", "w2"]] {
        assert!(
            cosigned.covers(&anchor(7, signed(TEXT, offered))),
            "{offered:?}"
        );
    }
    for (other, what) in [
        (anchor(8, signed(TEXT, &["log"])), "another hash"),
        (anchor(7, signed(TEXT, &["log", "w3"])), "another signature"),
        (anchor(7, signed(TEXT, &["w"])), "a prefix of a name"),
        (anchor(7, signed(&extended, &["log"])), "another text"),
        (anchor(7, None), "no checkpoint"),
    ] {
        assert!(!cosigned.covers(&other), "{what}");
    }
    assert!(anchor(7, None).covers(&anchor(7, None)));
    assert!(!anchor(7, None).covers(&cosigned));
}
