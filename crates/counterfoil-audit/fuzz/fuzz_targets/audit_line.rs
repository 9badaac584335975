//! One line: what is read is written back byte for byte. The input is read as it is, and as a body in a line with its hash.
#![no_main]

use counterfoil_audit::jsonl;
use counterfoil_merkle::leaf_hash;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    read(data);
    let hash = leaf_hash(data).to_string();
    read(
        &[
            b"{\"body\":",
            data,
            b",\"hash\":\"",
            hash.as_bytes(),
            b"\"}\n",
        ]
        .concat(),
    );
});

fn read(text: &[u8]) {
    let mut written = Vec::new();
    for record in jsonl::read_records(text).map_while(Result::ok) {
        assert!(jsonl::write_record(&mut written, &record).is_ok());
    }
    assert!(text.starts_with(&written));
}
