//! Epoch keys as files in a directory.

use std::error::Error as StdError;
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind as IoErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil_core::ChainId;

use super::Ed25519Signer;
use crate::{EpochKeys, Error, ErrorKind, Signer, epoch_key_name};

const OPEN: &str = "open the directory of epoch keys";
const LIST: &str = "list epoch keys";
const LOAD: &str = "read an epoch key";
const DESTROY: &str = "destroy an epoch key";
const SUFFIX: &str = ".key";

type Fill = dyn Fn(&mut [u8]) -> Result<(), Box<dyn StdError + Send + Sync>> + Send + Sync;

/// Keeps epoch keys in a directory of mode 0700, one file of mode 0600 each, in the form that
/// [`Ed25519Signer::from_file`] reads.
///
/// A key is destroyed by overwriting its file with zeros, syncing it, removing it, and syncing the directory. That reaches what
/// the file system calls the file. A copy-on-write file system, the spare blocks of a flash drive, a snapshot or a backup may
/// keep older blocks: keep the directory off snapshots and backups, and on an encrypted volume where that matters.
///
/// Several logs may share a directory: the files are named by chain and epoch.
///
/// ```
/// use counterfoil_signer::{EpochKeyDir, EpochKeys};
/// # let directory = tempfile::tempdir()?;
/// # fn randomness(seed: &mut [u8]) -> Result<(), std::io::Error> { seed.fill(7); Ok(()) }
/// // In a program `randomness` is `getrandom::fill`.
/// let keys = EpochKeyDir::open(directory.path().join("epochs"), randomness)?;
/// let chain = "audit.example.com/leases/1".parse()?;
/// keys.create(&chain, 1)?;
/// assert_eq!(keys.list(&chain)?, [1]);
/// keys.destroy(&chain, 1)?;
/// assert!(keys.load(&chain, 1).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EpochKeyDir {
    path: PathBuf,
    fill: Box<Fill>,
}

impl EpochKeyDir {
    /// Opens the directory, creating it with mode 0700 where there is none; those above it must exist. `fill` puts bytes of a
    /// cryptographic random generator into its argument (`getrandom::fill` does).
    ///
    /// # Errors
    /// When it cannot be created, is no directory, or is accessible to others than its owner (the message has the `chmod` to
    /// run).
    pub fn open<E>(
        path: impl Into<PathBuf>,
        fill: impl Fn(&mut [u8]) -> Result<(), E> + Send + Sync + 'static,
    ) -> Result<Self, Error>
    where
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let path = path.into();
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => sync_directory(parent(&path)).map_err(|error| failed(OPEN, &path, error))?,
            Err(error) if error.kind() == IoErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(OPEN, &path, error)),
        }
        require_private(&path)?;
        Ok(Self {
            path,
            fill: Box::new(move |bytes| fill(bytes).map_err(Into::into)),
        })
    }

    fn file(&self, chain: &ChainId, epoch: u64) -> PathBuf {
        self.path.join(format!("{}{epoch}{SUFFIX}", prefix(chain)))
    }
}

/// How the files of a chain begin. No chain id has a `~`, so no two chains have the same.
fn prefix(chain: &ChainId) -> String {
    format!("{}~epoch~", chain.as_str().replace('/', "~"))
}

fn require_private(path: &Path) -> Result<(), Error> {
    let metadata = fs::metadata(path).map_err(|error| failed(OPEN, path, error))?;
    let shown = path.display();
    if !metadata.is_dir() {
        return Err(Error::new(
            ErrorKind::InvalidKey,
            OPEN,
            format!("{shown} is no directory"),
        ));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Error::new(
            ErrorKind::UnsafePermissions,
            OPEN,
            format!(
                "{shown} has mode {mode:04o}, so others than its owner can reach it; run `chmod 700 {shown}`"
            ),
        ));
    }
    Ok(())
}

impl EpochKeys for EpochKeyDir {
    fn list(&self, chain: &ChainId) -> Result<Vec<u64>, Error> {
        let prefix = prefix(chain);
        let mut epochs = Vec::new();
        let entries = fs::read_dir(&self.path).map_err(|error| failed(LIST, &self.path, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| failed(LIST, &self.path, error))?;
            let name = entry.file_name();
            let digits = name
                .to_str()
                .and_then(|name| name.strip_prefix(&prefix)?.strip_suffix(SUFFIX));
            let number = digits.and_then(|digits| digits.parse::<u64>().ok());
            // Only what `file` writes.
            epochs.extend(number.filter(|number| digits == Some(number.to_string().as_str())));
        }
        epochs.sort_unstable();
        Ok(epochs)
    }

    fn create(&self, chain: &ChainId, epoch: u64) -> Result<Arc<dyn Signer>, Error> {
        let signer = Ed25519Signer::generate(&epoch_key_name(chain.as_str(), epoch), &self.fill)?;
        signer.save(self.file(chain, epoch))?;
        Ok(Arc::new(signer))
    }

    fn load(&self, chain: &ChainId, epoch: u64) -> Result<Arc<dyn Signer>, Error> {
        let path = self.file(chain, epoch);
        let signer = Ed25519Signer::from_file(&path)?;
        let wanted = epoch_key_name(chain.as_str(), epoch);
        match signer.verifier_key() {
            Some(key) if key.name() == wanted => Ok(Arc::new(signer)),
            _ => Err(Error::new(
                ErrorKind::InvalidKey,
                LOAD,
                format!("{} does not hold a key named {wanted}", path.display()),
            )),
        }
    }

    fn destroy(&self, chain: &ChainId, epoch: u64) -> Result<(), Error> {
        let path = self.file(chain, epoch);
        let overwritten = overwrite(&path);
        if let Err(error) = &overwritten
            && error.kind() == IoErrorKind::NotFound
        {
            // A removal before it may not have reached the disk.
            return sync_directory(&self.path).map_err(|error| failed(DESTROY, &path, error));
        }
        // Removed even where it could not be overwritten: what is left then is in free blocks and not under a name.
        fs::remove_file(&path)
            .and_then(|()| sync_directory(&self.path))
            .and(overwritten)
            .map_err(|error| failed(DESTROY, &path, error))
    }
}

/// Puts zeros in the place of the content, on stable storage.
fn overwrite(path: &Path) -> io::Result<()> {
    // A pipe or a device in its place is removed and not written to.
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut file = OpenOptions::new().write(true).mode(0o600).open(path)?;
    let zeros = [0; 512];
    let mut left = metadata.len();
    while left > 0 {
        let part = usize::try_from(left).map_or(zeros.len(), |left| left.min(zeros.len()));
        file.write_all(&zeros[..part])?;
        left -= part as u64;
    }
    file.sync_all()
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn failed(operation: &'static str, path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        IoErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Io,
    };
    Error::new(
        kind,
        operation,
        format!(
            "{} cannot be used; check the path, the disk and your rights to it",
            path.display()
        ),
    )
    .because(error)
}

/// Shows the path only.
impl fmt::Debug for EpochKeyDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EpochKeyDir")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
