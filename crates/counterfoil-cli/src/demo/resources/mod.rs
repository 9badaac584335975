//! The real things that leases are held on.
//!
//! Each does its work through the kernel or the processor and checks what comes back, so that a failure in the demo is a
//! failure that happened.

mod cpu;
mod file;
mod memory;

use std::fmt;
use std::io;
use std::path::Path;

use counterfoil::{FabricError, OpType, ResourceType};

use super::rng::Rng;
use cpu::CpuSlice;
use file::BlockFile;
use memory::Region;

/// A fault to inject into the next operation. Each is brought about for real, not reported from thin air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The kernel refuses the transfer: a write through a read-only descriptor. Processor work outlasts its deadline.
    Refused,
    /// Stored bytes change behind the holder's back.
    Corruption,
}

/// What a lease gives its holder.
pub(crate) trait Resource: fmt::Debug + Send {
    /// Does one operation and returns how many bytes it moved.
    fn operate(
        &mut self,
        op: OpType,
        fault: Option<Fault>,
        rng: &mut Rng,
    ) -> Result<u64, FabricError>;
}

/// Makes the resource behind a lease: `bytes` of memory or storage, or one processor slice.
pub(crate) fn create(
    kind: ResourceType,
    bytes: u64,
    lease: u64,
    scratch: &Path,
) -> io::Result<Box<dyn Resource>> {
    let bytes = usize::try_from(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
    Ok(match kind {
        ResourceType::Mem => Box::new(Region::map(bytes)?),
        ResourceType::Storage => Box::new(BlockFile::create(scratch, lease, bytes)?),
        _ => Box::new(CpuSlice::default()),
    })
}
