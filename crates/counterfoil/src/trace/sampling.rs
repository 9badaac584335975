//! Which traces are kept.

mod condition;
mod decided;
mod rules;
mod tail;
mod tokens;

pub use rules::SamplingRules;
pub use tail::{TailCounts, TailLimits, TailSampler};
