//! The cosignature of a witness.

use counterfoil_merkle::cosignature::{self, Cosignature};
use counterfoil_merkle::note::{KeyType, VerifierKey};

use super::log_key;

#[test]
fn the_message_is_the_domain_the_time_and_the_whole_checkpoint() {
    let text = "o\n1\ncm9vdA==\nan extension\n";
    assert_eq!(
        cosignature::message(text, 1_679_315_147),
        "cosignature/v1\ntime 1679315147\no\n1\ncm9vdA==\nan extension\n"
    );
}

#[test]
fn the_bytes_are_the_time_and_the_signature_and_nothing_else() {
    let cosignature = Cosignature::new(0x0102_0304, [9; 64]).unwrap();
    let bytes = cosignature.to_bytes();
    assert_eq!(bytes[..9], [0, 0, 0, 0, 1, 2, 3, 4, 9]);
    assert_eq!(Cosignature::from_bytes(&bytes).unwrap(), cosignature);
    for len in [0, 8, 64, 71] {
        assert!(Cosignature::from_bytes(&bytes[..len]).is_err(), "{len}");
    }
    assert!(Cosignature::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    // An ML-DSA-44 line, which is not one of this kind.
    assert!(Cosignature::from_bytes(&[1; 8 + 2_420]).is_err());
}

#[test]
fn a_time_is_between_one_second_and_two_to_the_63() {
    assert!(Cosignature::new(cosignature::MAX_TIME, [0; 64]).is_ok());
    for time in [0, cosignature::MAX_TIME + 1, u64::MAX] {
        assert!(Cosignature::new(time, [0; 64]).is_err(), "{time}");
    }
}

#[test]
fn a_key_is_another_one_as_a_cosigner() {
    let key = log_key();
    let cosigner = key.as_cosigner();
    assert_ne!(cosigner.id(), key.id());
    let text = cosigner.to_string();
    assert_eq!(text.parse::<VerifierKey>().unwrap(), cosigner);
    assert_eq!(cosigner.key_type(), KeyType::Ed25519Cosignature);
    assert_eq!(cosigner.public_key(), key.public_key());
}
