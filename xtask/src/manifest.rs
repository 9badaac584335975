//! What the rules need to know about one `Cargo.toml`.

use toml::{Table, Value};

use crate::failure::{Failure, Result};

/// One member of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the workspace root, with forward slashes.
    pub(crate) dir: String,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) manifest: Table,
}

/// One entry of a dependency table.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) key: String,
    pub(crate) kind: DependencyKind,
    /// Whether it says `workspace = true`.
    pub(crate) inherited: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DependencyKind {
    Normal,
    Build,
    Dev,
}

impl Package {
    pub(crate) fn parse(dir: &str, text: &str) -> Result<Self> {
        let manifest = parse_table(&format!("{dir}/Cargo.toml"), text)?;
        let name = manifest
            .get("package")
            .and_then(|package| package.get("name"))
            .and_then(Value::as_str)
            .ok_or_else(|| {
                Failure::new(
                    format!("{dir}/Cargo.toml has no `package.name`"),
                    "name the package after its folder",
                )
            })?
            .to_owned();
        let mut dependencies = dependencies_in(&manifest);
        if let Some(targets) = manifest.get("target").and_then(Value::as_table) {
            dependencies.extend(
                targets
                    .values()
                    .filter_map(Value::as_table)
                    .flat_map(dependencies_in),
            );
        }
        Ok(Self {
            name,
            dir: dir.to_owned(),
            dependencies,
            manifest,
        })
    }

    pub(crate) fn manifest_path(&self) -> String {
        format!("{}/Cargo.toml", self.dir)
    }

    /// `package.publish = false`.
    pub(crate) fn is_private(&self) -> bool {
        self.manifest
            .get("package")
            .and_then(|package| package.get("publish"))
            .and_then(Value::as_bool)
            == Some(false)
    }

    /// The last part of its directory.
    pub(crate) fn folder(&self) -> &str {
        self.dir.rsplit('/').next().unwrap_or(&self.dir)
    }
}

/// Parses a TOML file; the failure names the file.
pub(crate) fn parse_table(path: &str, text: &str) -> Result<Table> {
    text.parse().map_err(|error| {
        Failure::new(
            format!("{path} is not valid TOML: {error}"),
            "repair the file",
        )
    })
}

fn dependencies_in(table: &Table) -> Vec<Dependency> {
    let kinds = [
        ("dependencies", DependencyKind::Normal),
        ("build-dependencies", DependencyKind::Build),
        ("dev-dependencies", DependencyKind::Dev),
    ];
    let mut found = Vec::new();
    for (section, kind) in kinds {
        for (key, value) in table
            .get(section)
            .and_then(Value::as_table)
            .into_iter()
            .flatten()
        {
            let inherited = value.get("workspace").and_then(Value::as_bool) == Some(true);
            found.push(Dependency {
                key: key.clone(),
                kind,
                inherited,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_of_every_kind_and_target_are_found() {
        let text = "[package]\nname = 'a'\n[dependencies]\nb.workspace = true\n[dev-dependencies]\nc = '1'\n\
                    [build-dependencies]\nd.workspace = true\n[target.'cfg(loom)'.dependencies]\nloom.workspace = true\n";
        let package = Package::parse("crates/a", text).unwrap();
        let found: Vec<_> = package
            .dependencies
            .iter()
            .map(|found| (found.key.as_str(), found.kind, found.inherited))
            .collect();
        assert_eq!(
            found,
            [
                ("b", DependencyKind::Normal, true),
                ("d", DependencyKind::Build, true),
                ("c", DependencyKind::Dev, false),
                ("loom", DependencyKind::Normal, true),
            ]
        );
        assert_eq!(package.folder(), "a");
    }

    #[test]
    fn a_broken_manifest_is_named() {
        let failure = Package::parse("crates/a", "[package")
            .unwrap_err()
            .to_string();
        assert!(
            failure.contains("crates/a/Cargo.toml is not valid TOML"),
            "{failure}"
        );
    }
}
