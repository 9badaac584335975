//! The key that a collector knows a tenant by.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use counterfoil_core::Sensitive;
use ureq::http::HeaderValue;
use zeroize::Zeroizing;

use crate::{Error, ErrorKind};

/// The environment variable that holds the key.
pub const KEY_VARIABLE: &str = "COUNTERFOIL_KEY";

/// Longest key that is read, in bytes.
const MAX_KEY: u64 = 4 << 10;

/// A bearer key. It is wiped from memory at the end, never printed, and sent to the collector only.
#[derive(Clone)]
pub struct Key(Sensitive<Zeroizing<String>>);

impl Key {
    /// Takes a key as text; white space around it is not part of it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when it is empty or holds what a header cannot. The message does not repeat it.
    pub fn new(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let plain = |byte: u8| byte.is_ascii_graphic();
        if text.is_empty() || text.len() as u64 > MAX_KEY || !text.bytes().all(plain) {
            return Err(unusable(
                "it is empty, too long, or holds white space or characters that are not ASCII",
            ));
        }
        Ok(Self(Sensitive::new(Zeroizing::new(text.to_owned()))))
    }

    /// The key in the environment variable [`KEY_VARIABLE`]; `None` when that is not set or empty.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_env() -> Result<Option<Self>, Error> {
        match std::env::var_os(KEY_VARIABLE) {
            None => Ok(None),
            Some(value) if value.is_empty() => Ok(None),
            Some(value) => match value.into_string() {
                Ok(text) => Self::new(&Zeroizing::new(text)).map(Some),
                Err(_) => Err(unusable("COUNTERFOIL_KEY is no UTF-8 text")),
            },
        }
    }

    /// The key that a file holds.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be read, and as [`new`](Self::new).
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let mut text = Zeroizing::new(String::new());
        File::open(path)
            .and_then(|file| file.take(MAX_KEY + 1).read_to_string(&mut text))
            .map_err(|source| {
                let context = format!("{} cannot be read", path.display());
                Error::new(ErrorKind::Io, READ, context).with_source(source)
            })?;
        Self::new(&text)
    }

    /// `Bearer …`, marked so that nothing on its way prints it.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let text = Zeroizing::new(format!("Bearer {}", self.0.expose().as_str()));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// `text` without this key, should the other end echo it.
    pub(crate) fn masked(&self, text: &str) -> String {
        text.replace(self.0.expose().as_str(), counterfoil_core::REDACTED)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.0)
    }
}

const READ: &str = "read the key of a collector";

fn unusable(why: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, READ, why)
}
