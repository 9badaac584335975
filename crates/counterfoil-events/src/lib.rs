//! A bounded, lossy, never-blocking ring of typed events

mod buffer;
mod error;
mod filter;
mod pool;
mod ring;
mod snapshot;
mod sync;
mod writer;

pub use buffer::{EventRingBuffer, EventRingBufferBuilder};
pub use error::{Error, ErrorKind};
pub use filter::Filter;
pub use snapshot::Snapshot;
pub use writer::RingWriter;
