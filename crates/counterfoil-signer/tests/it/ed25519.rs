//! Ed25519: the contract, strictness, and what never gets out.

use std::sync::Arc;

use counterfoil_merkle::note::{KeyType, VerifierKey};
use counterfoil_signer::{Ed25519Signer, Ed25519Verifier, ErrorKind, Signer, Verifier};
use counterfoil_testkit::SeededRng;
use counterfoil_testkit::signer::conformance;

fn generate(seed: u64) -> Ed25519Signer {
    Ed25519Signer::generate("audit.example.com/leases/1", |out| {
        SeededRng::new(seed).fill(out);
        Ok::<(), std::io::Error>(())
    })
    .unwrap()
}

fn verifier(signer: &dyn Signer) -> Arc<dyn Verifier> {
    Arc::new(Ed25519Verifier::new(signer.verifier_key().unwrap().clone()).unwrap())
}

#[test]
fn an_ed25519_signer_and_its_verifier_keep_their_contracts() {
    let signer = generate(1);
    conformance(&signer, verifier(&signer));
    let boxed: Box<dyn Signer> = Box::new(generate(2));
    conformance(&boxed, verifier(&boxed));
    let shared: Arc<dyn Signer> = Arc::new(generate(3));
    conformance(&shared, verifier(&shared));
}

/// RFC 8032 §7.1, test 2.
#[test]
fn the_known_answer_of_rfc_8032_comes_out() {
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    };
    let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    let signer = Ed25519Signer::from_seed("rfc8032", &seed.try_into().unwrap()).unwrap();
    assert_eq!(
        signer.verifier_key().unwrap().public_key(),
        hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    );
    assert_eq!(
        signer.sign(&[0x72]).unwrap().unwrap(),
        hex(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        )
    );
}

#[test]
fn a_key_of_small_order_is_refused_because_anyone_can_sign_for_it() {
    let mut identity = [0; 32];
    identity[0] = 1;
    for point in [identity, [0; 32]] {
        let key = VerifierKey::new("a", KeyType::Ed25519, &point).unwrap();
        let refused = Ed25519Verifier::new(key).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidKey);
        assert!(refused.to_string().contains("small order"), "{refused}");
    }
}

#[test]
fn bytes_that_are_no_point_are_refused() {
    let mut bytes = [0; 32];
    bytes[0] = 2;
    let key = VerifierKey::new("a", KeyType::Ed25519, &bytes).unwrap();
    let refused = Ed25519Verifier::new(key).unwrap_err();
    assert!(
        refused.to_string().contains("no point of the curve"),
        "{refused}"
    );
}

#[test]
fn a_public_key_has_one_spelling() {
    // y and y + p are the same point; from p on, 19 numbers fit into 255 bits.
    for (above, sign) in (0_u8..19).flat_map(|above| [(above, 0), (above, 0x80)]) {
        let mut bytes = [0xff; 32];
        bytes[0] = 0xed + above;
        bytes[31] = 0x7f | sign;
        let key = VerifierKey::new("a", KeyType::Ed25519, &bytes).unwrap();
        let refused = Ed25519Verifier::new(key).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidKey);
        if above == 3 {
            assert!(
                refused.to_string().contains("not fully reduced"),
                "{refused}"
            );
        }
    }
}

#[test]
fn a_signature_that_is_not_fully_reduced_is_refused() {
    // The group order, little-endian: S and S + L sign the same for a lax verifier.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let signer = generate(4);
    let mut signature = signer.sign(b"message").unwrap().unwrap();
    assert!(verifier(&signer).verify(b"message", &signature));
    let mut carry = 0;
    for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert!(!verifier(&signer).verify(b"message", &signature));
}

#[test]
fn debug_shows_name_and_key_id_and_nothing_else() {
    let signer = Ed25519Signer::from_seed("a", &[7; 32]).unwrap();
    let id = signer.verifier_key().unwrap().id();
    assert_eq!(format!("{signer:?}"), format!("Ed25519Signer(a+{id})"));
    assert_eq!(format!("{signer:#?}"), format!("Ed25519Signer(a+{id})"));
}

#[test]
fn no_key_is_made_without_randomness_or_without_a_proper_name() {
    let failed = Ed25519Signer::generate("a", |_| Err(std::io::Error::other("no entropy")));
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Io);
    let unnamed = Ed25519Signer::from_seed("a b", &[7; 32]).unwrap_err();
    assert_eq!(unnamed.kind(), ErrorKind::InvalidKey);
    assert!(unnamed.to_string().contains("white space"), "{unnamed}");
}
