//! A path of a tiled log is written back byte for byte, and holds nothing that climbs out of a folder.
#![no_main]

use counterfoil_merkle::tile::Resource;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|path: &str| {
    if let Ok(resource) = path.parse::<Resource>() {
        assert_eq!(resource.to_string(), path);
        assert!(!path.starts_with('/') && !path.contains(".."));
    }
});
