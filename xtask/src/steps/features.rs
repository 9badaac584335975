//! Each feature of each published library alone and in pairs, and the purity of small configurations.

use toml::Value;

use super::purity;
use crate::command::Cmd;
use crate::failure::Result;
use crate::manifest::Package;
use crate::pipeline::Context;
use crate::tools;
use crate::workspace::Workspace;

/// The allow-lists, then each combination: by clippy, because a plain check cannot turn warnings into errors
/// without building every dependency again.
///
/// The tool's `--no-dev-deps` is left out: it rewrites manifests in place while it runs, which loses
/// an edit made meanwhile, and since resolver 2 libraries are built without dev-dependencies anyway.
pub(crate) fn run(context: &Context) -> Result<()> {
    purity::check(&context.root)?;
    let workspace = Workspace::read(&context.root)?;
    let libraries = published_libraries(&workspace);
    let names = libraries.iter().map(|package| package.name.as_str());
    let packages = names.flat_map(|name| ["--package", name]).collect();
    clippy(context, &["--each-feature"], packages)?;
    for package in libraries {
        let alike = passed_on(&workspace, package).join(",");
        let mut selection = vec!["--package", package.name.as_str()];
        if !alike.is_empty() {
            selection.extend(["--exclude-features", &alike]);
        }
        clippy(context, &["--feature-powerset", "--depth", "2"], selection)?;
    }
    Ok(())
}

fn clippy(context: &Context, combinations: &[&str], selection: Vec<&str>) -> Result<()> {
    let hack: Cmd = tools::HACK.cmd(&context.root)?;
    hack.args(["clippy", "--locked"])
        .args(combinations)
        .args(selection)
        .args(["--", "-D", "warnings"])
        .next("repeat the combination that cargo-hack printed: `cargo clippy -p <crate> --no-default-features --features <…>`")
        .run()
}

/// Features that add to one other feature what dependencies call it, and change nothing in the package: no `cfg` names them. In a
/// pair the package is the same as with the other one, so they are looked at alone and all together.
fn passed_on<'a>(workspace: &Workspace, package: &'a Package) -> Vec<&'a str> {
    let source = format!("{}/src/", package.dir);
    let is_named = |feature: &str| {
        let name = format!("feature = \"{feature}\"");
        let mut texts = workspace.texts(".rs");
        texts.any(|(path, text)| path.starts_with(&source) && text.contains(&name))
    };
    let features = package.manifest.get("features").and_then(Value::as_table);
    let each = features.into_iter().flatten();
    each.filter(|(name, enables)| {
        let enables = enables.as_array().into_iter().flatten();
        let (of_others, own): (Vec<_>, Vec<_>) = enables
            .filter_map(Value::as_str)
            .partition(|it| it.contains('/'));
        let one = matches!(own[..], [it] if !it.starts_with("dep:"));
        one && !of_others.is_empty() && !is_named(name)
    })
    .map(|(name, _)| name.as_str())
    .collect()
}

/// Benchmarks and the testkit are unpublished, and programs are covered by the lints.
fn published_libraries(workspace: &Workspace) -> Vec<&Package> {
    workspace
        .packages_in("crates")
        .filter(|package| !package.is_private() && workspace.has_library(package))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_packages_and_programs_are_left_out() {
        let workspace = Workspace::planted(&[
            ("crates/a/Cargo.toml", "[package]\nname = 'a'"),
            ("crates/a/src/lib.rs", ""),
            (
                "crates/b/Cargo.toml",
                "[package]\nname = 'b'\npublish = false",
            ),
            ("crates/b/src/lib.rs", ""),
            ("crates/c/Cargo.toml", "[package]\nname = 'c'"),
            ("crates/c/src/main.rs", ""),
        ]);
        let names: Vec<_> = published_libraries(&workspace)
            .iter()
            .map(|package| &package.name)
            .collect();
        assert_eq!(names, ["a"]);
    }

    #[test]
    fn a_feature_that_only_dependencies_see_is_in_no_pair() {
        let manifest = "[package]\nname = 'a'\n[features]\n\
            default = ['one', 'two']\n\
            one = ['dep:one']\n\
            one-json = ['one', 'one/json']\n\
            one-named = ['one', 'one/named']\n\
            one-two = ['one', 'two', 'one/two']\n\
            two = []\n\
            two-again = ['two']\n";
        let workspace = Workspace::planted(&[
            ("crates/a/Cargo.toml", manifest),
            ("crates/a/src/lib.rs", "mod inner;"),
            (
                "crates/a/src/inner.rs",
                "#[cfg(feature = \"one-named\")] fn f() {}",
            ),
            (
                "crates/b/src/lib.rs",
                "#[cfg(feature = \"one-json\")] fn f() {}",
            ),
        ]);
        let package = &workspace.packages[0];
        assert_eq!(passed_on(&workspace, package), ["one-json"]);
    }
}
