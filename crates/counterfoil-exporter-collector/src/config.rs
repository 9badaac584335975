//! Where a collector is, and how it is asked.

use std::path::Path;
use std::time::Duration;

use counterfoil_core::Sensitive;
use zeroize::Zeroizing;

use crate::{Error, ErrorKind};

/// The environment variable that holds a tenant's key.
pub const KEY_VARIABLE: &str = "COUNTERFOIL_KEY";

/// The environment variable that holds a collector's address.
pub const URL_VARIABLE: &str = "COUNTERFOIL_COLLECTOR_URL";

const CONFIGURE: &str = "configure the way to a collector";

/// Longest key that is read, in bytes.
const MAX_KEY: u64 = 4096;

/// Where a collector is, and how it is asked. Shown without its key.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    pub(crate) base: String,
    pub(crate) key: Option<Sensitive<Zeroizing<String>>>,
    pub(crate) timeout: Duration,
    pub(crate) gzip: bool,
    pub(crate) ca_certificate: Option<Vec<u8>>,
}

impl ClientConfig {
    /// A collector at `url`, such as `http://127.0.0.1:9466`; no key, 30 seconds for an answer, compressed.
    ///
    /// # Errors
    /// [`InvalidConfig`](ErrorKind::InvalidConfig) when it is no such address, or one at `https` and the feature `tls` is not there.
    pub fn new(url: &str) -> Result<Self, Error> {
        let invalid = |why: String| Error::new(ErrorKind::InvalidConfig, CONFIGURE, why);
        let form = "an address looks like http://127.0.0.1:9466";
        let uri: ureq::http::Uri = url
            .parse()
            .map_err(|_| invalid(format!("the address of the collector is none; {form}")))?;
        // A name and a password in an address would be shown with it.
        let plain = uri.host().is_some()
            && uri.query().is_none()
            && uri
                .authority()
                .is_some_and(|authority| !authority.as_str().contains('@'));
        match uri.scheme_str() {
            Some("http") if plain => {}
            Some("https") if plain && cfg!(feature = "tls") => {}
            Some("https") if plain => {
                return Err(invalid(
                    "its address is at https; build with the feature `tls` of counterfoil-exporter-collector".to_owned(),
                ));
            }
            _ => {
                return Err(invalid(format!(
                    "its address is not one of http or https without user and query; {form}"
                )));
            }
        }
        Ok(Self {
            base: url.trim_end_matches('/').to_owned(),
            key: None,
            timeout: Duration::from_secs(30),
            gzip: true,
            ca_certificate: None,
        })
    }

    /// The collector that the environment names: [`URL_VARIABLE`], and [`KEY_VARIABLE`] if it is set. `None` when it names none.
    ///
    /// # Errors
    /// As [`new`](Self::new) and [`key`](Self::key).
    pub fn from_env() -> Result<Option<Self>, Error> {
        let Some(url) = variable(URL_VARIABLE)? else {
            return Ok(None);
        };
        let config = Self::new(&url)?;
        match variable(KEY_VARIABLE)? {
            Some(key) => config.key(&key).map(Some),
            None => Ok(Some(config)),
        }
    }

    /// Adds the tenant's key. Space around it is no part of it.
    ///
    /// # Errors
    /// [`InvalidConfig`](ErrorKind::InvalidConfig) when it is empty, or cannot stand in a header.
    pub fn key(mut self, key: &str) -> Result<Self, Error> {
        let key = key.trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let why = "the key is empty or has characters that no key has; copy it again";
            return Err(Error::new(ErrorKind::InvalidConfig, CONFIGURE, why));
        }
        self.key = Some(Sensitive::new(Zeroizing::new(key.to_owned())));
        Ok(self)
    }

    /// Adds the tenant's key that stands in the file at `path`.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) when it cannot be read; as [`key`](Self::key).
    pub fn key_file(self, path: &Path) -> Result<Self, Error> {
        use std::io::Read as _;
        let failed = |source| {
            let why = format!(
                "the file of the key, {}, cannot be read; look at its path and rights",
                path.display()
            );
            Error::new(ErrorKind::Io, CONFIGURE, why).with_source(source)
        };
        let mut text = Zeroizing::new(String::with_capacity(MAX_KEY as usize));
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(MAX_KEY)
            .read_to_string(&mut text)
            .map_err(failed)?;
        self.key(&text)
    }

    /// How long one request may take, its body included.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Whether uploads are compressed with gzip.
    #[must_use]
    pub const fn gzip(mut self, gzip: bool) -> Self {
        self.gzip = gzip;
        self
    }

    /// The certificate of the authority that a collector at `https` is trusted by, in PEM, instead of the public ones.
    #[must_use]
    pub fn ca_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_certificate = Some(pem.into());
        self
    }

    /// The address, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.base
    }
}

fn variable(name: &str) -> Result<Option<Zeroizing<String>>, Error> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(Zeroizing::new(value))),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::new(
            ErrorKind::InvalidConfig,
            CONFIGURE,
            format!("{name} is not UTF-8; set it again"),
        )),
    }
}
