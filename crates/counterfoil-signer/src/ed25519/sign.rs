//! A signing key in memory, and where it comes from.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{ErrorKind as IoErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use counterfoil_merkle::note::{KeyId, KeyType, VerifierKey};
use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

use super::key_text;
use crate::{Error, ErrorKind, SignError, Signer};

const READ: &str = "read a signing key";
const WRITE: &str = "write a signing key";
const GENERATE: &str = "generate a signing key";
/// No key line is longer; a file that is something else altogether is not read to its end.
const MAX_FILE_LEN: u64 = 4096;

/// An Ed25519 key in this process's memory, erased when it is dropped and never printed.
///
/// The key comes from a file or an environment variable that holds one line, `PRIVATE+KEY+name+0123abcd+base64`: the form
/// of Go's `note` package, base64 of the byte 0x01 and the 32-byte seed. Keep in mind that whoever is root on the host can
/// read it; a key that must survive that belongs into a signer on another machine.
///
/// ```
/// use counterfoil_signer::{Ed25519Signer, Ed25519Verifier, Signer, Verifier};
/// # fn randomness(seed: &mut [u8]) -> Result<(), std::io::Error> { seed.fill(7); Ok(()) }
/// // In a program `randomness` is `getrandom::fill`.
/// let signer = Ed25519Signer::generate("audit.example.com/leases/1", randomness)?;
/// let key = signer.verifier_key().ok_or("an Ed25519 signer has a key")?.clone();
/// let signature = signer.sign(b"a message")?.ok_or("and signs")?;
/// assert!(Ed25519Verifier::new(key)?.verify(b"a message", &signature));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Ed25519Signer {
    key: VerifierKey,
    secret: SigningKey,
}

impl Ed25519Signer {
    /// A key from its 32-byte seed (RFC 8032's private key). The caller erases its own copy.
    ///
    /// # Errors
    /// When the name is no key name.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, Error> {
        let secret = SigningKey::from_bytes(seed);
        let key = VerifierKey::new(name, KeyType::Ed25519, secret.verifying_key().as_bytes())
            .map_err(|error| {
                Error::new(
                    ErrorKind::InvalidKey,
                    "name a signing key",
                    error.to_string(),
                )
                .because(error)
            })?;
        Ok(Self { key, secret })
    }

    /// A new key; `fill` puts 32 bytes of a cryptographic random generator into its argument (`getrandom::fill` does).
    ///
    /// # Errors
    /// When the name is no key name, or `fill` fails.
    pub fn generate<E>(
        name: &str,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, Error>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut seed = Zeroizing::new([0; 32]);
        fill(&mut *seed).map_err(|error| {
            Error::new(
                ErrorKind::Io,
                GENERATE,
                "the source of randomness failed, and a key must not be made without it",
            )
            .because(error)
        })?;
        Self::from_seed(name, &seed)
    }

    /// Reads a key file, which nobody but its owner may have any access to (mode 0600 or stricter).
    ///
    /// # Errors
    /// When the file is missing, is no regular file, is accessible to others (the message has the `chmod` to run), or does
    /// not hold exactly one key.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let shown = path.display();
        let regular = |metadata: Metadata| {
            if metadata.is_file() {
                return Ok(metadata);
            }
            Err(Error::new(
                ErrorKind::InvalidKey,
                READ,
                format!("{shown} is not a regular file"),
            ))
        };
        // Asked before, because opening a pipe would wait for its writer, and again of the open file, so that it cannot be
        // exchanged in between.
        fs::metadata(path)
            .map_err(|error| io_error(READ, path, error))
            .and_then(regular)?;
        let mut file = File::open(path).map_err(|error| io_error(READ, path, error))?;
        let metadata = file
            .metadata()
            .map_err(|error| io_error(READ, path, error))
            .and_then(regular)?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(Error::new(
                ErrorKind::UnsafePermissions,
                READ,
                format!(
                    "{shown} has mode {mode:04o}, so others than its owner can reach it; run `chmod 600 {shown}`, and \
                     replace the key if somebody may have read it"
                ),
            ));
        }
        if metadata.len() > MAX_FILE_LEN {
            return Err(Error::new(
                ErrorKind::InvalidKey,
                READ,
                format!(
                    "{shown} has {} bytes, and no key is so long",
                    metadata.len()
                ),
            ));
        }
        // Sized beforehand, so that growing leaves no copy of the key behind.
        let mut text = Zeroizing::new(String::with_capacity(MAX_FILE_LEN as usize + 1));
        (&mut file)
            .take(MAX_FILE_LEN)
            .read_to_string(&mut text)
            .map_err(|error| io_error(READ, path, error))?;
        key_text::parse(READ, &format!("the text in {shown}"), &text)
    }

    /// Reads the key from an environment variable. A process's environment can be read by its user and by root for as long
    /// as the process lives; prefer a file.
    ///
    /// # Errors
    /// When the variable is not set or does not hold exactly one key.
    pub fn from_env(variable: &str) -> Result<Self, Error> {
        let text = std::env::var(variable).map(Zeroizing::new).map_err(|_| {
            Error::new(
                ErrorKind::NotFound,
                READ,
                format!("the environment variable {variable} is not set, or is not text"),
            )
        })?;
        key_text::parse(READ, &format!("the environment variable {variable}"), &text)
    }

    /// Writes the key into a new file of mode 0600 and syncs it and its directory; [`from_file`](Self::from_file) reads it
    /// back.
    ///
    /// # Errors
    /// When the file exists (a key is never overwritten) or cannot be written; what was written of it is removed then.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| io_error(WRITE, path, error))?;
        let line = key_text::format(self, self.secret.as_bytes());
        file.write_all(line.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| File::open(directory(path))?.sync_all())
            .map_err(|error| {
                // The error to tell is the first one, whether or not the removal succeeds.
                fs::remove_file(path).ok();
                io_error(WRITE, path, error)
            })
    }

    /// Id of the key.
    pub(super) const fn key_id(&self) -> KeyId {
        self.key.id()
    }
}

impl Signer for Ed25519Signer {
    fn verifier_key(&self) -> Option<&VerifierKey> {
        Some(&self.key)
    }

    fn sign(&self, message: &[u8]) -> Result<Option<Vec<u8>>, SignError> {
        let signature = self
            .secret
            .try_sign(message)
            .map_err(|_| SignError::new())?;
        Ok(Some(signature.to_bytes().to_vec()))
    }
}

/// Shows name and key id only.
impl fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ed25519Signer({}+{})", self.key.name(), self.key.id())
    }
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn io_error(operation: &'static str, path: &Path, error: std::io::Error) -> Error {
    let shown = path.display();
    let (kind, context) = match error.kind() {
        IoErrorKind::NotFound => (
            ErrorKind::NotFound,
            format!("{shown} does not exist; generate a key there first, or correct the path"),
        ),
        IoErrorKind::AlreadyExists => (
            ErrorKind::Duplicate,
            format!("{shown} exists already, and a key is never overwritten; choose another path"),
        ),
        IoErrorKind::InvalidData => (
            ErrorKind::InvalidKey,
            format!("{shown} is not text, so it holds no key"),
        ),
        _ => (
            ErrorKind::Io,
            format!("{shown} cannot be used; check the path and your rights to it"),
        ),
    };
    Error::new(kind, operation, context).because(error)
}
