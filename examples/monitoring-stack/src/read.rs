//! Reading the stack's files, with errors that name the file.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// A file that cannot be read, or is not what it should be; its text names the file.
#[derive(Debug)]
pub struct Error(pub(crate) String);

/// The folder with the stack's files.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a kind in a folder, by name.
pub(crate) fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Error> {
    let failed = |error| Error(format!("{}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|it| it == extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

pub(crate) fn text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| Error(format!("{}: {error}", path.display())))
}

pub(crate) fn yaml<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    serde_saphyr::from_str(&text(path)?)
        .map_err(|error| Error(format!("{}: {error}", path.display())))
}

/// A file's name without its kind: `recipe-25` of `rules/recipe-25.yml`.
pub(crate) fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
