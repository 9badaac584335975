//! Processor slices that run.

use std::time::{Duration, Instant};

use counterfoil::{FabricError, OpType};
use sha2::{Digest, Sha256};

use super::{Fault, Resource};
use crate::demo::rng::Rng;

/// How long a piece of work may take before its submitter gives up.
const DEADLINE: Duration = Duration::from_millis(4);
const INPUT: [u8; 1_024] = [0xa5; 1_024];

/// A slice of processor time, spent on hashing.
#[derive(Debug, Default)]
pub(super) struct CpuSlice {
    state: [u8; 32],
}

impl Resource for CpuSlice {
    fn operate(
        &mut self,
        _op: OpType,
        fault: Option<Fault>,
        rng: &mut Rng,
    ) -> Result<u64, FabricError> {
        let slice = match fault {
            Some(_) => DEADLINE + Duration::from_micros(rng.between(100, 1_000)),
            None => Duration::from_micros(rng.between(50, 400)),
        };
        let begun = Instant::now();
        let mut hashed = 0;
        while begun.elapsed() < slice {
            self.state = Sha256::new()
                .chain_update(self.state)
                .chain_update(INPUT)
                .finalize()
                .into();
            hashed += INPUT.len() as u64;
        }
        // The submitter gives up on work that was asked to run beyond its deadline. Work that was merely held up by a busy
        // machine is let pass, so that the demo's failures are the injected ones.
        if slice > DEADLINE {
            Err(FabricError::Timeout)
        } else {
            Ok(hashed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_and_work_beyond_the_deadline_times_out() {
        let mut rng = Rng::new(5);
        let mut slice = CpuSlice::default();
        assert!(
            slice
                .operate(OpType::Submit, None, &mut rng)
                .is_ok_and(|bytes| bytes >= 1_024)
        );
        assert_ne!(slice.state, [0; 32]);
        assert_eq!(
            slice.operate(OpType::Submit, Some(Fault::Refused), &mut rng),
            Err(FabricError::Timeout)
        );
    }
}
