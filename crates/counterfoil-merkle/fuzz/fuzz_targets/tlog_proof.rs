//! A receipt is written back byte for byte, and is not accepted where nobody is trusted.
#![no_main]

use counterfoil_core::Digest;
use counterfoil_merkle::note::Judgement;
use counterfoil_merkle::policy::Policy;
use counterfoil_merkle::tlog_proof::TlogProof;
use libfuzzer_sys::fuzz_target;

const LOG: &str =
    "audit.example.com/recipe/1+0f3f20b5+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

fuzz_target!(|text: &str| {
    let Ok(proof) = TlogProof::parse(text) else {
        return;
    };
    assert_eq!(proof.to_text(), text);
    let policy = format!("log {LOG}\nquorum none\n");
    let Ok(policy) = Policy::parse(policy.as_bytes()) else {
        panic!("the policy of this target does not parse");
    };
    let nobody = proof.verify(&Digest::ZERO, &policy, |_, _| Judgement::Unknown);
    assert!(nobody.is_err());
    let _anybody = proof.verify(&Digest::ZERO, &policy, |_, _| Judgement::Valid);
});
