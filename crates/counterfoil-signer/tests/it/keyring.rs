//! The keyring's rules, with verifiers whose answers the test decides.

use std::error::Error as _;

use counterfoil_core::Digest;
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::{
    Judgement, KeyId, KeyType, NoteRejected, NoteSignature, SignedNote, VerifierKey,
};
use counterfoil_signer::{
    ErrorKind, Keyring, SignError, Signer, Verifier, record_message, sign_checkpoint, sign_record,
};

/// Takes one byte string for the signature of everything.
#[derive(Debug)]
struct Accepts {
    key: VerifierKey,
    signature: &'static [u8],
}

impl Accepts {
    fn new(name: &str, public_key: u8, signature: &'static [u8]) -> Self {
        Self {
            key: VerifierKey::new(name, KeyType::Ed25519, &[public_key; 32]).unwrap(),
            signature,
        }
    }

    fn line(&self, signature: &[u8]) -> NoteSignature {
        NoteSignature::new(self.key.name(), self.key.id(), signature.to_vec()).unwrap()
    }
}

impl Verifier for Accepts {
    fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn verify(&self, _message: &[u8], signature: &[u8]) -> bool {
        signature == self.signature
    }
}

#[test]
fn a_key_is_trusted_once() {
    let mut keyring = Keyring::new();
    assert!(keyring.is_empty());
    keyring.trust(Accepts::new("a", 1, b"good")).unwrap();
    keyring.trust(Accepts::new("a", 2, b"good")).unwrap();
    keyring.trust(Accepts::new("b", 1, b"good")).unwrap();
    let twice = keyring.trust(Accepts::new("a", 1, b"other")).unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::Duplicate);
    assert!(
        twice.to_string().contains("on this keyring already"),
        "{twice}"
    );
    assert_eq!(keyring.keys().count(), 3);
}

#[test]
fn a_note_counts_if_one_trusted_key_signed_and_no_trusted_signature_is_bad() {
    let (known, other, stranger) = (
        Accepts::new("known", 1, b"good"),
        Accepts::new("other", 2, b"fine"),
        Accepts::new("stranger", 3, b"good"),
    );
    let mut note = SignedNote::new("text\n", stranger.line(b"whatever")).unwrap();
    let same_name_other_key = Accepts::new("known", 9, b"good");
    note.add_signature(same_name_other_key.line(b"whatever"))
        .unwrap();

    let mut keyring = Keyring::new();
    assert!(matches!(
        keyring.verify_note(&note),
        Err(NoteRejected::NoTrustedSignature { .. })
    ));
    note.add_signature(known.line(b"good")).unwrap();
    note.add_signature(other.line(b"bad")).unwrap();
    let (known_key, other_key) = (known.key.clone(), other.key.clone());
    keyring.trust(known).unwrap();
    assert_eq!(keyring.verify_note(&note), Ok(vec![&known_key]));
    keyring.trust(other).unwrap();
    assert_eq!(
        keyring.verify_note(&note),
        Err(NoteRejected::BadSignature {
            name: other_key.name().to_owned(),
            id: other_key.id()
        })
    );
}

#[test]
fn a_key_that_signed_twice_is_named_once() {
    let known = Accepts::new("known", 1, b"good");
    let line = known.line(b"good");
    let text = format!("text\n\n{line}\n{line}\n");
    let key = known.key.clone();
    let mut keyring = Keyring::new();
    keyring.trust(known).unwrap();
    let note = SignedNote::parse(&text).unwrap();
    assert_eq!(keyring.verify_note(&note), Ok(vec![&key]));
}

#[test]
fn what_a_record_signature_covers_is_the_domain_and_the_hash() {
    let message = record_message(&Digest::from_bytes([0xab; 32]));
    assert_eq!(&message[..26], b"counterfoil.dev/record/v1\n");
    assert_eq!(&message[26..], [0xab; 32]);
}

/// Breaks the contract: it has a key and signs nothing, or fails.
#[derive(Debug)]
struct Broken {
    key: VerifierKey,
    fails: bool,
}

impl Signer for Broken {
    fn verifier_key(&self) -> Option<&VerifierKey> {
        Some(&self.key)
    }

    fn sign(&self, _message: &[u8]) -> Result<Option<Vec<u8>>, SignError> {
        if self.fails {
            Err(SignError::from_source("the key service does not answer"))
        } else {
            Ok(None)
        }
    }
}

#[test]
fn a_signer_with_a_key_that_does_not_sign_is_an_error_and_never_an_unsigned_chain() {
    let key = VerifierKey::new("a", KeyType::Ed25519, &[1; 32]).unwrap();
    let checkpoint = Checkpoint::new("a", 1, Digest::ZERO).unwrap();
    for fails in [false, true] {
        let broken = Broken {
            key: key.clone(),
            fails,
        };
        let error = sign_record(&broken, &Digest::ZERO).unwrap_err();
        assert_eq!(error.to_string(), "signing failed");
        assert_eq!(error.source().is_some(), fails);
        assert!(sign_checkpoint(&broken, &checkpoint).is_err());
    }
}

#[test]
fn a_record_signature_is_tried_with_every_key_that_its_hint_names() {
    let known = Accepts::new("known", 1, b"good");
    let id = known.key.id();
    let mut keyring = Keyring::new();
    keyring.trust(known).unwrap();
    let judge = |key: KeyId, value: &[u8]| {
        let mut signature = sign_record(&Signs(b"good"), &Digest::ZERO)
            .unwrap()
            .unwrap();
        (signature.key, signature.value) = (key, value.to_vec());
        keyring.verify_record(&Digest::ZERO, &signature)
    };
    assert_eq!(judge(id, b"good"), Judgement::Valid);
    assert_eq!(judge(id, b"bad"), Judgement::Invalid);
    assert_eq!(judge(KeyId(id.0 ^ 1), b"good"), Judgement::Unknown);
}

/// Signs everything with one byte string.
#[derive(Debug)]
struct Signs(&'static [u8]);

impl Signer for Signs {
    fn verifier_key(&self) -> Option<&VerifierKey> {
        static KEY: std::sync::OnceLock<VerifierKey> = std::sync::OnceLock::new();
        Some(KEY.get_or_init(|| VerifierKey::new("a", KeyType::Ed25519, &[1; 32]).unwrap()))
    }

    fn sign(&self, _message: &[u8]) -> Result<Option<Vec<u8>>, SignError> {
        Ok(Some(self.0.to_vec()))
    }
}
