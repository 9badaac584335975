//! Ed25519 (RFC 8032): signature type 0x01 of C2SP notes, and 0x04, the cosignatures of witnesses.

mod cosignature;
mod epoch_key_dir;
mod key_text;
mod sign;
mod verify;

pub use cosignature::CosignatureVerifier;
pub use epoch_key_dir::EpochKeyDir;
pub use sign::Ed25519Signer;
pub use verify::Ed25519Verifier;
