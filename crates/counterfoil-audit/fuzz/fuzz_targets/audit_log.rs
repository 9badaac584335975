//! A whole log: a verdict for any bytes, never VALID without a head. The input is verified as it is, and as bodies, one a
//! line, that are each put into a line with its hash, so that the grammar of bodies and the links are reached. An intake has to agree.
#![no_main]

use std::sync::Arc;

use counterfoil_audit::intake::Intake;
use counterfoil_audit::verify::{Report, Verdict, VerifyOptions, verify_reader};
use counterfoil_merkle::leaf_hash;
use counterfoil_signer::{Ed25519Verifier, Keyring, Verifier, VerifierKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    verify(data);
    let mut sealed = Vec::new();
    for body in data.split(|byte| *byte == b'\n') {
        let hash = leaf_hash(body).to_string();
        sealed.extend_from_slice(
            &[
                b"{\"body\":",
                body,
                b",\"hash\":\"",
                hash.as_bytes(),
                b"\"}\n",
            ]
            .concat(),
        );
    }
    verify(&sealed);
});

fn verify(log: &[u8]) {
    let mut options = VerifyOptions::new();
    options.key_reader = Some(read_key);
    let report = verify_reader(log, "fuzz", &options);
    assert_ne!(report.exit_code(), 0);
    assert!(!report.to_string().is_empty());
    take_in(log, &report);
}

/// An intake takes the lines before the first contradiction, however they are cut, and no other.
fn take_in(log: &[u8], report: &Report) {
    let Some(chain) = report.end.as_ref().map(|head| head.chain.clone()) else {
        return;
    };
    let keys = Arc::new(Keyring::new());
    let mut whole = Intake::new(chain.clone(), Arc::clone(&keys), Some(read_key));
    let all = whole.offer(log);
    let mut pieces = Intake::new(chain, keys, Some(read_key));
    let mut bytes = 0;
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        let offered = pieces.offer(line);
        bytes += offered.bytes;
        if offered.refused.is_some() {
            assert_eq!(offered.refused, all.refused);
            break;
        }
    }
    assert_eq!((bytes, pieces.head()), (all.bytes, whole.head()));
    let contradicted = report.verdict == Verdict::Tampered;
    assert!(all.refused.is_some() || !contradicted, "{report}");
}

fn read_key(key: &VerifierKey) -> Option<Box<dyn Verifier>> {
    let verifier = Ed25519Verifier::new(key.clone()).ok()?;
    Some(Box::new(verifier))
}
