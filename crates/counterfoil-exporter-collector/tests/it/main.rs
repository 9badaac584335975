//! Integration tests.

mod client;
mod conformance;
mod shipper;
mod support;
