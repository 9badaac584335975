//! The durable log: per-thread queues, the sealer, group commit, recovery, anchoring.
//!
//! An entry goes caller → lane queue → sealer (order, hash, line) → segment file → committer (sync) → anchoring thread. Callers
//! touch only [`lane`]; each thread behind them owns its part, so there is no lock on the chain.

mod admission;
mod anchoring;
mod audit_log;
mod builder;
mod commit;
mod desk;
mod epochs;
mod erase;
mod figures;
pub(crate) mod files;
mod first_records;
mod follow;
mod found_keys;
mod gate;
mod head_signers;
pub(crate) mod kind_counts;
mod lane;
mod lane_source;
pub(crate) mod leaves;
mod local;
mod marks;
pub(crate) mod opening;
pub(crate) mod openings;
mod options;
mod orders;
mod pruner;
pub(crate) mod pruning;
mod queue;
mod reading;
pub(crate) mod recovery;
mod redaction;
mod rotation;
mod sealer;
pub(crate) mod segment;
mod shared;
mod signing;
mod sync;
mod tail;
mod threads;
mod ticket;
pub(crate) mod tiles;
mod waiters;

pub use audit_log::{AuditLog, CloseReport, LaneWriter};
pub use builder::AuditLogBuilder;
pub use erase::{Erasure, erased_by, reveal};
pub use figures::{Figures, FiguresReader, LogState};
pub use files::{FileSystem, LogFile, StdFiles};
pub use follow::Follow;
pub use lane::Offer;
pub use opening::Opened;
pub use options::{OnConflict, OnFailure, WhenFull};
pub use reading::{LastOpening, last_opening};
pub use tail::{LogTail, Tailed};
pub use ticket::{OwnedTicket, Settled, Ticket};
