//! Taking records from log directories on this machine: the collector reads what a producer writes, and the producer needs to know of
//! nothing.
//!
//! Each directory has a thread of its own and goes the way of every upload: the same verification, the same limits on what is in flight, and
//! no cursor but the chain's own head. A line is offered when it is durable in the directory, because one that a power failure
//! takes back from its producer must not stay here.

mod receiver;
mod source;
mod status;

pub use receiver::TailReceiver;
pub use source::TailSource;
pub use status::{TailState, TailStatus};
