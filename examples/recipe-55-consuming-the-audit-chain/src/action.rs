//! What is done about a lease that ran out.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

use counterfoil::audit::{AuditRecord, Text};
use serde_json::json;
use tempfile::NamedTempFile;

use crate::Result;

/// Something that is done once for each expired lease.
///
/// A consumer that dies between acting and noting that it did acts again. So the key is part of the contract: whoever gets the same
/// key twice does the thing once. A ticket system, a queue with deduplication or a table with a unique key does that; so does a
/// file that is only ever created.
pub trait Action: Send {
    /// Acts on `record`, durably, unless it did for this `key`: the chain, a slash, and the record's number.
    ///
    /// # Errors
    /// When it was not done. The consumer stops before this record and acts on it next time.
    fn lease_expired(&mut self, key: &str, record: &AuditRecord) -> Result<()>;
}

/// Writes an alert per expired lease into a directory, where something else picks it up.
#[derive(Debug)]
pub struct AlertFiles {
    directory: PathBuf,
}

impl AlertFiles {
    /// Alerts in `directory`, which is made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        fs::create_dir_all(&directory)?;
        Ok(Self { directory })
    }
}

impl Action for AlertFiles {
    fn lease_expired(&mut self, key: &str, record: &AuditRecord) -> Result<()> {
        let said = |text: Option<&Text>| text.and_then(Text::as_str).map(str::to_owned);
        let alert = json!({
            "key": key,
            "lease": record.keys().lease.map(|lease| lease.0.to_string()),
            "node": said(record.keys().node.as_ref()),
            "tenant": said(record.who().tenant.as_ref()),
            "occurred": record.src().time.to_string(),
            "hash": record.hash().to_string(),
        });
        let mut draft = NamedTempFile::new_in(&self.directory)?;
        writeln!(draft, "{alert:#}")?;
        draft.as_file().sync_all()?;
        // A chain id has no `=`, so no two keys share a file.
        let path = self
            .directory
            .join(format!("{}.json", key.replace('/', "=")));
        match draft.persist_noclobber(path) {
            Ok(_) => {}
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => return Err(error.error.into()),
        }
        Ok(File::open(&self.directory)?.sync_all()?)
    }
}
