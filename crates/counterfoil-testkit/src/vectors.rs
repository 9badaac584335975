//! Known-answer vectors of other projects, read where they lie.
//!
//! They belong to their projects and are not part of this repository. The folder is the one that the environment variable
//! `COUNTERFOIL_VECTORS` names, or `../shared/vectors` beside the checkout. Without it a test says that it skipped; where
//! `CI` is set it fails instead.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The folder, if it is there.
///
/// # Panics
/// When it is not there and `CI` is set, or `COUNTERFOIL_VECTORS` names something else than a folder.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    if let Some(named) = env::var_os("COUNTERFOIL_VECTORS") {
        let folder = PathBuf::from(named);
        assert!(
            folder.is_dir(),
            "COUNTERFOIL_VECTORS is {}, which is no folder",
            folder.display()
        );
        return Some(folder);
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if beside.is_dir() {
        return Some(beside);
    }
    assert!(
        env::var_os("CI").is_none(),
        "no test vectors in {}; set COUNTERFOIL_VECTORS to their folder (CI does not skip)",
        beside.display()
    );
    None
}

/// The text of one file, such as `c2sp-checkpoint.json`; `None`, and a line on stderr, where there are no vectors.
///
/// # Panics
/// As [`folder`], and when the folder is there without this file.
#[must_use]
#[expect(
    clippy::print_stderr,
    reason = "a test that skips must say so, and stderr is where a test speaks"
)]
pub fn read(file: &str) -> Option<String> {
    let Some(folder) = folder() else {
        eprintln!(
            "skipped: no test vectors, so nothing was compared with {file}; set COUNTERFOIL_VECTORS"
        );
        return None;
    };
    let path = folder.join(file);
    match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        #[expect(clippy::panic, reason = "a test helper reports by panicking")]
        Err(error) => panic!("the vectors lack {}: {error}", path.display()),
    }
}
