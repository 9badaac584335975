//! The inner loop: what changed since the last commit, and whatever depends on it.

use std::collections::BTreeSet;

use super::rust;
use crate::command::Cmd;
use crate::failure::Result;
use crate::pipeline::Context;
use crate::workspace::Workspace;

/// Formatting, lints and tests with default features; the whole workspace if the change is not inside packages.
pub(crate) fn run(context: &Context) -> Result<()> {
    rust::fmt(context)?;
    let workspace = Workspace::read(&context.root)?;
    let status = Cmd::new("git")
        .args([
            "status",
            "--porcelain",
            "--untracked-files=all",
            "--no-renames",
        ])
        .dir(&context.root)
        .next("run `cargo xtask clippy` and `cargo xtask test` instead")
        .stdout()?;
    let selection = match affected(&workspace, changed_files(&status)) {
        Some(packages) if packages.is_empty() => {
            println!("nothing changed since the last commit; `cargo xtask ci` checks everything");
            return Ok(());
        }
        Some(packages) => {
            println!(
                "checking {}",
                packages.iter().copied().collect::<Vec<_>>().join(", ")
            );
            packages
                .into_iter()
                .flat_map(|name| ["--package", name])
                .collect()
        }
        None => vec!["--workspace"],
    };
    rust::lint(context, &selection)?;
    let mut tests = selection;
    tests.push("--no-tests=pass");
    rust::nextest(context, &tests)
}

/// Each line is two letters, a space and a path.
fn changed_files(status: &str) -> impl Iterator<Item = &str> {
    status
        .lines()
        .filter_map(|line| line.get(3..))
        .map(|path| path.trim_matches('"'))
}

/// The packages with changes and all that depend on them; `None` if the whole workspace may be affected.
fn affected<'a, 'b>(
    workspace: &'a Workspace,
    files: impl Iterator<Item = &'b str>,
) -> Option<BTreeSet<&'a str>> {
    let mut found = BTreeSet::new();
    for file in files {
        match workspace.package_of(file) {
            Some(package) => {
                found.insert(package.name.as_str());
            }
            None if affects_builds(file) => return None,
            None => {}
        }
    }
    loop {
        let before = found.len();
        for package in &workspace.packages {
            if package
                .dependencies
                .iter()
                .any(|dependency| found.contains(dependency.key.as_str()))
            {
                found.insert(&package.name);
            }
        }
        if found.len() == before {
            return Some(found);
        }
    }
}

fn affects_builds(file: &str) -> bool {
    ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml"].contains(&file)
        || file.starts_with(".cargo/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Workspace {
        Workspace::planted(&[
            ("crates/a/Cargo.toml", "[package]\nname = 'a'"),
            (
                "crates/b/Cargo.toml",
                "[package]\nname = 'b'\n[dependencies]\na.workspace = true",
            ),
            (
                "crates/c/Cargo.toml",
                "[package]\nname = 'c'\n[dev-dependencies]\nb.workspace = true",
            ),
            ("crates/d/Cargo.toml", "[package]\nname = 'd'"),
        ])
    }

    #[test]
    fn dependants_are_checked_with_what_changed() {
        let workspace = workspace();
        let status = " M crates/a/src/lib.rs\n?? docs/x.md\n";
        let found = affected(&workspace, changed_files(status)).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn a_change_of_the_root_manifest_affects_everything() {
        assert!(affected(&workspace(), changed_files(" M Cargo.toml\n")).is_none());
    }

    #[test]
    fn a_change_outside_packages_affects_none() {
        assert!(
            affected(&workspace(), changed_files(" M README.md\n"))
                .unwrap()
                .is_empty()
        );
    }
}
