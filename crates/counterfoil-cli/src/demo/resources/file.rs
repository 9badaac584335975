//! Files that are written and read back.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use counterfoil::{FabricError, OpType};
use sha2::{Digest, Sha256};

use super::{Fault, Resource};
use crate::demo::rng::Rng;

const BLOCK: usize = 16 * 1_024;

/// A file of blocks, each with the checksum of what was last written to it. Removed when the lease ends.
#[derive(Debug)]
pub(super) struct BlockFile {
    path: PathBuf,
    file: File,
    /// A second descriptor without the right to write, which the kernel refuses writes on.
    read_only: File,
    sums: Vec<[u8; 32]>,
    buffer: Vec<u8>,
}

impl BlockFile {
    pub(super) fn create(scratch: &Path, lease: u64, bytes: usize) -> io::Result<Self> {
        let path = scratch.join(format!("lease-{lease}.blocks"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        let blocks = bytes.div_ceil(BLOCK).max(1);
        file.set_len((blocks * BLOCK) as u64)?;
        let read_only = File::open(&path)?;
        let buffer = vec![0; BLOCK];
        let sums = vec![Sha256::digest(&buffer).into(); blocks];
        Ok(Self {
            path,
            file,
            read_only,
            sums,
            buffer,
        })
    }

    fn write(&mut self, block: usize, fault: Option<Fault>, rng: &mut Rng) -> io::Result<()> {
        for word in self.buffer.chunks_exact_mut(8) {
            word.copy_from_slice(&rng.next().to_le_bytes());
        }
        let through = if fault == Some(Fault::Refused) {
            &self.read_only
        } else {
            &self.file
        };
        through.write_all_at(&self.buffer, (block * BLOCK) as u64)?;
        self.sums[block] = Sha256::digest(&self.buffer).into();
        Ok(())
    }

    /// Whether the block holds what was written to it.
    fn read(&mut self, block: usize) -> io::Result<bool> {
        self.file
            .read_exact_at(&mut self.buffer, (block * BLOCK) as u64)?;
        let sum: [u8; 32] = Sha256::digest(&self.buffer).into();
        Ok(sum == self.sums[block])
    }

    fn damage(&self, block: usize) -> io::Result<()> {
        let at = (block * BLOCK) as u64;
        let mut byte = [0];
        self.file.read_exact_at(&mut byte, at)?;
        self.file.write_all_at(&[byte[0] ^ 0x40], at)
    }

    fn transfer(&mut self, op: OpType, fault: Option<Fault>, rng: &mut Rng) -> io::Result<bool> {
        let block = rng.between(0, self.sums.len() as u64) as usize;
        if fault == Some(Fault::Corruption) {
            self.damage(block)?;
        } else if op == OpType::Write || fault == Some(Fault::Refused) {
            self.write(block, fault, rng)?;
        }
        let intact = self.read(block)?;
        if !intact {
            self.write(block, None, rng)?;
        }
        Ok(intact)
    }
}

impl Resource for BlockFile {
    fn operate(
        &mut self,
        op: OpType,
        fault: Option<Fault>,
        rng: &mut Rng,
    ) -> Result<u64, FabricError> {
        match self.transfer(op, fault, rng) {
            Ok(true) => Ok(BLOCK as u64),
            Ok(false) => Err(FabricError::Integrity),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                Err(FabricError::CapacityExceeded)
            }
            Err(_) => Err(FabricError::Unavailable),
        }
    }
}

impl Drop for BlockFile {
    fn drop(&mut self) {
        // What cannot be removed now is removed when the scratch directory goes, at the end or at the next start.
        let _left_for_later = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_refused_by_the_kernel_or_found_by_the_checksum() {
        let scratch = tempfile::tempdir().unwrap();
        let mut rng = Rng::new(3);
        let mut file = BlockFile::create(scratch.path(), 9, 4 * BLOCK).unwrap();
        assert_eq!(
            file.operate(OpType::Write, None, &mut rng),
            Ok(BLOCK as u64)
        );
        assert_eq!(
            file.operate(OpType::Write, Some(Fault::Refused), &mut rng),
            Err(FabricError::Unavailable)
        );
        assert_eq!(
            file.operate(OpType::Read, Some(Fault::Corruption), &mut rng),
            Err(FabricError::Integrity)
        );
        for _ in 0..50 {
            assert_eq!(file.operate(OpType::Read, None, &mut rng), Ok(BLOCK as u64));
        }
        let path = file.path.clone();
        assert!(path.exists());
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_of_another_lease_is_never_taken_over() {
        let scratch = tempfile::tempdir().unwrap();
        let _first = BlockFile::create(scratch.path(), 1, BLOCK).unwrap();
        assert!(BlockFile::create(scratch.path(), 1, BLOCK).is_err());
    }
}
