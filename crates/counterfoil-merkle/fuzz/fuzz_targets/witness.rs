//! The bodies of the witness protocol are written back byte for byte.
#![no_main]

use counterfoil_merkle::EMPTY_ROOT;
use counterfoil_merkle::witness::{
    AddCheckpoint, cosignatures_body, parse_cosignatures, parse_size, size_body,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &str| {
    if let Ok(request) = AddCheckpoint::parse(body) {
        assert_eq!(request.to_text(), body);
        assert!(request.old_size() <= request.checkpoint().size());
        let _verdict = request.verify_growth(&EMPTY_ROOT);
    }
    if let Ok(lines) = parse_cosignatures(body) {
        assert_eq!(cosignatures_body(&lines), body);
    }
    if let Ok(size) = parse_size(body) {
        assert_eq!(size_body(size), body);
    }
});
