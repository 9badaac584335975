//! The Signer and Verifier contracts, the null signer and Ed25519
