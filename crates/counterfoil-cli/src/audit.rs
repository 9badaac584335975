//! `counterfoil audit`: reading a log.

pub(crate) mod canonicalise;
pub(crate) mod check;
pub(crate) mod erase;
pub(crate) mod export;
mod filter;
pub(crate) mod index;
pub(crate) mod prove;
pub(crate) mod prune;
pub(crate) mod query;
mod reading;
pub(crate) mod rehearse;
pub(crate) mod replay;
pub(crate) mod reveal;
pub(crate) mod serve;
pub(crate) mod writer;

pub(crate) use canonicalise::CanonicaliseArgs;
pub(crate) use check::CheckArgs;
pub(crate) use erase::EraseArgs;
pub(crate) use export::ExportArgs;
pub(crate) use index::IndexArgs;
pub(crate) use prove::ProveArgs;
pub(crate) use prune::PruneArgs;
pub(crate) use query::QueryArgs;
pub(crate) use rehearse::RehearseArgs;
pub(crate) use replay::ReplayArgs;
pub(crate) use reveal::RevealArgs;
pub(crate) use serve::ServeArgs;
