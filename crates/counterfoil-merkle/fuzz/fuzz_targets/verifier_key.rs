//! A verifier key is written back byte for byte.
#![no_main]

use counterfoil_merkle::note::VerifierKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
        assert_eq!(
            key.as_cosigner().to_string().parse::<VerifierKey>().ok(),
            Some(key.as_cosigner())
        );
    }
});
