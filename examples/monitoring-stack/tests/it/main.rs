//! The stack's files are what they should be, and what checks them finds what is wrong.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod promql;
