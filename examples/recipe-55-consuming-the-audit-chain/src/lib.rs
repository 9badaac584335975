//! Recipe 55: consuming the audit chain.
//!
//! **What it is.** A downstream consumer that believes nobody: [`CollectorFeed`] fetches what a collector has, [`Consumer`] verifies
//! every line and every checkpoint itself, keeps its own durable copy of the chain, and hands each expired lease to an
//! [`Action`] under a key that is the same for ever, so that it takes effect once.
//!
//! **Who should depend on it.** Nobody: copy what you need.
//!
//! ```no_run
//! use cookbook_recipe_55_consuming_the_audit_chain::{AlertFiles, CollectorFeed, Consumer, trusting};
//! use std::path::Path;
//! use std::time::Duration;
//!
//! let chain = "audit.example.com/leases/1".parse()?;
//! let feed = CollectorFeed::new("http://127.0.0.1:9468", &chain, std::env::var("COUNTERFOIL_KEY").ok().as_deref())?;
//! let keys = trusting("audit.example.com/leases/1+8f1557f5+AaeXdNNRFbC7SIqD9pLIWWRxlRUp7Ga2Fb7jFJGSXcwE")?;
//! let mut consumer = Consumer::open(Path::new("consumer"), chain, keys, AlertFiles::new("alerts")?)?;
//! consumer.follow(&feed, Duration::from_secs(25), || true)?;
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```

mod action;
mod consumer;
mod feed;
mod position;
pub mod stand_in;
mod stop;

pub use action::{Action, AlertFiles};
pub use consumer::{Consumer, Taken, trusting};
pub use feed::{CollectorFeed, Feed};
pub use stop::Stop;

/// Anything that goes wrong in a recipe is told to whoever runs it.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
