//! Ships a log's sealed lines and checkpoints to a collector, with a cursor that survives crashes.
//!
//! **What it is.** What carries an audit log off the host on which it is written, in order, each line once: the [`Shipper`], which
//! follows a log, the [`CollectorExporter`] for lines in hand, and the [`Client`] under both.
//!
//! **Who should depend on it.** Services whose records are kept by a `counterfoil-collector`; the facade wires it into `init`.
//!
//! **What it will never do.** Hold up the service, verify the log, or send a line that is not durable on its own host.

mod address;
mod answer;
mod client;
mod cursor;
mod delivery;
mod error;
mod exporter;
mod feed;
mod key;
mod shipper;
mod status;
mod worker;

pub use address::{check_key_transport, is_loopback};
pub use answer::{Acknowledged, RemoteHead};
pub use client::{Client, ClientBuilder, checkpoint_line};
pub use error::{Error, ErrorKind, Refusal};
pub use exporter::CollectorExporter;
pub use key::{KEY_VARIABLE, Key};
pub use shipper::{ShipOptions, ShipStatusReader, Shipper};
pub use status::{ShipEvent, ShipReport, ShipState, ShipStatus};
