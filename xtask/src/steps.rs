//! The steps that run other programs; `crate::tidy` holds the rules that read files.

pub(crate) mod bench;
pub(crate) mod crash;
pub(crate) mod endure;
pub(crate) mod examples;
pub(crate) mod features;
pub(crate) mod fuzz;
pub(crate) mod gate;
pub(crate) mod loom;
pub(crate) mod names;
mod purity;
pub(crate) mod quick;
pub(crate) mod rust;
pub(crate) mod tamper;
mod wildcard;
