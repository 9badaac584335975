//! Which chains there are, and whose they are.

mod file;

use std::fmt::Debug;
use std::sync::Arc;

use counterfoil::signer::VerifierKey;
use counterfoil::{ChainId, Timestamp};

use crate::{Error, TenantName};

pub use file::FileCatalogue;

/// A chain as it was registered. It never changes: who may extend a chain and whose signatures count is decided once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainEntry {
    /// The chain.
    pub chain: ChainId,
    /// Whose it is.
    pub tenant: TenantName,
    /// The log key that its checkpoints have to be signed with; `None` for a chain that is not signed.
    pub verifier_key: Option<VerifierKey>,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// The public name of the credential that registered it.
    pub credential: String,
}

impl ChainEntry {
    /// An entry of all its parts.
    #[must_use]
    pub fn new(
        chain: ChainId,
        tenant: TenantName,
        verifier_key: Option<VerifierKey>,
        registered_at: Timestamp,
        credential: impl Into<String>,
    ) -> Self {
        Self {
            chain,
            tenant,
            verifier_key,
            registered_at,
            credential: credential.into(),
        }
    }

    /// Whether both bind the chain to the same tenant and key, whenever and by whichever credential they were made.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.chain == other.chain
            && self.tenant == other.tenant
            && self.verifier_key == other.verifier_key
    }
}

/// Keeps the entries of chains for good.
///
/// # Contract
/// - **Durability.** When [`register`](Self::register) answers `Ok`, the entry survives whatever the catalogue promises to
///   survive, and every later [`entries`](Self::entries) has it.
/// - **Once.** The first entry of a chain stays, whoever comes after it, at the same time or later, through this value or another
///   one over the same store: `register` answers with the entry that is kept, and the caller compares.
/// - **Blocking.** It may block; the collector calls it from threads of its own.
/// - **Concurrency.** Any number of calls at the same time.
///
/// # Errors
/// [`Full`](crate::ErrorKind::Full) when there is no room, [`Corrupt`](crate::ErrorKind::Corrupt) when what is stored is no
/// catalogue, [`Io`](crate::ErrorKind::Io) otherwise. After an error the entry is kept or not, and registering it again is right.
///
/// # Conformance
/// `tests/it/catalogue.rs` of this crate holds the suite that an implementation passes.
pub trait Catalogue: Debug + Send + Sync + 'static {
    /// Keeps `entry` unless its chain has one already; answers with the one that is kept.
    ///
    /// # Errors
    /// See the trait.
    fn register(&self, entry: &ChainEntry) -> Result<ChainEntry, Error>;

    /// All entries, in the order in which they were registered. Asked once, when the collector starts.
    ///
    /// # Errors
    /// See the trait.
    fn entries(&self) -> Result<Vec<ChainEntry>, Error>;
}

impl<C: Catalogue + ?Sized> Catalogue for Arc<C> {
    fn register(&self, entry: &ChainEntry) -> Result<ChainEntry, Error> {
        (**self).register(entry)
    }

    fn entries(&self) -> Result<Vec<ChainEntry>, Error> {
        (**self).entries()
    }
}

impl<C: Catalogue + ?Sized> Catalogue for Box<C> {
    fn register(&self, entry: &ChainEntry) -> Result<ChainEntry, Error> {
        (**self).register(entry)
    }

    fn entries(&self) -> Result<Vec<ChainEntry>, Error> {
        (**self).entries()
    }
}
