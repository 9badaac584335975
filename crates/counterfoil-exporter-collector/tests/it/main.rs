//! Integration tests.

mod client;
mod support;
