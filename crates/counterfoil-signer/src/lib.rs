//! Who vouches for a chain: the [`Signer`] and [`Verifier`] contracts, the [`Keyring`] of trusted keys, and Ed25519.
//!
//! **What it is.** A signer holds one private key, or says that there is none ([`NullSigner`]). What it signs are the
//! checkpoints of an audit chain ([`sign_checkpoint`]) and, where a log asks for it, single records ([`sign_record`]). With
//! the feature `ed25519` the crate brings `Ed25519Signer`, `Ed25519Verifier`, for the cosignatures of witnesses
//! `CosignatureVerifier`, and `EpochKeyDir`, which keeps the keys of epochs ([`EpochKeys`]) until they are destroyed.
//!
//! **Who should depend on it.** Whoever runs an audit log, verifies one, or writes a signer for a key service or a hardware
//! module.
//!
//! **What it will never do.** Print or log a private key, read a key file that others can read, or accept a key or a
//! signature that another strict verifier would refuse.
//!
//! **What it leaves to others.** That one key has one role. The role is in the key's name (audit specification §6): the log
//! key is named by the chain's id, a record key by the id and `/record`, an epoch key by the id, `/epoch/` and its number. `counterfoil-audit` demands these names and refuses
//! to open a log whose two signers have the same public key; a [`Keyring`] verifies with every key that it was given.
//!
//! ```
//! use counterfoil_merkle::{CompactRange, checkpoint::Checkpoint};
//! use counterfoil_signer::{NullSigner, sign_checkpoint};
//!
//! let tree = CompactRange::new();
//! let checkpoint = Checkpoint::new("audit.example.com/leases/1", tree.size(), tree.root())?;
//! // The null signer signs nothing and says so: there is no note.
//! assert!(sign_checkpoint(&NullSigner, &checkpoint)?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "ed25519")]
mod ed25519;
mod epoch_keys;
mod error;
mod keyring;
mod message;
mod signer;

#[cfg(feature = "ed25519")]
pub use ed25519::{CosignatureVerifier, Ed25519Signer, Ed25519Verifier, EpochKeyDir};
pub use epoch_keys::{EpochKeys, epoch_key_name, epoch_message};
pub use error::{Error, ErrorKind, SignError};
pub use keyring::Keyring;
pub use message::{
    RecordSignature, cosign, record_message, sign_checkpoint, sign_note_text, sign_record,
};
pub use signer::{NullSigner, Signer, Verifier};

pub use counterfoil_merkle::note::{Judgement, VerifierKey};
