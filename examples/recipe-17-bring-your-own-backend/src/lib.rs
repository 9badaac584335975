//! Recipe 17: bring your own backend.
//!
//! **What it is.** An anchor store and an exporter that live outside of Counterfoil's crates: [`JournalAnchorStore`] keeps the heads
//! of logs in a file that only grows, [`SyslogExporter`] speaks RFC 5424. [`backends`] wires them in, and the suites of
//! `counterfoil-testkit` say whether they keep their contracts.
//!
//! **Who should depend on it.** Nobody: copy what you need. Each file stands alone.
//!
//! ```
//! use cookbook_recipe_17_bring_your_own_backend::backends;
//!
//! let directory = tempfile::tempdir()?;
//! let anchors = format!("journal:{}", directory.path().join("anchors.jsonl").display());
//! let backends = backends(&anchors, "syslog+unix:/dev/log")?;
//! let error = cookbook_recipe_17_bring_your_own_backend::backends("etcd", "memory").unwrap_err();
//! assert!(error.to_string().contains("journal:PATH"));
//! # drop(backends);
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```

mod backends;
mod journal;
pub mod stand_in;
mod syslog;

pub use backends::{Backends, backends};
pub use journal::JournalAnchorStore;
pub use syslog::{Daemon, Origin, SyslogExporter};

/// Anything that goes wrong in a recipe is told to whoever runs it.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
