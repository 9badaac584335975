//! Tests of the audit chain from outside.

mod encoding;
mod log_append;
mod log_crash;
mod log_faults;
mod log_recovery;
mod log_support;
mod mem_files;
mod specification;
mod verification;
