//! The file of `--state`.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use counterfoil::audit::verify::{MAX_STATE, VerifiedState};

use crate::bounded::bounded;
use crate::failure::{Code, Exit, Failure, chain};

/// What the last verification kept; `None` when there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<VerifiedState>, Failure> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refused(path, &error.to_string())),
        Ok(_) => {}
    }
    let bytes = bounded(path, MAX_STATE).map_err(|error| refused(path, &error.to_string()))?;
    VerifiedState::from_bytes(&bytes)
        .map(Some)
        .map_err(|error| refused(path, &chain(&error)))
}

/// Puts a state in the place of the one that was read, whole or not at all.
pub(super) fn write(path: &Path, state: &VerifiedState) -> Result<(), Failure> {
    let bytes = state
        .to_bytes()
        .map_err(|error| refused(path, &chain(&error)))?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let put = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        fs::File::open(folder)?.sync_all()
    };
    put().map_err(|error| {
        // The kind alone: the error names a temporary file that is gone.
        let error = error.kind();
        Failure::new(
            Exit::Unreadable,
            format!(
                "cannot keep the state in {}: {error}; the verdict stands. Name a file in a directory that can be written",
                path.display()
            ),
        )
        .with_code(Code::State)
    })
}

fn refused(path: &Path, why: &str) -> Failure {
    Failure::new(
        Exit::Unreadable,
        format!(
            "cannot use the state in {}: {why}; name a file that does not exist to begin anew",
            path.display()
        ),
    )
    .with_code(Code::State)
}
