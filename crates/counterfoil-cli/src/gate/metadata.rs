//! What cargo says of the workspace: its packages, binaries and libraries, and the exceptions in their manifests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::failure::Failure;

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) packages: Vec<Package>,
    workspace_members: Vec<String>,
    pub(super) workspace_root: PathBuf,
}

#[derive(Debug, Deserialize)]
pub(super) struct Package {
    id: String,
    pub(super) name: String,
    pub(super) manifest_path: PathBuf,
    pub(super) targets: Vec<Target>,
    dependencies: Vec<Dependency>,
    metadata: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Target {
    pub(super) name: String,
    kind: Vec<String>,
    pub(super) src_path: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    rename: Option<String>,
}

/// Something that a rule forbids and that is allowed all the same, as a manifest lists it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Excepted {
    pub(super) rule: String,
    /// The file that it is for, from the package's directory; the whole package without it.
    pub(super) file: Option<String>,
    pub(super) reason: String,
}

impl Metadata {
    /// Asks cargo, which reads manifests only: nothing is resolved, and no network is needed.
    pub(super) fn read(manifest: Option<&Path>) -> Result<Self, Failure> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args([
            "metadata",
            // What it says ends up in a message of ours.
            "--color=never",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ]);
        if let Some(manifest) = manifest {
            command.arg("--manifest-path").arg(manifest);
        }
        let output = command.output().map_err(|error| {
            Failure::usage(format!(
                "cargo cannot be run: {error}; install it, or put it on the search path"
            ))
        })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.trim().trim_start_matches("error: ");
            return Err(Failure::usage(format!(
                "cargo cannot read the workspace: {said}"
            )));
        }
        let mut metadata: Self = serde_json::from_slice(&output.stdout).map_err(|error| {
            Failure::usage(format!(
                "what cargo says of the workspace cannot be read: {error}"
            ))
        })?;
        let members = std::mem::take(&mut metadata.workspace_members);
        metadata
            .packages
            .retain(|package| members.contains(&package.id));
        metadata.packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(metadata)
    }
}

impl Package {
    /// Names by which the code calls crates that the manifest renames, and the names that the crates have.
    pub(super) fn renames(&self) -> BTreeMap<String, String> {
        let of_code = |name: &str| name.replace('-', "_");
        let renamed = self.dependencies.iter().filter_map(|it| {
            let rename = it.rename.as_deref()?;
            Some((of_code(rename), of_code(&it.name)))
        });
        renamed.collect()
    }

    /// Whether its code, other than tests and build scripts, may use this crate.
    pub(super) fn uses(&self, krate: &str) -> bool {
        self.dependencies
            .iter()
            .any(|it| it.kind.is_none() && it.name == krate)
    }

    /// `[[package.metadata.counterfoil.gate]]`.
    pub(super) fn exceptions(&self) -> Result<Vec<Excepted>, Failure> {
        let listed = self
            .metadata
            .as_ref()
            .and_then(|it| it.pointer("/counterfoil/gate"));
        let Some(listed) = listed else {
            return Ok(Vec::new());
        };
        serde_json::from_value(listed.clone()).map_err(|error| {
            Failure::usage(format!(
                "{}: package.metadata.counterfoil.gate is no list of exceptions, each with rule, reason and perhaps file: {error}",
                self.manifest_path.display()
            ))
        })
    }
}

impl Target {
    /// Whether it is a program that is shipped: no test, benchmark, example or build script.
    pub(super) fn is_binary(&self) -> bool {
        self.kind.iter().any(|kind| kind == "bin")
    }

    /// Whether it is a library; procedural macros run while compiling and are none.
    pub(super) fn is_library(&self) -> bool {
        const KINDS: [&str; 5] = ["lib", "rlib", "dylib", "cdylib", "staticlib"];
        self.kind.iter().any(|kind| KINDS.contains(&kind.as_str()))
    }
}
