//! The integration tests of `counterfoil-signer`, as one binary.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

#[cfg(feature = "ed25519")]
mod ed25519;
#[cfg(feature = "ed25519")]
mod epoch_keys;
#[cfg(feature = "ed25519")]
mod key_files;
mod keyring;
#[cfg(feature = "ed25519")]
mod known_answers;
mod null_signer;
#[cfg(feature = "ed25519")]
mod vectors;
#[cfg(feature = "ed25519")]
mod witnesses;
