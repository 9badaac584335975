//! A signed note is written back byte for byte, and verifying it never panics.
#![no_main]

use counterfoil_merkle::cosignature::Cosignature;
use counterfoil_merkle::note::{Judgement, SignedNote};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(note) = SignedNote::parse(text) else {
        return;
    };
    assert_eq!(note.to_text(), text);
    assert!(!note.signatures().is_empty());
    for judgement in [Judgement::Valid, Judgement::Invalid, Judgement::Unknown] {
        let verified = note.verify(|_, _| judgement);
        assert_eq!(verified.is_ok(), judgement == Judgement::Valid);
    }
    for signature in note.signatures() {
        if let Ok(cosignature) = Cosignature::from_bytes(signature.bytes()) {
            assert_eq!(cosignature.to_bytes(), signature.bytes());
        }
    }
});
