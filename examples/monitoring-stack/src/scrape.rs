//! Whether Prometheus scrapes what the compose file runs.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use crate::compose::Compose;
use crate::read::{self, Error};

/// Where a recipe's process is told to show its metrics.
const PORT: &str = "OTEL_EXPORTER_PROMETHEUS_PORT";

#[derive(Deserialize)]
struct Config {
    scrape_configs: Vec<Job>,
}

#[derive(Deserialize)]
struct Job {
    static_configs: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    targets: Vec<String>,
}

/// What of a `prometheus.yml` and a compose file does not fit together: a target that is no service, a process of a recipe
/// that is not scraped.
///
/// # Errors
/// When `prometheus.yml` cannot be read.
pub fn check(config: &Path, compose: &Compose) -> Result<Vec<String>, Error> {
    let config: Config = read::yaml(config)?;
    let jobs = config.scrape_configs.into_iter();
    let groups = jobs.flat_map(|it| it.static_configs);
    let targets: BTreeSet<String> = groups.flat_map(|it| it.targets).collect();
    let mut found = Vec::new();
    for target in &targets {
        let host = target.split_once(':').map_or(&**target, |(host, _)| host);
        if host != "localhost" && !compose.services.contains_key(host) {
            found.push(format!("it scrapes {target}, which is no service"));
        }
    }
    for (name, service) in &compose.services {
        let Some(port) = service.environment.get(PORT) else {
            continue;
        };
        let target = format!("{name}:{port}");
        if !targets.contains(&target) {
            found.push(format!("it does not scrape {target}"));
        }
    }
    Ok(found)
}
