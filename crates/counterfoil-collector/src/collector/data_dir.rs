//! What lies where in the data directory, and that one process has it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use counterfoil::ChainId;

use crate::{Error, ErrorKind, TenantName};

const OPEN: &str = "open the data directory";

/// The data directory, locked.
#[derive(Debug)]
pub(crate) struct DataDir {
    root: PathBuf,
    /// Holds the lock until the process ends or this is dropped.
    _lock: File,
}

impl DataDir {
    /// Creates the directory where there is none, closes it to everybody but its owner (0700), and takes the lock.
    pub(crate) fn open(root: &Path) -> Result<Self, Error> {
        let failed = |error| {
            Error::io(
                OPEN,
                format!(
                    "{} cannot be used; check the path and its owner",
                    root.display()
                ),
                error,
            )
        };
        create_private(root).map_err(failed)?;
        fs::set_permissions(root, Permissions::from_mode(0o700)).map_err(failed)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(root.join("lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                root: root.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(Error::new(
                ErrorKind::Locked,
                OPEN,
                format!(
                    "another collector works in {}; stop it, or give this one another directory",
                    root.display()
                ),
            )),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn catalogue(&self) -> PathBuf {
        self.root.join("catalogue.jsonl")
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.root.join("configuration.json")
    }

    /// The collector's own log.
    pub(crate) fn meta(&self) -> PathBuf {
        self.root.join("meta")
    }

    pub(crate) fn meta_anchor(&self) -> PathBuf {
        self.root.join("meta-anchor.json")
    }

    /// A directory for keys, created where there is none.
    pub(crate) fn keys(&self) -> Result<PathBuf, Error> {
        let keys = self.root.join("keys");
        create_private(&keys).map_err(|error| {
            Error::io(OPEN, format!("{} cannot be created", keys.display()), error)
        })?;
        Ok(keys)
    }
}

/// The directory of a tenant's chain below `root`, which holds the log and its `anchor.json`.
pub(crate) fn chain_dir(root: &Path, tenant: &TenantName, chain: &ChainId) -> PathBuf {
    below(root, tenant, "chains", chain)
}

/// Lines of the chain that were refused.
pub(crate) fn quarantine_dir(root: &Path, tenant: &TenantName, chain: &ChainId) -> PathBuf {
    below(root, tenant, "quarantine", chain)
}

/// Lines that contradict the chain, each with the record that they contradict.
pub(crate) fn evidence_dir(root: &Path, tenant: &TenantName, chain: &ChainId) -> PathBuf {
    below(root, tenant, "evidence", chain)
}

/// A chain id has no `=`, no part that could climb and no upper case, so this is a file name, and one chain's alone.
fn below(root: &Path, tenant: &TenantName, what: &str, chain: &ChainId) -> PathBuf {
    root.join("tenants")
        .join(tenant.as_str())
        .join(what)
        .join(chain.as_str().replace('/', "="))
}

/// Creates a directory with those above it, for the owner of the process alone.
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}
