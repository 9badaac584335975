//! What cargo says of the workspace: its packages, binaries and libraries, and the exceptions in their manifests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::tokens::At;
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
    /// Features of its own, and what each turns on.
    features: BTreeMap<String, Vec<String>>,
    metadata: Option<serde_json::Value>,
    /// Functions and methods that take messages from a queue of its own, by name or the end of their path.
    #[serde(skip)]
    pub(super) receives: Vec<String>,
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
    features: Vec<String>,
}

/// `[package.metadata.counterfoil.consumer]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Consumer {
    receive: Vec<String>,
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
        for package in &mut metadata.packages {
            package.receives = package.queue_of_its_own()?;
        }
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

    /// Whether it turns on one of these features of a crate, by its dependency or by a feature of its own.
    pub(super) fn turns_on(&self, krate: &str, features: &[&str]) -> bool {
        let is_it = |name: &str| features.contains(&name);
        let of_code = self.dependencies.iter().filter(|it| it.kind.is_none());
        let mut of_krate = of_code.filter(|it| it.name == krate);
        of_krate.any(|dependency| {
            let called = dependency.rename.as_deref().unwrap_or(krate);
            let turned_on = self.features.values().flatten().filter_map(|it| {
                let (of, feature) = it.split_once('/')?;
                (of.trim_end_matches('?') == called).then_some(feature)
            });
            let asked_for = dependency.features.iter().map(String::as_str);
            asked_for.chain(turned_on).any(is_it)
        })
    }

    /// The first line of its manifest that gives this key a value; the first of all if none does.
    pub(super) fn line_of(&self, key: &str) -> At {
        let text = fs::read_to_string(&self.manifest_path).unwrap_or_default();
        let is_it = |line: &str| {
            let rest = line.trim_start().strip_prefix(key);
            rest.is_some_and(|rest| rest.trim_start().starts_with(['=', '.']))
        };
        let line = text.lines().position(is_it).map_or(1, |at| at + 1);
        At { line, column: 1 }
    }

    /// `[[package.metadata.counterfoil.gate]]`.
    pub(super) fn exceptions(&self) -> Result<Vec<Excepted>, Failure> {
        let is = "no list of exceptions, each with rule, reason and perhaps file";
        Ok(self.told("gate", is)?.unwrap_or_default())
    }

    fn queue_of_its_own(&self) -> Result<Vec<String>, Failure> {
        let is = "no table with receive, a list of functions and methods";
        let told: Option<Consumer> = self.told("consumer", is)?;
        Ok(told.map(|it| it.receive).unwrap_or_default())
    }

    /// What the manifest says under `package.metadata.counterfoil`.
    fn told<T: DeserializeOwned>(&self, key: &str, otherwise: &str) -> Result<Option<T>, Failure> {
        let metadata = self.metadata.as_ref();
        let told = metadata.and_then(|it| it.pointer(&format!("/counterfoil/{key}")));
        let read = told.map(|told| serde_json::from_value(told.clone()));
        read.transpose().map_err(|error| {
            Failure::usage(format!(
                "{}: package.metadata.counterfoil.{key} is {otherwise}: {error}",
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
