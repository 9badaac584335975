//! Prometheus text exposition of Counterfoil metrics, and, with the feature `http`, a small server to scrape.
//!
//! **What it is.** [`Renderer`] turns a [`MetricSnapshot`](counterfoil_core::MetricSnapshot) into one of Prometheus's text
//! formats: the classic one (version 0.0.4), or OpenMetrics 1.0 with exemplars and units ([`Format`]). Names are derived from
//! the OpenTelemetry ones (design §8); what does not change between scrapes is formatted once. `ScrapeServer` (feature `http`)
//! answers `GET /metrics` from a thread of its own, in the format that the scraper prefers, and can show beside ours what
//! another library has rendered.
//!
//! **Who should depend on it.** Services that are scraped. A service with an HTTP server of its own needs the renderer only.
//!
//! **What it will never do.** Count anything itself, touch a metric while rendering, listen anywhere but where it was told
//! to, or pull in an async runtime unless the feature `http` asks for one.
//!
//! ```
//! use counterfoil_core::Timestamp;
//! use counterfoil_exporter_prometheus::Renderer;
//! use counterfoil_metrics::{FabricMetrics, Registry};
//!
//! let registry = Registry::new();
//! let metrics = FabricMetrics::new(&registry);
//! let mut renderer = Renderer::new();
//! let text = renderer.render(&registry.snapshot(Timestamp::default()));
//! assert!(text.contains("# TYPE counterfoil_lease_acquired_total counter\n"));
//! assert!(text.contains("counterfoil_lease_acquired_total{resource_type=\"mem\"} 0\n"));
//! # drop(metrics);
//! ```

mod accept;
mod format;
mod neighbour;
mod render;
mod series_text;
mod text;

pub use format::Format;
pub use render::Renderer;

#[cfg(feature = "http")]
mod page;
#[cfg(feature = "http")]
mod server;

#[cfg(feature = "http")]
pub use counterfoil_http::{Bytes, Error, ErrorKind, Host, Method, Request, Response};
#[cfg(feature = "http")]
pub use server::{Builder, DEFAULT_ADDRESS, Reply, ScrapeServer};
