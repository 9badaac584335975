//! Memory regions that are mapped and touched.

use std::io;

use counterfoil::{FabricError, OpType};
use memmap2::MmapMut;

use super::{Fault, Resource};
use crate::demo::rng::Rng;

const PAGE: usize = 4_096;

/// An anonymous mapping. Writing to each page makes the kernel back it; the end of the lease unmaps it, so that what the
/// demo holds is what its leases hold, and no allocator keeps any of it.
#[derive(Debug)]
pub(super) struct Region {
    bytes: MmapMut,
    /// What was last written to each page.
    stamps: Vec<u64>,
}

impl Region {
    /// Maps at least one page and touches every one.
    pub(super) fn map(bytes: usize) -> io::Result<Self> {
        let pages = bytes.div_ceil(PAGE).max(1);
        let mut region = Self {
            bytes: MmapMut::map_anon(pages * PAGE)?,
            stamps: vec![0; pages],
        };
        region.fill(0, pages, 1);
        Ok(region)
    }

    fn fill(&mut self, first: usize, pages: usize, stamp: u64) {
        for page in first..(first + pages).min(self.stamps.len()) {
            for word in self.bytes[page * PAGE..(page + 1) * PAGE].chunks_exact_mut(8) {
                word.copy_from_slice(&stamp.to_le_bytes());
            }
            self.stamps[page] = stamp;
        }
    }

    fn check(&self, first: usize, pages: usize) -> bool {
        (first..(first + pages).min(self.stamps.len())).all(|page| {
            let stamp = self.stamps[page].to_le_bytes();
            self.bytes[page * PAGE..(page + 1) * PAGE]
                .chunks_exact(8)
                .all(|word| word == stamp)
        })
    }
}

impl Resource for Region {
    fn operate(
        &mut self,
        op: OpType,
        fault: Option<Fault>,
        rng: &mut Rng,
    ) -> Result<u64, FabricError> {
        let pages = (rng.between(1, 33) as usize).min(self.stamps.len());
        let first = rng.between(0, (self.stamps.len() - pages + 1) as u64) as usize;
        if op == OpType::Write {
            self.fill(first, pages, rng.next());
        }
        // No kernel stands between a holder and its memory, so each fault is a flipped bit here.
        if fault.is_some() {
            self.bytes[first * PAGE + 17] ^= 0x40;
        }
        if self.check(first, pages) {
            return Ok((pages * PAGE) as u64);
        }
        // The holder repairs what it found broken, so that one fault is one failure.
        self.fill(first, pages, 1);
        Err(FabricError::Integrity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_is_found_once_and_repaired() {
        let mut rng = Rng::new(1);
        let mut region = Region::map(64 * PAGE).unwrap();
        assert!(
            region
                .operate(OpType::Write, None, &mut rng)
                .is_ok_and(|bytes| bytes >= PAGE as u64)
        );
        assert_eq!(
            region.operate(OpType::Read, Some(Fault::Corruption), &mut rng),
            Err(FabricError::Integrity)
        );
        for _ in 0..200 {
            assert!(region.operate(OpType::Read, None, &mut rng).is_ok());
        }
    }
}
