//! Recipe 15, from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

#[cfg(feature = "file-anchor")]
mod file_anchor;
mod layers;
#[cfg(feature = "ed25519")]
mod signed;
mod story;
