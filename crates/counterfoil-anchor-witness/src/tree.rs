//! Where the hashes of the log's tree come from.

use std::error::Error as StdError;
use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use counterfoil_core::Digest;
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::proof::{NodeId, ProofPlan, complete_subtrees, verify_consistency};
use counterfoil_merkle::tile::{TILE_LEN, TileId, TileReader};
use counterfoil_merkle::{CompactRange, Error as MerkleError};

/// Any error of a tree source.
pub type TreeError = Box<dyn StdError + Send + Sync>;

/// Answers hashes of the tree of one log.
///
/// # Contract
/// It is asked for complete subtrees of a tree whose head the log has signed, possibly from several threads at once, and may
/// block. It need not be trusted: what is made of its answers is checked against the root that the log signed before it
/// leaves.
pub trait TreeSource: Debug + Send + Sync + 'static {
    /// The hashes of these subtrees of the tree of `size` leaves, in their order.
    ///
    /// # Errors
    /// When one of them cannot be read.
    fn hashes(&self, size: u64, nodes: &[NodeId]) -> Result<Vec<Digest>, TreeError>;
}

/// The tiles that an audit log writes into its directory before it signs a head (audit specification §8).
///
/// ```
/// use counterfoil_anchor_witness::TileDirectory;
/// let tree = TileDirectory::new("/var/lib/leases/audit");
/// # drop(tree);
/// ```
#[derive(Clone, Debug)]
pub struct TileDirectory {
    log: PathBuf,
}

impl TileDirectory {
    /// The tiles in `log`, the directory of an audit log, which need not exist yet.
    #[must_use]
    pub fn new(log: impl Into<PathBuf>) -> Self {
        Self { log: log.into() }
    }

    /// The tile, or the full one at its place if the log has published that and dropped the partial one.
    fn read(&self, id: TileId) -> Result<Vec<u8>, TreeError> {
        let exact = self.log.join(id.to_string());
        match read_tile(&exact) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !id.is_full() => {
                read_tile(&self.log.join(id.full().to_string()))
            }
            read => read,
        }
        .map_err(|error| format!("the tile {} cannot be read: {error}", exact.display()).into())
    }
}

impl TreeSource for TileDirectory {
    fn hashes(&self, size: u64, nodes: &[NodeId]) -> Result<Vec<Digest>, TreeError> {
        let mut reader = TileReader::new(size, |id| self.read(id).map_err(ReadError));
        let mut hash = |node: &NodeId| reader.node::<ReadError>(*node).map_err(|error| error.0);
        nodes.iter().map(&mut hash).collect()
    }
}

/// What a [`TileReader`] may meet.
struct ReadError(TreeError);

impl From<MerkleError> for ReadError {
    fn from(error: MerkleError) -> Self {
        Self(error.into())
    }
}

fn read_tile(path: &Path) -> io::Result<Vec<u8>> {
    let mut tile = Vec::with_capacity(TILE_LEN);
    File::open(path)?
        .take(TILE_LEN as u64 + 1)
        .read_to_end(&mut tile)?;
    Ok(tile)
}

/// The root of the tree's first `old_size` leaves, and the proof that the signed tree begins with them, which has been
/// verified.
pub(crate) fn prove(
    tree: &dyn TreeSource,
    old_size: u64,
    signed: &Checkpoint,
) -> Result<(Digest, Vec<Digest>), TreeError> {
    let plan = ProofPlan::consistency(old_size, signed.size())?;
    let old_nodes: Vec<NodeId> = complete_subtrees(old_size).collect();
    let mut nodes = old_nodes.clone();
    nodes.extend_from_slice(plan.nodes());
    let mut hashes = tree.hashes(signed.size(), &nodes)?;
    if hashes.len() != nodes.len() {
        let (asked, answered) = (nodes.len(), hashes.len());
        return Err(format!(
            "the tree source was asked for {asked} hashes and answered {answered}"
        )
        .into());
    }
    let mut proof_hashes = hashes.split_off(old_nodes.len()).into_iter();
    let mut old_hashes = hashes.into_iter();
    // Both closures are asked once per node, in order; their numbers have just been compared.
    let missing = || TreeError::from("the tree source answered too few hashes");
    let old_root =
        CompactRange::restore(old_size, |_| old_hashes.next().ok_or_else(missing))?.root();
    let proof = plan.prove(|_| proof_hashes.next().ok_or_else(missing))?;
    verify_consistency(old_size, &old_root, signed.size(), &signed.root(), &proof).map_err(
        |rejected| {
            format!(
                "the log's own tiles do not lead to the root that it signed at size {}: {rejected}; verify the log",
                signed.size()
            )
        },
    )?;
    Ok((old_root, proof))
}
