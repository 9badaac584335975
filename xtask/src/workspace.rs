//! The repository as the rules see it: file names, the texts worth reading, and the packages.
//!
//! Rules take this value and nothing else, so a test plants a violation as a string.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::manifest::{Package, parse_table};

/// Everything is keyed by paths relative to the root, with forward slashes.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
    pub(crate) manifest: toml::Table,
    files: BTreeMap<String, Option<String>>,
}

impl Workspace {
    /// Reads the repository from disk, leaving out `.git` and build directories.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        walk(root, "", &mut files)?;
        Self::from_files(files)
    }

    /// A file's text; empty for files that are neither Rust, TOML nor Markdown.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files
            .get(path)
            .map(|text| text.as_deref().unwrap_or_default())
    }

    /// Every file and text whose name ends in `suffix`.
    pub(crate) fn texts<'a>(&'a self, suffix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(move |(path, _)| path.ends_with(suffix))
            .filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Whether a file or a directory of that name exists.
    pub(crate) fn exists(&self, path: &str) -> bool {
        path.is_empty() || self.files.contains_key(path) || self.has_directory(path)
    }

    /// The packages directly below `parent`, such as `crates`.
    pub(crate) fn packages_in<'a>(&'a self, parent: &'a str) -> impl Iterator<Item = &'a Package> {
        self.packages
            .iter()
            .filter(move |package| package.dir.split('/').next() == Some(parent))
    }

    pub(crate) fn has_library(&self, package: &Package) -> bool {
        self.text(&format!("{}/src/lib.rs", package.dir)).is_some()
    }

    /// The package in whose directory a file lies.
    pub(crate) fn package_of(&self, path: &str) -> Option<&Package> {
        self.packages.iter().find(|package| {
            path.strip_prefix(&package.dir)
                .is_some_and(|rest| rest.starts_with('/'))
        })
    }

    fn has_directory(&self, path: &str) -> bool {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        self.files
            .range(prefix.clone()..)
            .next()
            .is_some_and(|(file, _)| file.starts_with(&prefix))
    }

    fn from_files(files: BTreeMap<String, Option<String>>) -> Result<Self> {
        let text = |path: &str| {
            files
                .get(path)
                .and_then(Option::as_deref)
                .unwrap_or_default()
        };
        let manifest = parse_table("Cargo.toml", text("Cargo.toml"))?;
        let mut packages = Vec::new();
        for path in files.keys() {
            let Some(dir) = path.strip_suffix("/Cargo.toml") else {
                continue;
            };
            if dir == "xtask" || is_child_of("crates", dir) || is_child_of("examples", dir) {
                packages.push(Package::parse(dir, text(path))?);
            }
        }
        Ok(Self {
            packages,
            manifest,
            files,
        })
    }
}

/// The directory that holds `xtask/Cargo.toml`, looking upwards from where we were started.
pub(crate) fn find_root() -> Result<PathBuf> {
    let start = std::env::current_dir().map_err(|error| {
        Failure::new(
            format!("the current directory cannot be read: {error}"),
            "change into the repository",
        )
    })?;
    start
        .ancestors()
        .find(|dir| dir.join("xtask/Cargo.toml").is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| {
            Failure::new(
                format!("no xtask/Cargo.toml at or above {}", start.display()),
                "run `cargo xtask` inside the repository",
            )
        })
}

fn is_child_of(parent: &str, dir: &str) -> bool {
    dir.strip_prefix(parent)
        .and_then(|rest| rest.strip_prefix('/'))
        .is_some_and(|rest| !rest.contains('/'))
}

fn walk(dir: &Path, prefix: &str, files: &mut BTreeMap<String, Option<String>>) -> Result<()> {
    let unreadable = |path: &Path, error: &std::io::Error| {
        Failure::new(
            format!("{} cannot be read: {error}", path.display()),
            "check its permissions and encoding",
        )
    };
    for entry in std::fs::read_dir(dir).map_err(|error| unreadable(dir, &error))? {
        let entry = entry.map_err(|error| unreadable(dir, &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == ".git" || name == "target" {
            continue;
        }
        let path = entry.path();
        let key = format!("{prefix}{name}");
        let kind = entry
            .file_type()
            .map_err(|error| unreadable(&path, &error))?;
        if kind.is_dir() {
            walk(&path, &format!("{key}/"), files)?;
        } else if kind.is_file()
            && [".rs", ".toml", ".md"]
                .iter()
                .any(|suffix| name.ends_with(suffix))
        {
            let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
            files.insert(key, Some(text));
        } else {
            files.insert(key, None);
        }
    }
    Ok(())
}

#[cfg(test)]
impl Workspace {
    /// A repository made of strings; a root manifest is added if none is given.
    pub(crate) fn planted(files: &[(&str, &str)]) -> Self {
        let mut map: BTreeMap<_, _> = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned())))
            .collect();
        map.entry("Cargo.toml".to_owned())
            .or_insert_with(|| Some("[workspace]\n".to_owned()));
        Self::from_files(map).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_and_nested_manifests_are_not_members() {
        let workspace = Workspace::planted(&[
            ("crates/a/Cargo.toml", "[package]\nname = 'a'"),
            ("crates/a/src/lib.rs", ""),
            (
                "crates/a/tests/fixture/Cargo.toml",
                "[package]\nname = 'fixture'",
            ),
            ("examples/b/Cargo.toml", "[package]\nname = 'cookbook-b'"),
        ]);
        let names: Vec<_> = workspace
            .packages
            .iter()
            .map(|package| package.name.as_str())
            .collect();
        assert_eq!(names, ["a", "cookbook-b"]);
        assert!(workspace.has_library(&workspace.packages[0]));
        assert!(!workspace.has_library(&workspace.packages[1]));
        assert_eq!(
            workspace
                .package_of("crates/a/src/lib.rs")
                .map(|package| package.name.as_str()),
            Some("a")
        );
    }

    #[test]
    fn a_directory_exists_when_a_file_lies_below_it() {
        let workspace = Workspace::planted(&[("docs/specs/a.md", "")]);
        assert!(workspace.exists("docs/specs"));
        assert!(workspace.exists("docs/specs/"));
        assert!(!workspace.exists("docs/spec"));
    }
}
