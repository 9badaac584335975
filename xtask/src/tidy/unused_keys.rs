//! A manifest key that cargo does not know is a setting that does nothing.

use std::path::Path;

use super::Finding;
use crate::command::Cmd;
use crate::failure::{Failure, Result};

const WARNING: &str = "unused manifest key: ";

/// `cargo fetch` is the one command that loads every member, builds nothing and prints these warnings;
/// `cargo metadata` and `cargo tree` keep them to themselves.
pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let command = Cmd::cargo("fetch")
        .args(["--locked", "--target", "host-tuple"])
        .dir(root);
    let line = command.line();
    let captured = command.capture()?;
    if captured.status.success() {
        Ok(findings(root, &captured.stderr))
    } else {
        Err(Failure::new(
            format!(
                "`{line}` ended with {}:\n{}",
                captured.status,
                captured.stderr.trim_end()
            ),
            "repair the manifest that cargo names; if Cargo.lock is stale, run `cargo check` and commit it",
        ))
    }
}

fn findings(root: &Path, stderr: &str) -> Vec<Finding> {
    let root = format!("{}/", root.display());
    stderr
        .lines()
        .filter_map(|line| line.split_once(WARNING))
        .map(|(before, key)| {
            let path = before
                .trim_start_matches("warning: ")
                .trim_end_matches(": ");
            Finding::new(
                path.strip_prefix(&root).unwrap_or(path),
                format!("cargo does not know the key `{key}`"),
                "correct its spelling or its place",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_warning_names_its_manifest_and_key() {
        let stderr = "warning: /repo/crates/a/Cargo.toml: unused manifest key: package.bogus\n    Updating index\n";
        let found = findings(Path::new("/repo"), stderr);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].at, "crates/a/Cargo.toml");
        assert_eq!(found[0].what, "cargo does not know the key `package.bogus`");
    }

    #[test]
    fn cargo_still_reports_what_a_manifest_misspells() {
        let root = std::env::temp_dir().join(format!("xtask-unused-keys-{}", std::process::id()));
        std::fs::create_dir_all(root.join("src")).unwrap();
        std::fs::write(root.join("src/lib.rs"), "").unwrap();
        let manifest = "[package]\nname = 'planted'\nedition = '2024'\nlicence = 'MIT'\n[workspace]\n[dependenciez]\n";
        std::fs::write(root.join("Cargo.toml"), manifest).unwrap();
        std::fs::write(
            root.join("Cargo.lock"),
            "version = 4\n\n[[package]]\nname = \"planted\"\nversion = \"0.0.0\"\n",
        )
        .unwrap();
        let found = check(&root).unwrap();
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
