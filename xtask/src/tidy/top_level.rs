//! The top level holds a short, fixed list of names.

use std::collections::BTreeSet;

use super::{Config, Finding};
use crate::workspace::Workspace;

pub(super) fn check(workspace: &Workspace, config: &Config) -> Vec<Finding> {
    let present: BTreeSet<_> = workspace
        .paths()
        .filter_map(|path| path.split('/').next())
        .collect();
    let unexpected = present
        .iter()
        .filter(|name| !config.top_level.contains(**name))
        .map(|name| {
            Finding::new(
                *name,
                "does not belong at the top level",
                "move it into crates/, examples/, docs/ or xtask/",
            )
        });
    let absent = config
        .top_level
        .iter()
        .filter(|name| !present.contains(name.as_str()))
        .map(|name| {
            Finding::new(
                name,
                "is missing at the top level",
                format!("add it, or take it out of {}", super::config::PATH),
            )
        });
    unexpected.chain(absent).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            top_level: ["Cargo.toml", "docs"].map(str::to_owned).into(),
            ..Config::planted()
        }
    }

    #[test]
    fn a_stray_file_and_a_missing_directory_are_found() {
        let findings = check(&Workspace::planted(&[("notes.md", "")]), &config());
        let at: Vec<_> = findings.iter().map(|finding| finding.at.as_str()).collect();
        assert_eq!(at, ["notes.md", "docs"]);
    }

    #[test]
    fn the_listed_names_are_fine() {
        assert_eq!(
            check(&Workspace::planted(&[("docs/a.md", "")]), &config()),
            []
        );
    }
}
