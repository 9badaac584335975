//! Anchors that independent witnesses have cosigned, and a small witness.
//!
//! **What it is.** A log that shows one history to its auditor and another one to its user is found out only if both can ask
//! somebody who saw its heads grow. [`WitnessedAnchorStore`] is an [`AnchorStore`](counterfoil_anchor::AnchorStore) that has
//! each head cosigned by the C2SP witnesses of a policy, and keeps it in another store only when enough of them did.
//! [`Witness`] is the other side: it cosigns the heads of the logs that it follows as long as each continues the one before,
//! so that two teams can watch each other. With the feature `server`, `WitnessService` answers for it over HTTP.
//!
//! **Who should depend on it.** Whoever runs an audit log that somebody else relies on, and whoever embeds a witness. To run
//! one there is `counterfoil witness serve`.
//!
//! **What it will never do.** Count a cosignature that it has not verified, hand out a proof that it has not verified against a
//! signed root, overwrite evidence, sign without having stored, or need an async runtime (the feature `server` brings one).
//!
//! Formats: C2SP [tlog-witness](https://c2sp.org/tlog-witness), [tlog-cosignature](https://c2sp.org/tlog-cosignature) and
//! [tlog-policy](https://c2sp.org/tlog-policy), parsed by `counterfoil-merkle`.
//!
//! ```
//! use std::sync::Arc;
//! use counterfoil_anchor_witness::{FileWitnessStorage, Policy, Witness};
//! use counterfoil_core::{Digest, SystemClock};
//! use counterfoil_merkle::checkpoint::Checkpoint;
//! use counterfoil_merkle::witness::AddCheckpoint;
//! use counterfoil_signer::{Ed25519Signer, Signer, sign_checkpoint};
//!
//! # let directory = tempfile::tempdir()?;
//! let log = Ed25519Signer::from_seed("audit.example.com/leases/1", &[1; 32])?;
//! let vkey = log.verifier_key().ok_or("it has a key")?;
//! let follows = Policy::parse(format!("log {vkey}\nquorum none\n").as_bytes())?;
//!
//! let key = Arc::new(Ed25519Signer::from_seed("witness.example.com", &[2; 32])?);
//! let state = FileWitnessStorage::open(directory.path())?;
//! let witness = Witness::new(key, &follows, state, SystemClock::new())?;
//!
//! let head = |root| Checkpoint::new(vkey.name(), 7, Digest::from_bytes([root; 32]));
//! let ask = |old, root| -> Result<_, Box<dyn std::error::Error>> {
//!     let signed = sign_checkpoint(&log, &head(root)?)?.ok_or("it signs")?;
//!     Ok(AddCheckpoint::new(old, Vec::new(), signed)?.to_text())
//! };
//! let cosignature = witness.add_checkpoint(ask(0, 0xaa)?.as_bytes())?;
//! assert_eq!(cosignature.name(), "witness.example.com");
//!
//! // Another tree of the same size, signed by the same log: refused, and both heads are kept.
//! let refused = witness.add_checkpoint(ask(7, 0xbb)?.as_bytes()).unwrap_err();
//! assert_eq!((refused.status(), refused.evidence().len()), (422, 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builder;
mod error;
mod event;
mod evidence;
mod figures;
mod http;
mod refusal;
#[cfg(feature = "server")]
mod service;
mod storage;
mod store;
mod submission;
mod tree;
mod witness;

pub use builder::Builder;
pub use error::{Error, ErrorKind};
pub use event::{WitnessEvent, WitnessFailure};
pub use evidence::EvidenceDir;
pub use figures::{Figures, FiguresReader, Outcome, WitnessFigures};
pub use refusal::Refusal;
#[cfg(feature = "server")]
pub use service::WitnessService;
pub use storage::{FileWitnessStorage, WitnessStorage};
pub use store::{OnQuorumMissed, WitnessedAnchorStore};
pub use tree::{TileDirectory, TreeError, TreeSource};
pub use witness::Witness;

pub use counterfoil_merkle::policy::Policy;
