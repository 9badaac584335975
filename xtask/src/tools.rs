//! Cargo tools that steps need: taken from the machine if new enough, else built into `target/tools`.
//!
//! A private place leaves what the machine's owner installed alone. Tools are built without
//! optimisation: that takes a third of the time, and their own work here is short.

use std::path::{Path, PathBuf};

use crate::command::{Cmd, find_program};
use crate::failure::{Failure, Result};

/// A tool with the version that this repository was last checked with.
#[derive(Debug)]
pub(crate) struct Tool {
    program: &'static str,
    subcommand: &'static str,
    version: &'static str,
    install: &'static [&'static str],
}

pub(crate) const NEXTEST: Tool = Tool {
    program: "cargo-nextest",
    subcommand: "nextest",
    version: "0.9.151",
    // Without the self-updater, which brings a whole HTTP client.
    install: &["--no-default-features", "--features", "default-no-update"],
};

pub(crate) const HACK: Tool = Tool {
    program: "cargo-hack",
    subcommand: "hack",
    version: "0.6.46",
    install: &[],
};

pub(crate) const DENY: Tool = Tool {
    program: "cargo-deny",
    subcommand: "deny",
    version: "0.20.2",
    install: &[],
};

pub(crate) const FUZZ: Tool = Tool {
    program: "cargo-fuzz",
    subcommand: "fuzz",
    version: "0.13.2",
    install: &[],
};

impl Tool {
    /// A command that runs this tool, which is installed first if it is missing or too old.
    pub(crate) fn cmd(&self, root: &Path) -> Result<Cmd> {
        Ok(Cmd::new(self.ensure(root)?).arg(self.subcommand).dir(root))
    }

    fn ensure(&self, root: &Path) -> Result<PathBuf> {
        let place = root.join("target/tools");
        let own = place.join("bin").join(self.program);
        for candidate in [Some(own.clone()), find_program(self.program)]
            .into_iter()
            .flatten()
        {
            if self.is_new_enough(&candidate) {
                return Ok(candidate);
            }
        }
        println!(
            "installing {} {} into target/tools",
            self.program, self.version
        );
        Cmd::cargo("install")
            .args(["--locked", "--debug", "--version", self.version, "--root"])
            .arg(&place)
            .args(self.install)
            .arg(self.program)
            .dir(root)
            .next(format!(
                "install it by hand: `cargo install --locked {} --version {}`",
                self.program, self.version
            ))
            .run()?;
        if self.is_new_enough(&own) {
            Ok(own)
        } else {
            Err(Failure::new(
                format!(
                    "{} was installed but does not report version {}",
                    own.display(),
                    self.version
                ),
                "remove target/tools and run the step again",
            ))
        }
    }

    fn is_new_enough(&self, program: &Path) -> bool {
        if !program.is_file() {
            return false;
        }
        let Ok(captured) = Cmd::new(program)
            .args([self.subcommand, "--version"])
            .capture()
        else {
            return false;
        };
        reported_version(&captured.stdout) >= parse_version(self.version)
    }
}

/// The first word of a `--version` text that looks like a version.
fn reported_version(text: &str) -> Option<[u64; 3]> {
    text.split_whitespace().find_map(parse_version)
}

fn parse_version(text: &str) -> Option<[u64; 3]> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    let version = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number_not_by_letter() {
        assert!(
            reported_version("cargo-nextest 0.9.151 (6b3f99457 2026-11-02)")
                > parse_version("0.9.99")
        );
        assert!(reported_version("cargo-hack 0.6.46\n") >= parse_version("0.6.46"));
    }

    #[test]
    fn a_text_without_a_version_is_older_than_any() {
        assert!(reported_version("error: no such command") < parse_version("0.0.1"));
    }

    #[test]
    fn pinned_versions_are_versions() {
        for tool in [NEXTEST, HACK, DENY, FUZZ] {
            assert!(parse_version(tool.version).is_some(), "{tool:?}");
        }
    }
}
