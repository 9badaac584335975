//! Every dependency of the workspace is used by some member.

use toml::Value;

use super::{Config, Finding};
use crate::workspace::Workspace;

pub(super) fn check(workspace: &Workspace, _: &Config) -> Vec<Finding> {
    let declared = workspace
        .manifest
        .get("workspace")
        .and_then(|table| table.get("dependencies"));
    let used = |key: &str| {
        let mut all = workspace
            .packages
            .iter()
            .flat_map(|package| &package.dependencies);
        all.any(|dependency| dependency.key == key)
    };
    declared
        .and_then(Value::as_table)
        .into_iter()
        .flat_map(|table| table.keys())
        .filter(|key| !used(key))
        .map(|key| {
            Finding::new(
                "Cargo.toml",
                format!("no member uses `{key}`"),
                "take it out of [workspace.dependencies]",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_nobody_uses_is_found() {
        let workspace = Workspace::planted(&[
            (
                "Cargo.toml",
                "[workspace.dependencies]\nused = '1'\nonly-in-tests = '1'\nunused = '1'",
            ),
            (
                "crates/a/Cargo.toml",
                "[package]\nname = 'a'\n[dependencies]\nused.workspace = true\n\
                 [target.'cfg(loom)'.dev-dependencies]\nonly-in-tests.workspace = true",
            ),
        ]);
        let findings = check(&workspace, &Config::planted());
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].what, "no member uses `unused`");
    }
}
