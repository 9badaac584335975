//! Tests of the audit chain from outside.

mod encoding;
mod log_append;
mod log_support;
mod mem_files;
mod specification;
mod verification;
