//! A whole log: a verdict for any bytes, never VALID without a head. The input is verified as it is, and as bodies, one a
//! line, that are each put into a line with its hash, so that the grammar of bodies and the links are reached.
#![no_main]

use counterfoil_audit::verify::{VerifyOptions, verify_reader};
use counterfoil_merkle::leaf_hash;
use counterfoil_signer::{Ed25519Verifier, Verifier};
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
    options.key_reader = Some(|key| {
        let verifier = Ed25519Verifier::new(key.clone()).ok()?;
        Some(Box::new(verifier) as Box<dyn Verifier>)
    });
    let report = verify_reader(log, "fuzz", &options);
    assert_ne!(report.exit_code(), 0);
    assert!(!report.to_string().is_empty());
}
