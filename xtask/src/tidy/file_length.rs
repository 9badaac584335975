//! One idea per file: above the limit a file is split, or listed with its reason.

use super::{Config, Finding};
use crate::workspace::Workspace;

const LIMIT: usize = 800;

pub(super) fn check(workspace: &Workspace, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in workspace.texts(".rs") {
        let lines = text.lines().count();
        if lines > LIMIT && !config.long_files.contains_key(path) {
            findings.push(Finding::new(
                path,
                format!("has {lines} lines, the limit is {LIMIT}"),
                format!(
                    "split it, or list it with a reason in {}",
                    super::config::PATH
                ),
            ));
        }
    }
    for path in config.long_files.keys() {
        if workspace
            .text(path)
            .is_none_or(|text| text.lines().count() <= LIMIT)
        {
            findings.push(Finding::new(
                super::config::PATH,
                format!("`{path}` needs no exception any more"),
                "take it out of [[long-file]]",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(lines: usize, excepted: bool) -> Vec<Finding> {
        let mut config = Config::planted();
        if excepted {
            config
                .long_files
                .insert("crates/a/src/lib.rs".to_owned(), "a table".to_owned());
        }
        check(
            &Workspace::planted(&[("crates/a/src/lib.rs", &"//\n".repeat(lines))]),
            &config,
        )
    }

    #[test]
    fn the_limit_itself_is_allowed() {
        assert_eq!(findings(LIMIT, false), []);
        assert_eq!(
            findings(LIMIT + 1, false)[0].what,
            "has 801 lines, the limit is 800"
        );
    }

    #[test]
    fn an_exception_holds_only_while_it_is_needed() {
        assert_eq!(findings(LIMIT + 1, true), []);
        assert_eq!(findings(LIMIT, true).len(), 1);
    }
}
