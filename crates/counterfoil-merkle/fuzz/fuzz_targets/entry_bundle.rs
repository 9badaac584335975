//! A bundle is made of its entries again, byte for byte. The first byte says how many there must be.
#![no_main]

use counterfoil_merkle::tile::{parse_bundle, push_entry};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((width, bundle)) = data.split_first() else {
        return;
    };
    let Ok(entries) = parse_bundle(bundle, u16::from(*width)) else {
        return;
    };
    assert_eq!(entries.len(), usize::from(*width));
    let mut made = Vec::new();
    for entry in entries {
        assert!(push_entry(&mut made, entry).is_ok());
    }
    assert_eq!(made, bundle);
});
