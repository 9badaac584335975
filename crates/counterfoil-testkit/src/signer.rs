//! The conformance suites of [`Signer`] and [`Verifier`], and of [`EpochKeys`].

use std::sync::Arc;
use std::thread;

use counterfoil_core::{ChainId, Digest};
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::{Judgement, SignedNote};
use counterfoil_signer::{
    EpochKeys, Keyring, Signer, Verifier, epoch_key_name, sign_checkpoint, sign_record,
};

/// Checks that a signer that has a key keeps the contract of [`Signer`], and its verifier that of [`Verifier`].
///
/// # Panics
/// When they do not.
pub fn conformance(signer: &dyn Signer, verifier: Arc<dyn Verifier>) {
    the_key_is_the_verifiers_and_stays_the_same(signer, &*verifier);
    what_is_signed_verifies_and_nothing_else_does(signer, &*verifier);
    several_threads_may_sign_at_once(signer, &*verifier);
    a_checkpoint_and_a_record_verify_through_a_keyring(signer, verifier);
}

/// Checks that a signer without a key keeps the contract of [`Signer`]: it signs nothing, each time.
///
/// # Panics
/// When it does not.
pub fn signs_nothing(signer: &dyn Signer) {
    assert_eq!(
        signer.verifier_key(),
        None,
        "a signer without a key has one"
    );
    for message in [&b""[..], b"message"] {
        assert!(
            matches!(signer.sign(message), Ok(None)),
            "a signer without a key signed, or failed"
        );
    }
    assert!(matches!(sign_record(signer, &Digest::ZERO), Ok(None)));
    assert!(matches!(sign_checkpoint(signer, &checkpoint()), Ok(None)));
}

/// Checks that an empty store of epoch keys keeps the contract of [`EpochKeys`]; it is empty again afterwards. `reopen` gives
/// what another process would find.
///
/// # Panics
/// When it does not.
pub fn epoch_keys<K: EpochKeys>(reopen: impl Fn() -> K) {
    let keys = reopen();
    let chains = [
        chain("audit.example.com/leases/1"),
        chain("audit.example.com/leases/11"),
    ];
    let [one, other] = &chains;
    let mut made = Vec::new();
    for epoch in [1, 2, 10] {
        assert!(
            keys.load(one, epoch).is_err(),
            "a key is there before it was made"
        );
        let signer = ok(keys.create(one, epoch));
        let key = signer.verifier_key().cloned();
        let name = key.as_ref().map(|key| key.name().to_owned());
        assert_eq!(name, Some(epoch_key_name(one.as_str(), epoch)));
        assert!(!made.contains(&key), "two epochs have the same key");
        assert!(
            keys.create(one, epoch).is_err(),
            "a key was made in the place of another"
        );
        made.push(key);
    }
    assert_eq!(ok(keys.list(one)), [1, 2, 10], "in ascending order");
    assert_eq!(
        ok(keys.list(other)),
        [0; 0],
        "the keys of another chain are listed"
    );
    assert_eq!(ok(reopen().list(one)), [1, 2, 10], "keys do not survive");
    let read_back = ok(reopen().load(one, 2));
    assert_eq!(
        read_back.verifier_key().cloned(),
        made[1],
        "another key came back"
    );
    assert!(matches!(read_back.sign(b"message"), Ok(Some(_))));

    ok(keys.destroy(other, 2));
    ok(keys.destroy(one, 2));
    ok(keys.destroy(one, 2));
    assert_eq!(
        ok(reopen().list(one)),
        [1, 10],
        "a destroyed key is listed, or another one went"
    );
    assert!(
        reopen().load(one, 2).is_err(),
        "a destroyed key can be read"
    );
    let again = ok(keys.create(one, 2));
    assert_ne!(
        again.verifier_key().cloned(),
        made[1],
        "a destroyed key came back"
    );
    for epoch in [1, 2, 10] {
        ok(keys.destroy(one, epoch));
    }
    assert_eq!(ok(reopen().list(one)), [0; 0]);
}

fn the_key_is_the_verifiers_and_stays_the_same(signer: &dyn Signer, verifier: &dyn Verifier) {
    assert_eq!(signer.verifier_key(), Some(verifier.key()));
    sign(signer, b"message");
    assert_eq!(
        signer.verifier_key(),
        Some(verifier.key()),
        "signing changed the key"
    );
}

fn what_is_signed_verifies_and_nothing_else_does(signer: &dyn Signer, verifier: &dyn Verifier) {
    for message in [&b""[..], b"\n", b"message", &[0xff; 65_536]] {
        let signature = sign(signer, message);
        assert!(
            verifier.verify(message, &signature),
            "a signature does not verify"
        );
        assert!(
            verifier.verify(message, &sign(signer, message)),
            "the same message signed again does not verify"
        );

        let longer_message = [message, b"\0"].concat();
        assert!(
            !verifier.verify(&longer_message, &signature),
            "of a longer message"
        );
        if let Some((_, shorter_message)) = message.split_first() {
            assert!(
                !verifier.verify(shorter_message, &signature),
                "of a shorter message"
            );
        }
        let longer = [&signature[..], b"\0"].concat();
        assert!(
            !verifier.verify(message, &longer),
            "a longer signature verifies"
        );
        assert!(
            !verifier.verify(message, &signature[..signature.len() - 1]),
            "a shorter signature verifies"
        );
        assert!(
            !verifier.verify(message, b""),
            "an empty signature verifies"
        );
    }
    let signature = sign(signer, b"message");
    for at in 0..signature.len() * 8 {
        let mut changed = signature.clone();
        changed[at / 8] ^= 1 << (at % 8);
        assert!(
            !verifier.verify(b"message", &changed),
            "a signature verifies with its bit {at} changed"
        );
    }
}

fn several_threads_may_sign_at_once(signer: &dyn Signer, verifier: &dyn Verifier) {
    thread::scope(|scope| {
        for writer in 0..4_u8 {
            scope.spawn(move || {
                for n in 0..8 {
                    let signature = sign(signer, &[writer, n]);
                    assert!(verifier.verify(&[writer, n], &signature));
                }
            });
        }
    });
}

fn a_checkpoint_and_a_record_verify_through_a_keyring(
    signer: &dyn Signer,
    verifier: Arc<dyn Verifier>,
) {
    let key = verifier.key().clone();
    let mut keyring = Keyring::new();
    assert!(
        keyring.trust(verifier).is_ok(),
        "an empty keyring refuses the key"
    );

    let note = sign_checkpoint(signer, &checkpoint()).ok().flatten();
    let read_back = note.and_then(|note| SignedNote::parse(&note.to_text()).ok());
    let signers = read_back.as_ref().map(|note| keyring.verify_note(note));
    assert_eq!(
        signers,
        Some(Ok(vec![&key])),
        "a signed checkpoint does not verify"
    );

    let hash = Digest::from_bytes([7; 32]);
    let signature = sign_record(signer, &hash).ok().flatten();
    let judge = |hash: &Digest| {
        signature
            .as_ref()
            .map(|signature| keyring.verify_record(hash, signature))
    };
    assert_eq!(judge(&hash), Some(Judgement::Valid));
    assert_eq!(judge(&Digest::ZERO), Some(Judgement::Invalid));
}

#[expect(clippy::panic, reason = "a conformance suite reports by panicking")]
fn sign(signer: &dyn Signer, message: &[u8]) -> Vec<u8> {
    match signer.sign(message) {
        Ok(Some(signature)) => signature,
        Ok(None) => panic!("a signer that has a key signed nothing"),
        Err(error) => panic!("{error}"),
    }
}

#[expect(clippy::expect_used, reason = "the suite's own checkpoint is valid")]
fn checkpoint() -> Checkpoint {
    Checkpoint::new("audit.example.com/leases/1", 1, Digest::from_bytes([1; 32]))
        .expect("a checkpoint")
}

#[expect(clippy::panic, reason = "a conformance suite reports by panicking")]
fn ok<T>(outcome: Result<T, counterfoil_signer::Error>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

#[expect(clippy::expect_used, reason = "the suite's own chains are valid")]
fn chain(id: &str) -> ChainId {
    id.parse().expect("a chain id")
}
