//! Ed25519 (RFC 8032), signature type 0x01 of C2SP notes.

mod key_text;
mod sign;
mod verify;

pub use sign::Ed25519Signer;
pub use verify::Ed25519Verifier;
