//! What small configurations may depend on, held against an allow-list.
//!
//! A service that takes only metrics, or a vendor that writes an anchor store, pays for every crate
//! listed here; a new one is a decision, not an accident.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

use crate::command::Cmd;
use crate::failure::{Failure, Result};
use crate::manifest::parse_table;

const CONFIG: &str = "xtask/config/purity.toml";

/// Compares each tree in the configuration with what cargo resolves.
pub(crate) fn check(root: &Path) -> Result<()> {
    let text = std::fs::read_to_string(root.join(CONFIG))
        .map_err(|error| Failure::new(format!("{CONFIG} cannot be read: {error}"), "restore it"))?;
    let config = parse_table(CONFIG, &text)?;
    let targets = strings(&config, "targets").ok_or_else(malformed)?;
    let trees = config
        .get("tree")
        .and_then(Value::as_array)
        .ok_or_else(malformed)?;
    for tree in trees {
        let tree = tree.as_table().ok_or_else(malformed)?;
        let package = tree
            .get("package")
            .and_then(Value::as_str)
            .ok_or_else(malformed)?;
        let allowed = strings(tree, "allow").ok_or_else(malformed)?;
        let resolved = resolve(root, package, &targets)?;
        if let Some(difference) = compare(package, &allowed, &resolved) {
            return Err(Failure::new(
                difference,
                format!(
                    "remove the dependency, or change the list in {CONFIG} and say why in the commit"
                ),
            ));
        }
        println!(
            "{package} without default features: {} crates, as listed",
            resolved.len()
        );
    }
    Ok(())
}

fn resolve(root: &Path, package: &str, targets: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let mut command = Cmd::cargo("tree").args([
        "--locked",
        "--package",
        package,
        "--no-default-features",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    for target in targets {
        command = command.args(["--target", target]);
    }
    let output = command
        .dir(root)
        .next("repair the manifests that cargo names")
        .stdout()?;
    Ok(names(&output)
        .filter(|name| *name != package)
        .map(str::to_owned)
        .collect())
}

/// The first word of each line is a package's name.
fn names(output: &str) -> impl Iterator<Item = &str> {
    output
        .lines()
        .filter_map(|line| line.split_whitespace().next())
}

fn compare(
    package: &str,
    allowed: &BTreeSet<String>,
    resolved: &BTreeSet<String>,
) -> Option<String> {
    let list = |names: Vec<&String>| {
        names
            .into_iter()
            .map(|name| format!("{name:?}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let extra: Vec<_> = resolved.difference(allowed).collect();
    if !extra.is_empty() {
        return Some(format!(
            "{package} without default features depends on what is not allowed: {}",
            list(extra)
        ));
    }
    let stale: Vec<_> = allowed.difference(resolved).collect();
    (!stale.is_empty()).then(|| {
        format!(
            "{package}: the list allows what is no longer used: {}",
            list(stale)
        )
    })
}

fn strings(table: &Table, key: &str) -> Option<BTreeSet<String>> {
    table
        .get(key)?
        .as_array()?
        .iter()
        .map(|value| value.as_str().map(str::to_owned))
        .collect()
}

fn malformed() -> Failure {
    Failure::new(
        format!("{CONFIG} does not have the expected form"),
        "give it `targets = […]` and `[[tree]]` tables with `package` and `allow = […]`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_crate_that_is_not_listed_is_named() {
        let difference =
            compare("counterfoil", &set(&["serde"]), &set(&["serde", "tokio"])).unwrap();
        assert!(
            difference.contains("not allowed: \"tokio\""),
            "{difference}"
        );
    }

    #[test]
    fn a_list_longer_than_the_tree_is_stale() {
        let difference =
            compare("counterfoil", &set(&["serde", "tokio"]), &set(&["serde"])).unwrap();
        assert!(
            difference.contains("no longer used: \"tokio\""),
            "{difference}"
        );
    }

    #[test]
    fn names_are_read_from_every_line() {
        let output = "counterfoil v0.1.0 (/somewhere)\nmetrics v0.24.6\nmetrics v0.24.6 (*)\n\n";
        assert_eq!(
            names(output).collect::<Vec<_>>(),
            ["counterfoil", "metrics", "metrics"]
        );
    }
}
