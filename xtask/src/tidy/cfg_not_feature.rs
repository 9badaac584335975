//! Features only add: code that exists because a feature is absent breaks whoever is unified with it.
//!
//! An exception needs its reason on the line above: `// tidy: without a feature, because …`.

use super::{Config, Finding};
use crate::workspace::Workspace;

const EXCEPTION: &str = "// tidy: without a feature, because ";

pub(super) fn check(workspace: &Workspace, _: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in workspace
        .packages_in("crates")
        .filter(|package| workspace.has_library(package))
    {
        let source = format!("{}/src/", package.dir);
        for (path, text) in workspace.texts(".rs") {
            let Some(file) = path.strip_prefix(&source) else {
                continue;
            };
            if file != "main.rs" && !file.starts_with("bin/") {
                findings.extend(scan(path, text));
            }
        }
    }
    findings
}

fn scan(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut excused = false;
    for (index, line) in text.lines().enumerate() {
        if !excused && depends_on_absence(line) {
            findings.push(Finding::new(
                format!("{path}:{}", index + 1),
                "code depends on a feature being absent",
                format!("make the feature additive, or write `{EXCEPTION}…` above it"),
            ));
        }
        excused = line
            .trim_start()
            .strip_prefix(EXCEPTION)
            .is_some_and(|reason| !reason.trim().is_empty());
    }
    findings
}

fn depends_on_absence(line: &str) -> bool {
    if line.trim_start().starts_with("//") {
        return false;
    }
    let dense: String = line.chars().filter(|char| !char.is_whitespace()).collect();
    ["not(feature=", "not(any(feature=", "not(all(feature="]
        .iter()
        .any(|pattern| dense.contains(pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_found() {
        for line in [
            "#[cfg(not(feature = \"file\"))]",
            "#[cfg( not( feature=\"file\" ) )]",
            "#[cfg(all(unix, not(feature = \"file\")))]",
            "if cfg!(not(any(feature = \"a\", feature = \"b\"))) {",
            "#![cfg_attr(not(feature = \"std\"), no_std)]",
        ] {
            assert_eq!(scan("a.rs", line).len(), 1, "{line}");
        }
    }

    #[test]
    fn presence_comments_and_other_conditions_are_fine() {
        for line in [
            "#[cfg(feature = \"file\")]",
            "// #[cfg(not(feature = \"file\"))]",
            "#[cfg(not(loom))]",
        ] {
            assert_eq!(scan("a.rs", line), [], "{line}");
        }
    }

    #[test]
    fn an_exception_needs_a_reason_and_covers_one_line() {
        let line = "#[cfg(not(feature = \"file\"))]";
        assert_eq!(
            scan(
                "a.rs",
                &format!("    {EXCEPTION}it only shortens a message.\n    {line}")
            ),
            []
        );
        assert_eq!(scan("a.rs", &format!("{EXCEPTION}\n{line}")).len(), 1);
        let found = scan("a.rs", &format!("{EXCEPTION}of this.\n{line}\n{line}"));
        assert_eq!(found[0].at, "a.rs:3");
    }

    #[test]
    fn only_sources_of_libraries_are_read() {
        let line = "#[cfg(not(feature = \"x\"))]";
        let workspace = Workspace::planted(&[
            ("crates/a/Cargo.toml", "[package]\nname = 'a'"),
            ("crates/a/src/lib.rs", line),
            ("crates/a/src/bin/tool.rs", line),
            ("crates/a/tests/it/main.rs", line),
            ("crates/b/Cargo.toml", "[package]\nname = 'b'"),
            ("crates/b/src/main.rs", line),
        ]);
        let found = check(&workspace, &Config::planted());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].at, "crates/a/src/lib.rs:1");
    }
}
