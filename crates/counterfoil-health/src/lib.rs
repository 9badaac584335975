//! Named health checks with deadlines and cached results, and the pages that show them.
//!
//! **What it is.** [`Health`] calls each registered [`Check`] again and again, on a thread of its own, and keeps what it
//! found. [`Health::report`] says how everything stands; [`Health::page`] renders that for probes (`/livez`, `/readyz`),
//! programs (`/health`) and people (`/status`), as a [`Page`] that any HTTP server can send. A check that hangs has timed out,
//! one that panics is unhealthy, and neither keeps an endpoint or another check waiting.
//!
//! **Who should depend on it.** Whoever brings a check of a backend of their own. Services take it through the facade
//! `counterfoil`, which brings checks of the audit log; `counterfoil-tower` and the scrape server mount the pages.
//!
//! **What it will never do.** Listen, call a check because somebody asked for a page, restart anything, or say that something
//! is well which nobody has looked at.
//!
//! ```
//! use std::time::Duration;
//! use counterfoil_health::{Figure, Health, Outcome, Registration, blocking};
//!
//! let queue = blocking(|| Outcome::healthy().with(Figure::new("waiting", 3.0, "{job}")));
//! let health = Health::builder("orders", "1.2.3")
//!     .check(Registration::new("queue", queue).interval(Duration::from_secs(5)))
//!     .start()?;
//!
//! let page = health.page("/livez", None, None).ok_or("there is such a page")?;
//! assert_eq!((page.status, &*page.body), (200, "ok\n"));
//! health.drain();
//! assert!(!health.report().is_ready());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod error;
mod health;
mod outcome;
mod page;
mod recent;
mod registration;
pub mod render;
mod report;
mod routes;
mod slot;
mod status;
mod worker;

pub use check::{Check, blocking, from_fn};
pub use error::{Error, ErrorKind};
pub use health::{Health, HealthBuilder, MAX_CHECKS, ReportReader};
pub use outcome::{Figure, Outcome};
pub use page::Page;
pub use recent::RecentError;
pub use registration::{Registration, Scope};
pub use report::{Cause, CheckReport, Report};
pub use routes::Query;
pub use status::Status;
