//! The compose file, as much of it as is checked, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::read::{self, Error};

/// What `docker compose` is told.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Compose {
    /// By name.
    pub services: BTreeMap<String, Service>,
    /// Named volumes.
    #[serde(default)]
    pub volumes: BTreeMap<String, Value>,
    /// Files that are given to services.
    #[serde(default)]
    pub configs: BTreeMap<String, Source>,
    /// Files that are given to services, and not shown.
    #[serde(default)]
    pub secrets: BTreeMap<String, Source>,
}

/// A container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Service {
    /// What it runs.
    pub image: String,
    /// How that is built, if it is ours.
    pub build: Option<Build>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// What its environment says.
    pub environment: BTreeMap<String, String>,
    /// `host:container`, with an address before.
    pub ports: Vec<String>,
    /// `source:target:mode`.
    pub volumes: Vec<String>,
    /// Names of the configs that it is given.
    pub configs: Vec<Given>,
    /// Names of the secrets that it is given.
    pub secrets: Vec<Given>,
    /// The services it needs, each with the condition that it waits for.
    pub depends_on: BTreeMap<String, Value>,
    /// How Docker finds out that it is well.
    pub healthcheck: Option<Value>,
    /// The most memory it may use.
    pub mem_limit: Option<String>,
    /// When it is started again.
    pub restart: Option<String>,
}

/// A build of this repository.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Build {
    /// The folder that it sees.
    pub context: String,
    /// Its Dockerfile, seen from there.
    pub dockerfile: String,
}

/// Where a config or secret is from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Source {
    /// A file beside the compose file.
    pub file: Option<String>,
    /// A variable of the environment.
    pub environment: Option<String>,
}

/// A config or secret that a service is given.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Given {
    /// Under its own name.
    Name(String),
    /// At a path.
    At {
        /// Its name.
        source: String,
    },
}

/// The compose file of the stack.
#[must_use]
pub fn path() -> PathBuf {
    read::root().join("compose.yaml")
}

impl Compose {
    /// What a compose file holds.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn read(path: &Path) -> Result<Self, Error> {
        read::yaml(path)
    }

    /// What is wrong with it, if its file is in `folder`.
    #[must_use]
    pub fn check(&self, folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for (name, service) in &self.services {
            let wrong = self.check_service(service, folder);
            found.extend(wrong.into_iter().map(|what| format!("{name}: {what}")));
        }
        for (name, source) in self.configs.iter().chain(&self.secrets) {
            match (&source.file, &source.environment) {
                (Some(file), None) if !folder.join(file).exists() => {
                    found.push(format!("{name}: there is no {file}"));
                }
                (Some(_), None) | (None, Some(_)) => {}
                _ => found.push(format!("{name}: is neither a file nor a variable")),
            }
        }
        found
    }

    fn check_service(&self, service: &Service, folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(build) = &service.build {
            let context = folder.join(&build.context);
            if !context.join(&build.dockerfile).is_file() {
                found.push(format!("there is no {}", build.dockerfile));
            }
            if !is_program(&context.join("examples"), service.command.first()) {
                let what = format!("{:?} begins with no program of a recipe", service.command);
                found.push(what);
            }
        } else if !is_pinned(&service.image) {
            found.push(format!("the image {} has no version", service.image));
        }
        for port in &service.ports {
            if !port.starts_with("127.0.0.1:") {
                found.push(format!("the port {port} is not on 127.0.0.1"));
            }
        }
        for needed in service.depends_on.keys() {
            if !self.services.contains_key(needed) {
                found.push(format!("it depends on {needed}, which is no service"));
            }
        }
        self.check_mounts(service, folder, &mut found);
        if service.mem_limit.is_none() {
            found.push("its memory has no limit".to_owned());
        }
        let waited_for = self.services.values().any(|other| {
            let needs = other.depends_on.iter();
            needs.into_iter().any(|(needed, how)| {
                self.services
                    .get(needed)
                    .is_some_and(|it| std::ptr::eq(it, service))
                    && how["condition"] == "service_healthy"
            })
        });
        if waited_for && service.healthcheck.is_none() {
            found.push("others wait until it is healthy, and nothing finds that out".to_owned());
        }
        found
    }

    fn check_mounts(&self, service: &Service, folder: &Path, found: &mut Vec<String>) {
        for volume in &service.volumes {
            let (source, _) = volume.split_once(':').unwrap_or((volume, ""));
            let is_path = source.starts_with(['.', '/', '~']);
            if is_path && !folder.join(source).exists() {
                found.push(format!("there is no {source} to mount"));
            }
            if is_path && !volume.ends_with(":ro") {
                found.push(format!("{volume} can be written to"));
            }
            if !is_path && !self.volumes.contains_key(source) {
                found.push(format!("there is no volume {source}"));
            }
        }
        let known: BTreeSet<_> = self.configs.keys().chain(self.secrets.keys()).collect();
        for given in service.configs.iter().chain(&service.secrets) {
            let (Given::Name(name) | Given::At { source: name }) = given;
            if !known.contains(name) {
                found.push(format!("there is no config or secret {name}"));
            }
        }
    }
}

/// Whether a recipe has the program: `/opt/recipe-42/bin/platform-api`, as the Dockerfile installs it.
fn is_program(examples: &Path, program: Option<&String>) -> bool {
    let parts = program.and_then(|it| it.strip_prefix("/opt/")?.split_once("/bin/"));
    let (Some((recipe, program)), Ok(folders)) = (parts, std::fs::read_dir(examples)) else {
        return false;
    };
    folders.filter_map(Result::ok).any(|folder| {
        let name = folder.file_name();
        let sources = folder.path().join("src/bin").join(program);
        name.to_string_lossy().starts_with(&format!("{recipe}-"))
            && (sources.join("main.rs").is_file() || sources.with_extension("rs").is_file())
    })
}

/// Whether an image has a tag that names a version, or a digest.
fn is_pinned(image: &str) -> bool {
    if let Some((_, digest)) = image.split_once('@') {
        return digest.starts_with("sha256:");
    }
    let name = image.rsplit_once('/').map_or(image, |(_, name)| name);
    let tag = name.split_once(':').map(|(_, tag)| tag);
    tag.is_some_and(|tag| tag.contains(|it: char| it.is_ascii_digit()) && tag.contains('.'))
}

/// What is wrong with a Dockerfile: an image without a version.
#[must_use]
pub fn check_dockerfile(text: &str) -> Vec<String> {
    let stages = text
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "))
        .filter_map(|rest| rest.split_whitespace().find(|it| !it.starts_with("--")));
    stages
        .filter(|image| !is_pinned(image))
        .map(|image| format!("the image {image} has no version"))
        .collect()
}
