//! What sealed records alone say about leases: the history of one, and which were held at a moment.
//!
//! A log is verified first, by [`counterfoil_audit::verify`], and then read; what is read has to link to the end that was
//! verified, or nothing is claimed for it. Every statement has a [`Standing`]: how far a trusted head vouches for the records
//! that it rests on. What contradicts itself is listed and not smoothed over, and where records may be missing the answer says
//! from when to when ([`Uncertainty`]).
//!
//! ```
//! use counterfoil_audit::verify::{Verdict, VerifyOptions};
//! use counterfoil_core::LeaseId;
//! use counterfoil_query::replay::history;
//!
//! let dir = tempfile::tempdir()?;
//! let file = dir.path().join("records.jsonl");
//! std::fs::write(&file, "")?;
//! let history = history(&file, LeaseId(7), &VerifyOptions::new())?;
//! assert!(history.steps.is_empty());
//! assert_eq!(history.ground.report.verdict, Verdict::Incomplete);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod contradiction;
mod ground;
mod held;
mod history;
mod lifeline;
mod step;
mod uncertainty;

pub use contradiction::{Conflict, Contradiction};
pub use ground::{Ground, Standing};
pub use held::{Held, HeldLease, Why, held};
pub use history::{History, HistoryStep, MAX_STEPS, history};
pub use lifeline::State;
pub use step::{Change, Place, Step};
pub use uncertainty::{Cause, Uncertainty};

/// Most contradictions and most uncertainties that an answer lists; the others are counted.
pub const MAX_LISTED: usize = 10_000;
