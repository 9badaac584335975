//! Tests of the audit chain from outside.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod canonicalise;
mod crash_points;
mod differential;
mod encoding;
mod epoch_attacks;
mod held_files;
mod intake;
mod key_support;
mod log_append;
mod log_cosigning;
mod log_crash;
mod log_epochs;
mod log_erasure;
mod log_faults;
mod log_follow;
mod log_recovery;
mod log_retention;
mod log_rotation;
mod log_segments;
mod log_support;
mod log_tail;
mod log_tiles;
mod replica;
mod specification;
mod tamper;
mod tlog;
mod verification;
mod verify_live;
mod verify_policy;
mod verify_state;
mod verify_trust;
