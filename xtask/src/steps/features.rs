//! Each feature of each published library alone and in pairs, and the purity of small configurations.

use super::purity;
use crate::failure::Result;
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
    tools::HACK
        .cmd(&context.root)?
        .args(["clippy", "--locked", "--feature-powerset", "--depth", "2"])
        .args(libraries.iter().flat_map(|name| ["--package", name]))
        .args(["--", "-D", "warnings"])
        .next("repeat the combination that cargo-hack printed: `cargo clippy -p <crate> --no-default-features --features <…>`")
        .run()
}

/// Benchmarks and the testkit are unpublished, and programs are covered by the lints.
fn published_libraries(workspace: &Workspace) -> Vec<&str> {
    workspace
        .packages_in("crates")
        .filter(|package| !package.is_private() && workspace.has_library(package))
        .map(|package| package.name.as_str())
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
        assert_eq!(published_libraries(&workspace), ["a"]);
    }
}
