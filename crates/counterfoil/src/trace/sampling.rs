//! Which traces are kept.

mod condition;
mod decided;
mod rules;
mod tail;
#[cfg(test)]
mod tests;
mod tokens;

pub use rules::SamplingRules;
pub use tail::{TailCounts, TailLimits, TailSampler};
