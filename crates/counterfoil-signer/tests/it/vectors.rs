//! The signed notes of C2SP, Go and the transparency projects.

use counterfoil_merkle::note::SignedNote;
use counterfoil_signer::{Ed25519Signer, Ed25519Verifier, Keyring, sign_note_text};
use counterfoil_testkit::vectors;
use serde_json::Value;

#[test]
fn the_valid_notes_of_c2sp_verify_and_with_any_letter_changed_they_do_not() {
    let Some(text) = vectors::read("c2sp-signed-note.json") else {
        return;
    };
    let known: Value = serde_json::from_str(&text).unwrap();
    let positive = known["positive"].as_array().unwrap();
    assert!(!positive.is_empty());
    for vector in positive {
        let verifier: Ed25519Verifier = vector["vkey"].as_str().unwrap().parse().unwrap();
        let mut keyring = Keyring::new();
        keyring.trust(verifier).unwrap();
        let text = vector["note"].as_str().unwrap();
        let note = SignedNote::parse(text).unwrap();
        let signers: Vec<String> = keyring
            .verify_note(&note)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(signers, [vector["vkey"].as_str().unwrap()]);

        for at in 0..note.text().len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= 0x01;
            let changed = String::from_utf8(bytes).unwrap();
            let verified =
                SignedNote::parse(&changed).is_ok_and(|note| keyring.verify_note(&note).is_ok());
            assert!(!verified, "verifies with byte {at} changed: {changed:?}");
        }
    }
}

#[test]
fn the_published_private_key_gives_the_published_signature() {
    let Some(text) = vectors::read("c2sp-signed-note.json") else {
        return;
    };
    let known: Value = serde_json::from_str(&text).unwrap();
    let mut compared = 0;
    for vector in known["positive"].as_array().unwrap() {
        let Some(key) = vector["skey"].as_str() else {
            continue;
        };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let note = SignedNote::parse(vector["note"].as_str().unwrap()).unwrap();
        std::fs::write(&path, key).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        let signer = Ed25519Signer::from_file(&path).unwrap();
        let signature = sign_note_text(&signer, note.text()).unwrap();
        assert_eq!(signature.as_ref(), note.signatures().first());
        compared += 1;
    }
    assert!(compared > 0, "no vector has a private key");
}

#[test]
fn the_bad_keys_of_c2sp_are_refused() {
    let Some(text) = vectors::read("c2sp-signed-note.json") else {
        return;
    };
    let known: Value = serde_json::from_str(&text).unwrap();
    for key in known["bad_vkeys"].as_array().unwrap() {
        let key = key.as_str().unwrap();
        assert!(
            key.parse::<Ed25519Verifier>().is_err(),
            "{key} was accepted"
        );
    }
}
