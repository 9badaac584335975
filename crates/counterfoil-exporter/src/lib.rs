//! The contract between Counterfoil and the places that telemetry is sent to.
//!
//! **What it is.** The trait [`Exporter`] with the [`Batch`]es that it takes, wrappers that add what a good exporter
//! should not have to ([`Retry`], [`Limit`], [`FanOut`], [`Redacting`]), and two exporters that need no network:
//! [`JsonLinesExporter`], to standard output or to files that [rotate](RotatingFile), and, for tests, [`MemoryExporter`].
//!
//! **Who should depend on it.** Whoever sends metrics, events or sealed lines somewhere of their own. It pulls in
//! `counterfoil-core` and nothing else: no async runtime, no HTTP, no serialization framework.
//!
//! **What it will never do.** Decide what is exported and when (the engines and the node do), change a sealed line, or drop
//! something without counting it.
//!
//! # Building an exporter
//!
//! Say that a team sends its events to a chat room. One call is one attempt; whatever goes wrong is told apart by whether
//! another attempt makes sense.
//!
//! ```
//! use std::time::Instant;
//! use counterfoil_exporter::{Batch, Error, ErrorKind, Exporter, Signals};
//!
//! # #[derive(Debug, Default)]
//! # struct Room(std::sync::Mutex<Vec<String>>);
//! # impl Room {
//! #     fn say(&self, text: &str) -> Result<(), std::io::Error> {
//! #         self.0.lock().unwrap().push(text.to_owned());
//! #         Ok(())
//! #     }
//! # }
//! /// Says in a room what happened.
//! #[derive(Debug)]
//! struct ChatExporter {
//!     room: Room, // a client with a timeout of its own
//! }
//!
//! impl Exporter for ChatExporter {
//!     fn signals(&self) -> Signals {
//!         Signals::EVENTS
//!     }
//!
//!     fn export(&self, batch: Batch) -> Result<(), Error> {
//!         let Batch::Events(events) = batch else {
//!             let context = "a chat room takes events only";
//!             return Err(Error::new(ErrorKind::Unsupported, "post to the room", context));
//!         };
//!         for event in events.iter() {
//!             self.room.say(event.event.kind_name()).map_err(|source| {
//!                 let context = "the room cannot be reached; look at its address";
//!                 Error::new(ErrorKind::Unavailable, "post to the room", context).with_source(source)
//!             })?;
//!         }
//!         Ok(())
//!     }
//!
//!     fn flush(&self, _deadline: Instant) -> Result<(), Error> {
//!         Ok(()) // nothing is held back
//!     }
//! }
//!
//! // Attempts, a bounded queue and isolation are wrapped around it, innermost first.
//! use counterfoil_exporter::{FanOut, JsonLinesExporter, Limit, Retry, RetryPolicy};
//! # use counterfoil_core::{Context, Event, FabricEvent, Name, Timestamp, WorkloadIdentity};
//!
//! let chat = ChatExporter { room: Room::default() };
//! let chat = Limit::new(Retry::new(chat, RetryPolicy::new().attempts(3)), 1_000)?;
//! let exporter = FanOut::new().and(chat).and(JsonLinesExporter::new(std::io::sink()));
//! # let event = Event {
//! #     time: Timestamp::from_unix_seconds(1_700_000_000),
//! #     context: Context::new(WorkloadIdentity::tenant_only("acme")),
//! #     event: FabricEvent::Reconnected { node: Name::new("node-a") },
//! # };
//! exporter.export(Batch::from(vec![event]))?;
//! exporter.flush(Instant::now() + std::time::Duration::from_secs(5))?;
//! # Ok::<(), Error>(())
//! ```
//!
//! Before it is published, run `counterfoil_testkit::exporter::conformance` and `failing` on it.

mod batch;
mod error;
mod exporter;
mod fan_out;
mod json_lines;
mod limit;
mod memory;
mod redacting;
mod retry;
mod rotating_file;

pub use batch::{Batch, Signals};
pub use error::{Error, ErrorKind};
pub use exporter::Exporter;
pub use fan_out::FanOut;
pub use json_lines::JsonLinesExporter;
pub use limit::{Limit, LimitCounts};
pub use memory::MemoryExporter;
pub use redacting::Redacting;
pub use retry::{Pacer, Retry, RetryPolicy, ThreadPacer};
pub use rotating_file::{RotatingFile, Rotation};
