//! A policy that is read prints as one that means the same, and more witnesses never meet a quorum less.
#![no_main]

use counterfoil_merkle::policy::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let Ok(policy) = Policy::parse(file) else {
        return;
    };
    let printed = policy.to_string();
    assert_eq!(
        Policy::parse(printed.as_bytes()).ok().as_ref(),
        Some(&policy)
    );
    assert!(policy.evaluate(|_| true).is_met());
    let nobody = policy.evaluate(|_| false).is_met();
    let first = policy.witnesses().first();
    assert!(!nobody || policy.evaluate(|witness| Some(witness) == first).is_met());
});
