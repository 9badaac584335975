//! Every example runs in each set of features it names and prints what it promises.
//!
//! The sets stand in the example's manifest; without them it runs once with its defaults:
//! `[package.metadata.counterfoil] run-with-features = [[], ["file-anchor", "ed25519"]]`.

use std::path::Path;

use toml::Value;

use super::wildcard::mismatch;
use crate::command::Cmd;
use crate::failure::{Failure, Result};
use crate::manifest::Package;
use crate::pipeline::Context;
use crate::workspace::Workspace;

/// Runs all examples.
pub(crate) fn run(context: &Context) -> Result<()> {
    let workspace = Workspace::read(&context.root)?;
    for package in workspace.packages_in("examples") {
        for features in feature_sets(package)? {
            run_one(context, package, &features)?;
        }
    }
    Ok(())
}

fn run_one(context: &Context, package: &Package, features: &[String]) -> Result<()> {
    let shown = if features.is_empty() {
        "default features".to_owned()
    } else {
        features.join(",")
    };
    println!("{}: {shown}", package.name);
    let mut command = Cmd::cargo("run")
        .args(["--quiet", "--package", &package.name, "--manifest-path"])
        .arg(context.root.join("Cargo.toml"));
    if !features.is_empty() {
        command = command.args(["--features", &features.join(",")]);
    }
    let scratch = scratch_directory(&context.root, &package.name)?;
    let output = command.dir(&scratch).next("repair the example").stdout()?;
    print!("{output}");

    let expected_path = format!("{}/expected-output.txt", package.dir);
    let Ok(expected) = std::fs::read_to_string(context.root.join(&expected_path)) else {
        println!(
            "{}: no expected-output.txt, so only the exit status counted",
            package.name
        );
        return Ok(());
    };
    match mismatch(&expected, &output) {
        None => Ok(()),
        Some(difference) => Err(Failure::new(
            format!(
                "{} with {shown} does not print what {expected_path} says\n{difference}",
                package.name
            ),
            "repair the example or its expected output; `[..]` stands for what varies within a line",
        )),
    }
}

/// A fresh working directory, so that what an example writes neither stays in the tree nor helps the next run.
fn scratch_directory(root: &Path, name: &str) -> Result<std::path::PathBuf> {
    let path = root.join("target/examples-run").join(name);
    let failed = |error: std::io::Error| {
        Failure::new(
            format!("{} cannot be made anew: {error}", path.display()),
            "remove it by hand",
        )
    };
    if path.exists() {
        std::fs::remove_dir_all(&path).map_err(failed)?;
    }
    std::fs::create_dir_all(&path).map_err(failed)?;
    Ok(path)
}

fn feature_sets(package: &Package) -> Result<Vec<Vec<String>>> {
    let listed = package
        .manifest
        .get("package")
        .and_then(|table| table.get("metadata"))
        .and_then(|table| table.get("counterfoil"))
        .and_then(|table| table.get("run-with-features"));
    let Some(listed) = listed else {
        return Ok(vec![Vec::new()]);
    };
    let sets: Option<Vec<_>> = listed
        .as_array()
        .map(|sets| sets.iter().map(strings).collect())
        .unwrap_or_default();
    sets.filter(|sets| !sets.is_empty()).ok_or_else(|| {
        Failure::new(
            format!(
                "{}: run-with-features is not a list of lists of features",
                package.manifest_path()
            ),
            "write it as [[], [\"one\", \"two\"]]",
        )
    })
}

fn strings(set: &Value) -> Option<Vec<String>> {
    set.as_array()?
        .iter()
        .map(|feature| feature.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(metadata: &str) -> Package {
        Package::parse(
            "examples/a",
            &format!("[package]\nname = 'cookbook-a'\n{metadata}"),
        )
        .unwrap()
    }

    #[test]
    fn an_example_without_metadata_runs_once() {
        assert_eq!(feature_sets(&package("")).unwrap(), [Vec::<String>::new()]);
    }

    #[test]
    fn each_listed_set_is_run() {
        let package = package(
            "[package.metadata.counterfoil]\nrun-with-features = [[], ['file-anchor', 'ed25519']]",
        );
        assert_eq!(
            feature_sets(&package).unwrap(),
            [vec![], vec!["file-anchor".to_owned(), "ed25519".to_owned()]]
        );
    }

    #[test]
    fn a_malformed_or_empty_list_is_refused() {
        for list in ["['file-anchor']", "[]", "'x'", "[[1]]"] {
            let package = package(&format!(
                "[package.metadata.counterfoil]\nrun-with-features = {list}"
            ));
            assert!(
                feature_sets(&package)
                    .unwrap_err()
                    .to_string()
                    .contains("run-with-features"),
                "{list}"
            );
        }
    }
}
