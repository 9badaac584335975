//! Which directories are followed, and whose they are.

use std::path::PathBuf;

use counterfoil::ChainId;
use counterfoil::signer::VerifierKey;
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, TenantName};

/// A log directory to follow: a table `[[tail]]` of the configuration.
///
/// ```toml
/// [[tail]]
/// directory = "/var/lib/leases/audit"
/// tenant = "acme"
/// chain = "audit.example.com/leases/1"
/// verifier_key = "audit.example.com/leases/1+1a2b3c4d+AS..."
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TailSource {
    /// The log's directory, which may come into being later. The collector has to be allowed to read it.
    pub directory: PathBuf,
    /// The tenant that the chain belongs to.
    pub tenant: String,
    /// The chain that has to be in there; whichever is unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// The C2SP verifier key of the log; unset for a chain that is not signed. It is named after the chain, so that the next incarnation
    /// needs another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier_key: Option<String>,
}

/// The same, once it is known to be of the form that it should.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) directory: PathBuf,
    pub(super) tenant: TenantName,
    pub(super) chain: Option<ChainId>,
    pub(super) key: Option<VerifierKey>,
}

impl TailSource {
    /// The directory of an unsigned log of `tenant`, whichever chain it holds.
    pub fn new(directory: impl Into<PathBuf>, tenant: impl Into<String>) -> Self {
        Self {
            directory: directory.into(),
            tenant: tenant.into(),
            chain: None,
            verifier_key: None,
        }
    }

    /// Requires this chain.
    #[must_use]
    pub fn chain(mut self, chain: impl Into<String>) -> Self {
        self.chain = Some(chain.into());
        self
    }

    /// The key that the log's checkpoints are signed with.
    #[must_use]
    pub fn verifier_key(mut self, key: impl Into<String>) -> Self {
        self.verifier_key = Some(key.into());
        self
    }

    /// Whether tenant, chain and key are of the form that they should be. The directory is not looked at.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] names the directory and what is wrong.
    pub fn check(&self) -> Result<(), Error> {
        self.checked().map(|_| ())
    }

    pub(super) fn checked(&self) -> Result<Checked, Error> {
        let wrong = |what: &str, source: Box<dyn std::error::Error + Send + Sync>| {
            let context = format!("{what} of {} cannot be used", self.directory.display());
            Error::new(ErrorKind::InvalidConfig, "follow a log directory", context)
                .with_source(source)
        };
        let chain = self.chain.as_deref().map(ChainId::new).transpose();
        let key = self.verifier_key.as_deref().map(str::parse).transpose();
        Ok(Checked {
            directory: self.directory.clone(),
            tenant: self
                .tenant
                .parse()
                .map_err(|error: Error| wrong("the tenant", error.into()))?,
            chain: chain.map_err(|error| wrong("the chain", error.into()))?,
            key: key.map_err(|error: counterfoil_merkle::Error| {
                wrong("the verifier key", error.into())
            })?,
        })
    }
}
