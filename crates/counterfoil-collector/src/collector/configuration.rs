//! The settings of the last start, to say what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::Path;

use atomic_write_file::AtomicWriteFile;
use counterfoil::Digest;
use sha2::{Digest as _, Sha256};

use crate::Error;

/// A setting, its value before and its value now.
pub(crate) type Change = (String, Option<String>, Option<String>);

/// Compares `now` with what was kept at the last start, keeps it, and answers with its digest and the changes. The digest is SHA-256
/// over the settings as a JSON object, its keys sorted.
pub(crate) fn keep(
    path: &Path,
    now: &BTreeMap<String, String>,
) -> Result<(String, Vec<Change>), Error> {
    let failed = |error| {
        let context = format!("{} cannot be replaced", path.display());
        Error::io("keep the configuration", context, error)
    };
    let before: BTreeMap<String, String> = match std::fs::read(path) {
        // What cannot be read is replaced: then everything has changed.
        Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(failed(error)),
    };
    // Texts always become JSON.
    let text = serde_json::to_vec(now).unwrap_or_default();
    let digest = Digest::from_bytes(Sha256::digest(&text).into()).to_string();
    let keys: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    let changes: Vec<Change> = keys
        .into_iter()
        .filter(|key| before.get(*key) != now.get(*key))
        .map(|key| (key.clone(), before.get(key).cloned(), now.get(key).cloned()))
        .collect();
    if !changes.is_empty() {
        AtomicWriteFile::open(path)
            .and_then(|mut file| file.write_all(&text).and_then(|()| file.commit()))
            .map_err(failed)?;
    }
    Ok((format!("sha256:{digest}"), changes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_those_since_the_last_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("configuration.json");
        let settings = |pairs: &[(&str, &str)]| {
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            pairs.iter().map(owned).collect::<BTreeMap<_, _>>()
        };
        let (first, changes) = keep(&path, &settings(&[("a", "1"), ("b", "1")])).unwrap();
        assert_eq!(changes.len(), 2);
        let (same, changes) = keep(&path, &settings(&[("a", "1"), ("b", "1")])).unwrap();
        assert_eq!((same, changes), (first, vec![]));
        let (_, changes) = keep(&path, &settings(&[("a", "2"), ("c", "1")])).unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            changes,
            [
                ("a".to_owned(), text("1"), text("2")),
                ("b".to_owned(), text("1"), None),
                ("c".to_owned(), None, text("1")),
            ]
        );
    }
}
