//! How following a directory stands.

use std::path::PathBuf;

use counterfoil::ChainId;

/// What is being done about a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TailState {
    /// There is no log in it yet.
    Waiting,
    /// Its records are taken as they come.
    Following,
    /// The last attempt failed, and another one follows.
    Retrying,
    /// Its records do not fit the chain that is kept here; nothing more is taken until another incarnation begins in the
    /// directory, or the collector is started again.
    Stuck,
    /// It was stopped.
    Stopped,
}

/// How following a directory stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TailStatus {
    /// The directory.
    pub directory: PathBuf,
    /// The chain in it, once there is one.
    pub chain: Option<ChainId>,
    /// What is being done.
    pub state: TailState,
    /// The last record of it that is durable here; 0 before the first.
    pub acknowledged: u64,
    /// Records that retention removed from the directory before they were taken.
    pub missed: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// What the last one failed with, until one succeeds. It quotes what came from outside; escape it at the sink.
    pub last_error: Option<String>,
}
