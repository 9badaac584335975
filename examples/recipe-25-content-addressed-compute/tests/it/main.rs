//! The tests of the server, as one binary.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do; figures of the load are printed, not asserted"
)]

mod bench;
mod bounds;
mod calls;
mod determinism;
mod end_to_end;
mod materialize;
mod process;
mod stop;
