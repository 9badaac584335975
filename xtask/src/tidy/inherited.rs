//! Members take every dependency from the workspace, so a version is written once.

use super::{Config, Finding};
use crate::workspace::Workspace;

pub(super) fn check(workspace: &Workspace, _: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| !dependency.inherited)
        {
            findings.push(Finding::new(
                package.manifest_path(),
                format!("`{}` is not inherited", dependency.key),
                "put it into [workspace.dependencies] of the root manifest and write `workspace = true` here",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(dependencies: &str) -> Vec<Finding> {
        let manifest = format!("[package]\nname = 'a'\n{dependencies}");
        check(
            &Workspace::planted(&[("crates/a/Cargo.toml", &manifest)]),
            &Config::planted(),
        )
    }

    #[test]
    fn inherited_dependencies_are_fine() {
        assert_eq!(
            findings(
                "[dependencies]\nb.workspace = true\nc = { workspace = true, optional = true }"
            ),
            []
        );
    }

    #[test]
    fn a_version_or_path_of_its_own_is_found() {
        for entry in [
            "b = '1'",
            "b = { path = '../b' }",
            "b = { version = '1', features = [] }",
        ] {
            for table in [
                "dependencies",
                "dev-dependencies",
                "target.'cfg(loom)'.dependencies",
            ] {
                assert_eq!(
                    findings(&format!("[{table}]\n{entry}")).len(),
                    1,
                    "{table} {entry}"
                );
            }
        }
    }
}
