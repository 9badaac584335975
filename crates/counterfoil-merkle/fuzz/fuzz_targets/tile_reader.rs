//! Nodes out of tiles of any bytes: an answer or an error. A size, a level and an index come first, each big-endian.
#![no_main]

use counterfoil_core::Digest;
use counterfoil_merkle::proof::{NodeId, ProofPlan};
use counterfoil_merkle::tile::TileReader;
use counterfoil_merkle::{CompactRange, Error};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(([size @ .., level], rest)) = data.split_first_chunk::<9>() else {
        return;
    };
    let Some((index, tile)) = rest.split_first_chunk() else {
        return;
    };
    let (size, level, index) = (
        u64::from_be_bytes(*size),
        *level,
        u64::from_be_bytes(*index),
    );
    let mut reader = TileReader::new(size, |_| Ok::<_, Error>(tile.to_vec()));
    if let Ok(id) = NodeId::new(level, index) {
        let _answer: Result<Digest, Error> = reader.node(id);
    }
    if let Ok(plan) = ProofPlan::inclusion(index, size) {
        let _proof = plan.prove(|id| reader.node(id));
    }
    let _tree = CompactRange::restore(size, |id| reader.node(id));
});
