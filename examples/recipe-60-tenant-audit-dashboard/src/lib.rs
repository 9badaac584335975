//! Recipe 60: the tenant's audit dashboard.
//!
//! **What it is.** What one tenant may see of the records about it: [`look`] reads a log, keeps the records of that tenant and proves
//! each of them against the anchored head, [`json`] and [`page`] write that for programs and for people. The page is one file of
//! HTML without a script, under a policy that would let none run.
//!
//! **Who should depend on it.** Nobody: copy what you need.
//!
//! ```
//! use cookbook_recipe_60_tenant_audit_dashboard::{Proof, Question, demo, look, page};
//!
//! let directory = tempfile::tempdir()?;
//! let running = demo::start(directory.path())?;
//! let view = look(&Question::new(running.log(), running.keys(), "acme"))?;
//! assert!(view.rows.iter().any(|row| matches!(row.proof, Proof::Covered { .. })));
//! assert!(!page(&view).contains("globex"));
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```

pub mod demo;
mod json;
mod page;
mod safe;
mod view;

pub use json::json;
pub use page::page;
pub use view::{Proof, Question, Row, View, look};

/// Anything that goes wrong in a recipe is told to whoever runs it.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
