//! The command from the outside: arguments in, standard output, standard error and exit code out.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "helpers of tests fail the test that calls them"
)]

mod canary;
mod canonicalise;
mod collect;
mod crash;
mod demo;
mod endure;
mod erasure;
mod faults;
mod gate;
mod http;
mod keys;
mod load;
mod messages;
mod offline;
mod prometheus;
mod python;
mod query;
mod query_remote;
mod refusals;
mod run;
mod siem;
mod state;
mod tamper;
mod tlog;
mod verify;
mod witness;
mod witness_page;
