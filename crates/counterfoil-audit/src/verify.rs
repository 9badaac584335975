//! Verifying logs of any size (audit specification §9 to §13).

mod reason;

pub use reason::{Reason, Verdict};
