//! The stack's files are what they should be, and what checks them finds what is wrong.

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do, and say what they wait for"
)]

mod checks;
mod compose;
mod lint;
mod promql;
mod rules;
mod scrape;
