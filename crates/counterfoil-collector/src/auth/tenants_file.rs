//! The file of tenants: which keys and certificates there are, whose they are, and what they may do.
//!
//! ```toml
//! [[key]]
//! id = "6f0c1d2e3a4b5c6d"
//! tenant = "acme"
//! scopes = ["ingest"]
//! hash = "…"                            # HMAC-SHA256 under the server key; `counterfoil tenant key` writes it
//! not_after = "2027-03-01T00:00:00Z"    # optional, as is not_before
//! note = "lease manager, rack 4"        # optional
//!
//! [[certificate]]
//! tenant = "acme"
//! scopes = ["ingest", "verify"]
//! dns = "leases.acme.example"           # a name that the certificate is issued for, or
//! # sha256 = "…"                        # the SHA-256 of the certificate in DER
//! ```
//!
//! A tenant has as many keys as it likes, so a new one is in force before the old one ends. An entry that is removed is revoked.

use std::collections::HashSet;
use std::fmt;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::str::FromStr;

use atomic_write_file::AtomicWriteFile;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::key::{ApiKey, KeyHash, ServerKey, unhex};
use crate::{Error, ErrorKind, Scope, Scopes, TenantName, toml_file};

/// The largest file that is read.
const MAX_BYTES: u64 = 16 << 20;
const MAX_NOTE: usize = 200;

/// The entries of the file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TenantsFile {
    /// The keys, in the order of the file.
    #[serde(default, rename = "key")]
    pub keys: Vec<KeyEntry>,
    #[serde(default, rename = "certificate")]
    pub(super) certificates: Vec<CertificateEntry>,
}

/// A key of a tenant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct KeyEntry {
    /// The public part of the key.
    #[serde(deserialize_with = "id")]
    pub id: String,
    /// Whose it is.
    #[serde(deserialize_with = "parsed")]
    pub tenant: TenantName,
    /// What it may be used for.
    #[serde(deserialize_with = "scopes")]
    pub scopes: Scopes,
    /// What is kept of the key.
    #[serde(deserialize_with = "hash")]
    pub hash: KeyHash,
    /// The moment it begins to be valid.
    #[serde(default, deserialize_with = "moment")]
    pub not_before: Option<jiff::Timestamp>,
    /// The moment it is valid no more.
    #[serde(default, deserialize_with = "moment")]
    pub not_after: Option<jiff::Timestamp>,
    /// What it is for, in the operator's words: at most 200 bytes.
    #[serde(default, deserialize_with = "note")]
    pub note: Option<String>,
}

/// A certificate of a tenant, by exactly one of its two names.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CertificateEntry {
    #[serde(deserialize_with = "parsed")]
    pub(super) tenant: TenantName,
    #[serde(deserialize_with = "scopes")]
    pub(super) scopes: Scopes,
    pub(super) dns: Option<String>,
    pub(super) sha256: Option<String>,
    #[serde(default, deserialize_with = "moment")]
    pub(super) not_after: Option<jiff::Timestamp>,
}

impl KeyEntry {
    /// The entry of `key`, valid at once and for ever.
    #[must_use]
    pub fn new(key: &ApiKey, server: &ServerKey, tenant: TenantName, scopes: Scopes) -> Self {
        Self {
            id: key.id().to_owned(),
            tenant,
            scopes,
            hash: server.hash(key),
            not_before: None,
            not_after: None,
            note: None,
        }
    }

    /// As it stands in the file.
    fn to_toml(&self) -> String {
        let scopes: Vec<String> = self.scopes.each().map(|it| quoted(it.name())).collect();
        let mut text = format!(
            "\n[[key]]\nid = {}\ntenant = {}\nscopes = [{}]\nhash = {}\n",
            quoted(&self.id),
            quoted(self.tenant.as_str()),
            scopes.join(", "),
            quoted(&self.hash.to_hex()),
        );
        let moments = [
            ("not_before", self.not_before),
            ("not_after", self.not_after),
        ];
        for (name, moment) in moments {
            if let Some(moment) = moment {
                // Writing to a string does not fail.
                let _written = writeln!(text, "{name} = {}", quoted(&moment.to_string()));
            }
        }
        if let Some(note) = &self.note {
            let _written = writeln!(text, "note = {}", quoted(note));
        }
        text
    }
}

impl TenantsFile {
    /// Reads the file.
    ///
    /// # Errors
    /// [`ErrorKind::Credential`] when it cannot be read or is not of its form, and where.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text =
            toml_file::text_of(path, MAX_BYTES).map_err(|source| unreadable(path, source))?;
        Self::parse(&text, path)
    }

    /// Adds an entry at the end of the file, which is made if it is not there; what stands in it, comments too, stays as it is.
    /// The file is replaced in one step, and nobody else adds to it meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::Credential`] when the file cannot be read or written, or would not be of its form with the entry.
    pub fn add(path: &Path, entry: &KeyEntry, server_key: &Path) -> Result<(), Error> {
        let unwritable = |source: io::Error| {
            let context = format!("{} cannot be written", path.display());
            Error::new(ErrorKind::Credential, "add to the tenants", context).with_source(source)
        };
        // The tenants file itself is replaced, so a lock on it would be on a file that is gone.
        let lock = File::open(server_key).map_err(unwritable)?;
        lock.lock().map_err(unwritable)?;
        let mut text = match toml_file::text_of(path, MAX_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(unreadable(path, error)),
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&entry.to_toml());
        Self::parse(&text, path)?;
        let write = || {
            let mut file = AtomicWriteFile::open(path)?;
            file.write_all(text.as_bytes())?;
            file.commit()
        };
        write().map_err(unwritable)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let refuse = |why: String| {
            let context = format!("{}, {why}", path.display());
            Error::new(ErrorKind::Credential, "read the tenants", context)
        };
        let file: Self =
            toml::from_str(text).map_err(|error| refuse(toml_file::in_one_line(text, &error)))?;
        let mut ids = HashSet::new();
        if let Some(twice) = file.keys.iter().find(|key| !ids.insert(&key.id)) {
            return Err(refuse(format!("the key {} is there twice", twice.id)));
        }
        for certificate in &file.certificates {
            certificate.check().map_err(refuse)?;
        }
        Ok(file)
    }
}

impl CertificateEntry {
    fn check(&self) -> Result<(), String> {
        let tenant = &self.tenant;
        match (&self.dns, &self.sha256) {
            (Some(_), None) => Ok(()),
            (None, Some(sha256)) => unhex::<32>(sha256).map(|_| ()).ok_or_else(|| {
                format!(
                    "a certificate of {tenant}: sha256 takes 64 hexadecimal digits in lower case"
                )
            }),
            _ => Err(format!(
                "a certificate of {tenant} has to be named by one of dns and sha256"
            )),
        }
    }
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    let context = format!("{} cannot be read", path.display());
    Error::new(ErrorKind::Credential, "read the tenants", context).with_source(source)
}

/// A string as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn parsed<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(D::Error::custom)
}

fn scopes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scopes, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    if names.is_empty() {
        return Err(D::Error::custom(
            "a credential without scopes may do nothing",
        ));
    }
    let scopes: Result<Scopes, _> = names.iter().map(|name| name.parse::<Scope>()).collect();
    scopes.map_err(D::Error::custom)
}

fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match unhex::<8>(&text) {
        Some(_) => Ok(text),
        None => Err(D::Error::custom(
            "an id has 16 hexadecimal digits in lower case",
        )),
    }
}

fn hash<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KeyHash, D::Error> {
    let text = String::deserialize(deserializer)?;
    KeyHash::from_hex(&text)
        .ok_or_else(|| D::Error::custom("a hash has 64 hexadecimal digits in lower case"))
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<jiff::Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let moment = text.map(|text| text.parse()).transpose();
    moment.map_err(|_| D::Error::custom("not a moment such as \"2027-03-01T00:00:00Z\""))
}

fn note<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if text.len() > MAX_NOTE => Err(D::Error::custom(format!(
            "a note has at most {MAX_NOTE} bytes"
        ))),
        note => Ok(note),
    }
}
