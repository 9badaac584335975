//! Fuzzing: every target below `crates/*/fuzz`, from seeds that are made of the published vectors.
//!
//! cargo-fuzz asks for a nightly toolchain only for its sanitizers. Everything here is safe Rust, where a panic, a failed
//! assertion or an overflow is what there is to find, so the targets run without one, on the pinned toolchain.

mod seeds;

use std::path::Path;

use toml::Value;

use crate::command::Cmd;
use crate::debian;
use crate::failure::{Failure, Result};
use crate::pipeline::Context;
use crate::tools;

/// Runs each target, or the one that is named, for so many seconds; stops at the first that finds something.
pub(crate) fn run(context: &Context, only: Option<&str>, seconds: u64) -> Result<()> {
    debian::ensure(context.ci)?;
    let mut run = 0;
    for dir in folders(&context.root)? {
        for target in targets(&context.root.join(&dir).join("Cargo.toml"))? {
            if only.is_none_or(|only| only == target) {
                println!("{dir}: {target}");
                cargo_fuzz(&context.root, "build", &dir, &target)?
                    .next("repair the build of this target")
                    .run()?;
                fuzz(&context.root, &dir, &target, seconds)?;
                run += 1;
            }
        }
    }
    if run > 0 {
        return Ok(());
    }
    Err(Failure::new(
        format!("there is no fuzz target {}", only.unwrap_or("at all")),
        "name one of the files in crates/*/fuzz/fuzz_targets, without .rs",
    ))
}

fn fuzz(root: &Path, dir: &str, target: &str, seconds: u64) -> Result<()> {
    let corpus = root.join("target/fuzz-corpus").join(target);
    seeds::write(root, target, &corpus)?;
    cargo_fuzz(root, "run", dir, target)?
        .arg(corpus)
        .args([
            "--",
            "-verbosity=0",
            "-print_final_stats=1",
            "-rss_limit_mb=2048",
            "-timeout=10",
        ])
        .arg(format!("-max_total_time={seconds}"))
        .next(format!(
            "the input that failed lies in {dir}/artifacts/{target}; make a test of it, then repair"
        ))
        .run()
}

fn cargo_fuzz(root: &Path, command: &str, dir: &str, target: &str) -> Result<Cmd> {
    Ok(tools::FUZZ
        .cmd(root)?
        .args([command, "--sanitizer", "none", "--fuzz-dir"])
        .arg(root.join(dir))
        .arg("--target-dir")
        .arg(root.join("target/fuzz"))
        .arg(target))
}

/// The folders of fuzz targets, such as `crates/counterfoil-merkle/fuzz`.
fn folders(root: &Path) -> Result<Vec<String>> {
    let unreadable =
        |error: std::io::Error| Failure::new(format!("cannot list crates: {error}"), "look at it");
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(root.join("crates")).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let dir = format!("crates/{}/fuzz", name.to_string_lossy());
        if root.join(&dir).join("Cargo.toml").is_file() {
            folders.push(dir);
        }
    }
    folders.sort();
    Ok(folders)
}

/// The names of a manifest's binaries.
fn targets(manifest: &Path) -> Result<Vec<String>> {
    let malformed = |why: String| Failure::new(format!("{}: {why}", manifest.display()), "mend it");
    let text = std::fs::read_to_string(manifest).map_err(|error| malformed(error.to_string()))?;
    let parsed: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| malformed(error.to_string()))?;
    let bins = parsed.get("bin").and_then(Value::as_array);
    Ok(bins
        .into_iter()
        .flatten()
        .filter_map(|bin| bin.get("name")?.as_str().map(str::to_owned))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::find_root;

    #[test]
    fn every_target_has_a_file_and_every_file_is_a_target() {
        let root = find_root().unwrap();
        let folders = folders(&root).unwrap();
        assert!(folders.contains(&"crates/counterfoil-merkle/fuzz".to_owned()));
        for dir in folders {
            let mut named = targets(&root.join(&dir).join("Cargo.toml")).unwrap();
            let mut files: Vec<String> = std::fs::read_dir(root.join(&dir).join("fuzz_targets"))
                .unwrap()
                .map(|file| {
                    let name = file.unwrap().file_name().into_string().unwrap();
                    name.trim_end_matches(".rs").to_owned()
                })
                .collect();
            named.sort();
            files.sort();
            assert_eq!(named, files, "{dir}");
        }
    }
}
