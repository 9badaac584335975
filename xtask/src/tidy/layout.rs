//! Every package is named after its folder, has a README and inherits the workspace's lints.

use toml::Value;

use super::{Config, Finding};
use crate::manifest::Package;
use crate::workspace::Workspace;

pub(super) fn check(workspace: &Workspace, _: &Config) -> Vec<Finding> {
    workspace
        .packages
        .iter()
        .flat_map(|package| [name(package), readme(workspace, package), lints(package)])
        .flatten()
        .collect()
}

fn name(package: &Package) -> Option<Finding> {
    let prefix = if package.dir.starts_with("examples/") {
        "cookbook-"
    } else {
        ""
    };
    let expected = format!("{prefix}{}", package.folder());
    (package.name != expected).then(|| {
        Finding::new(
            package.manifest_path(),
            format!(
                "package `{}` lies in folder `{}`",
                package.name,
                package.folder()
            ),
            format!("name the package `{expected}` or move it"),
        )
    })
}

fn readme(workspace: &Workspace, package: &Package) -> Option<Finding> {
    let path = format!("{}/README.md", package.dir);
    workspace
        .text(&path)
        .is_none_or(|text| text.trim().is_empty())
        .then(|| {
            Finding::new(
                path,
                "is missing or empty",
                "say in one screen what the package is and who should depend on it",
            )
        })
}

fn lints(package: &Package) -> Option<Finding> {
    let lints = package
        .manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"));
    (lints.and_then(Value::as_bool) != Some(true)).then(|| {
        Finding::new(
            package.manifest_path(),
            "does not inherit the lints",
            "add `[lints]` with `workspace = true`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINTS: &str = "\n[lints]\nworkspace = true\n";

    fn findings(dir: &str, manifest: &str, readme: &str) -> Vec<Finding> {
        let files = [
            (format!("{dir}/Cargo.toml"), manifest),
            (format!("{dir}/README.md"), readme),
        ];
        let files = files.each_ref().map(|(path, text)| (path.as_str(), *text));
        check(&Workspace::planted(&files), &Config::planted())
    }

    #[test]
    fn a_package_that_follows_the_rules_is_fine() {
        assert_eq!(
            findings("crates/a", &format!("[package]\nname = 'a'{LINTS}"), "# a"),
            []
        );
        assert_eq!(
            findings(
                "examples/a",
                &format!("[package]\nname = 'cookbook-a'{LINTS}"),
                "# a"
            ),
            []
        );
    }

    #[test]
    fn a_name_unlike_its_folder_is_found() {
        let found = findings("crates/a", &format!("[package]\nname = 'b'{LINTS}"), "# a");
        assert_eq!(found[0].next, "name the package `a` or move it");
        let found = findings(
            "examples/a",
            &format!("[package]\nname = 'a'{LINTS}"),
            "# a",
        );
        assert_eq!(found[0].next, "name the package `cookbook-a` or move it");
    }

    #[test]
    fn an_empty_readme_is_found() {
        let found = findings("crates/a", &format!("[package]\nname = 'a'{LINTS}"), "\n");
        assert_eq!(found[0].at, "crates/a/README.md");
    }

    #[test]
    fn missing_lints_are_found() {
        let found = findings(
            "crates/a",
            "[package]\nname = 'a'\n[lints.rust]\nunsafe_code = 'allow'",
            "# a",
        );
        assert_eq!(found[0].what, "does not inherit the lints");
    }
}
