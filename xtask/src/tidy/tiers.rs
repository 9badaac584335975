//! An arrow points only to a lower tier, so a contract never learns about its engines.
//!
//! Support crates serve tests and measurements: others reach them by dev-dependencies only. What a support crate's own tests
//! use reaches nobody, so that may be any crate.

use super::{Config, Finding};
use crate::manifest::{DependencyKind, Package};
use crate::workspace::Workspace;

/// Where a package stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Tier(i64),
    Support { up_to: i64 },
    Example,
    Automation,
}

pub(super) fn check(workspace: &Workspace, config: &Config) -> Vec<Finding> {
    let mut findings = stale(workspace, config);
    for package in &workspace.packages {
        let Some(place) = place(package, config) else {
            findings.push(Finding::new(
                package.manifest_path(),
                format!("`{}` has no tier", package.name),
                format!(
                    "choose one in docs/ARCHITECTURE.md and add it to {}",
                    super::config::PATH
                ),
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let Some(target) = workspace
                .packages
                .iter()
                .find(|other| other.name == dependency.key)
            else {
                continue;
            };
            let Some(target_place) = self::place(target, config) else {
                continue;
            };
            let itself = target.name == package.name;
            if let Some(what) = refuse(place, target_place, dependency.kind, itself) {
                findings.push(Finding::new(
                    package.manifest_path(),
                    format!("{} `{}`: {what}", label(dependency.kind), dependency.key),
                    "move the code to the tier that both may use, or turn the dependency round",
                ));
            }
        }
    }
    findings
}

fn place(package: &Package, config: &Config) -> Option<Place> {
    match package.dir.split('/').next() {
        Some("examples") => Some(Place::Example),
        Some("xtask") => Some(Place::Automation),
        _ => {
            let tier = config
                .tiers
                .get(&package.name)
                .map(|tier| Place::Tier(*tier));
            tier.or_else(|| {
                config
                    .support
                    .get(&package.name)
                    .map(|up_to| Place::Support { up_to: *up_to })
            })
        }
    }
}

/// Why an arrow is not allowed, if it is not.
fn refuse(from: Place, to: Place, kind: DependencyKind, itself: bool) -> Option<String> {
    let for_tests = kind == DependencyKind::Dev;
    match (from, to) {
        // A crate may test itself with other features.
        _ if itself => None,
        (Place::Automation, _) => {
            Some("automation must start while our crates do not compile".to_owned())
        }
        (_, Place::Automation) => Some("nothing depends on automation".to_owned()),
        (Place::Tier(from), Place::Tier(to)) if to >= from => {
            Some(format!("tier {from} may not use tier {to}"))
        }
        (Place::Support { up_to }, Place::Tier(to)) if to > up_to && !for_tests => Some(format!(
            "this support crate may use tiers up to {up_to}, not {to}"
        )),
        (Place::Tier(_) | Place::Example, Place::Support { .. } | Place::Example) if !for_tests => {
            Some("support crates and examples may only be dev-dependencies".to_owned())
        }
        _ => None,
    }
}

fn stale(workspace: &Workspace, config: &Config) -> Vec<Finding> {
    let listed = config.tiers.keys().chain(config.support.keys());
    listed
        .filter(|name| {
            !workspace
                .packages
                .iter()
                .any(|package| package.name == **name)
        })
        .map(|name| {
            Finding::new(
                super::config::PATH,
                format!("`{name}` is listed but does not exist"),
                "take it out",
            )
        })
        .collect()
}

fn label(kind: DependencyKind) -> &'static str {
    match kind {
        DependencyKind::Normal => "dependency",
        DependencyKind::Build => "build-dependency",
        DependencyKind::Dev => "dev-dependency",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The findings when `manifest` is added to a small workspace that is clean.
    fn findings(dir: &str, dependencies: &str) -> Vec<String> {
        let clean = [
            "counterfoil-core",
            "counterfoil-audit",
            "counterfoil-testkit",
            "counterfoil-bench",
            "counterfoil",
        ];
        let mut files: Vec<_> = clean
            .iter()
            .map(|name| {
                (
                    format!("crates/{name}/Cargo.toml"),
                    format!("[package]\nname = '{name}'"),
                )
            })
            .collect();
        files.push((
            "examples/one/Cargo.toml".to_owned(),
            "[package]\nname = 'cookbook-one'".to_owned(),
        ));
        files.push((
            "crates/counterfoil-events/Cargo.toml".to_owned(),
            "[package]\nname = 'counterfoil-events'".to_owned(),
        ));
        let path = format!("{dir}/Cargo.toml");
        files.retain(|(file, _)| *file != path);
        let name = dir.rsplit('/').next().unwrap();
        files.push((path, format!("[package]\nname = '{name}'\n{dependencies}")));
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        check(&Workspace::planted(&files), &Config::planted())
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn lower_tiers_and_the_testkit_in_tests_are_fine() {
        let dependencies = "[dependencies]\ncounterfoil-core.workspace = true\nserde.workspace = true\n\
                            [dev-dependencies]\ncounterfoil-testkit.workspace = true";
        assert!(findings("crates/counterfoil-events", dependencies).is_empty());
        assert!(
            findings(
                "crates/counterfoil-bench",
                "[dependencies]\ncounterfoil.workspace = true"
            )
            .is_empty()
        );
        assert!(
            findings(
                "examples/two",
                "[dependencies]\ncounterfoil.workspace = true"
            )
            .is_empty()
        );
    }

    #[test]
    fn a_sibling_of_the_same_tier_is_refused() {
        for kind in [
            "dependencies",
            "build-dependencies",
            "dev-dependencies",
            "target.'cfg(unix)'.dependencies",
        ] {
            let found = findings(
                "crates/counterfoil-events",
                &format!("[{kind}]\ncounterfoil-audit.workspace = true"),
            );
            assert!(
                found[0].contains("tier 3 may not use tier 3"),
                "{kind}: {found:?}"
            );
        }
    }

    #[test]
    fn a_higher_tier_is_refused() {
        let found = findings(
            "crates/counterfoil-core",
            "[dependencies]\ncounterfoil.workspace = true",
        );
        assert!(found[0].contains("tier 0 may not use tier 5"), "{found:?}");
    }

    #[test]
    fn the_testkit_is_for_tests_only_and_stays_below_its_users() {
        let found = findings(
            "crates/counterfoil-events",
            "[dependencies]\ncounterfoil-testkit.workspace = true",
        );
        assert!(
            found[0].contains("may only be dev-dependencies"),
            "{found:?}"
        );
        let found = findings(
            "crates/counterfoil-testkit",
            "[dependencies]\ncounterfoil.workspace = true",
        );
        assert!(found[0].contains("up to 3, not 5"), "{found:?}");
        let its_own_tests = "[dev-dependencies]\ncounterfoil.workspace = true";
        assert!(findings("crates/counterfoil-testkit", its_own_tests).is_empty());
    }

    #[test]
    fn automation_stands_alone() {
        let found = findings(
            "xtask",
            "[dev-dependencies]\ncounterfoil-core.workspace = true",
        );
        assert!(found[0].contains("automation must start"), "{found:?}");
    }

    #[test]
    fn an_unknown_crate_is_told_what_to_do() {
        let found = findings("crates/counterfoil-utils", "");
        assert!(
            found[0]
                .contains("`counterfoil-utils` has no tier; choose one in docs/ARCHITECTURE.md"),
            "{found:?}"
        );
    }

    #[test]
    fn a_listed_crate_that_is_gone_is_found() {
        let found = check(&Workspace::planted(&[]), &Config::planted());
        assert_eq!(found.len(), 6);
        assert!(found[0].what.contains("is listed but does not exist"));
    }
}
