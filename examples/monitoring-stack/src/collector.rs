//! The collector's configuration, as much of it as keeps tenants apart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::read::{self, Error};

#[derive(Deserialize)]
struct Config {
    extensions: BTreeMap<String, Value>,
    receivers: BTreeMap<String, Value>,
    processors: BTreeMap<String, Value>,
    exporters: BTreeMap<String, Value>,
    service: Service,
}

#[derive(Deserialize)]
struct Service {
    extensions: Vec<String>,
    pipelines: BTreeMap<String, Pipeline>,
}

#[derive(Deserialize)]
struct Pipeline {
    receivers: Vec<String>,
    processors: Vec<String>,
    exporters: Vec<String>,
}

/// What is wrong with it: a component that is used and not there, or there and not used; a receiver without a credential; a
/// pipeline that crosses tenants.
///
/// # Errors
/// When it cannot be read.
pub fn check(path: &Path) -> Result<Vec<String>, Error> {
    let config: Config = read::yaml(path)?;
    let mut found = Vec::new();
    let pipelines = config.service.pipelines.values();
    let all = |of: fn(&Pipeline) -> &[String]| -> BTreeSet<&str> {
        let names = pipelines.clone().flat_map(of);
        names.map(String::as_str).collect()
    };
    let started = config.service.extensions.iter();
    for (kind, there, used) in [
        (
            "extension",
            &config.extensions,
            started.map(String::as_str).collect(),
        ),
        ("receiver", &config.receivers, all(|it| &it.receivers)),
        ("processor", &config.processors, all(|it| &it.processors)),
        ("exporter", &config.exporters, all(|it| &it.exporters)),
    ] {
        let there: BTreeSet<_> = there.keys().map(String::as_str).collect();
        for name in there.symmetric_difference(&used) {
            found.push(format!("the {kind} {name} is not both there and used"));
        }
    }
    for (name, receiver) in &config.receivers {
        found.extend(credential(name, receiver));
    }
    for (name, pipeline) in &config.service.pipelines {
        found.extend(crossed(name, pipeline, &config.exporters));
    }
    Ok(found)
}

/// The tenant in a name: `acme` of `otlp/acme`.
fn tenant(name: &str) -> &str {
    name.split_once('/').map_or("", |(_, tenant)| tenant)
}

/// Each way into a receiver takes its tenant's credential and no other.
fn credential(name: &str, receiver: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let expected = format!("bearertokenauth/{}", tenant(name));
    for (protocol, way) in receiver["protocols"].as_object().into_iter().flatten() {
        if way["auth"]["authenticator"] != *expected {
            found.push(format!("{name}: {protocol} does not ask for {expected}"));
        }
    }
    found
}

/// A pipeline has one receiver, its tenant's; its own batches; and it sends under its tenant's name.
fn crossed(name: &str, pipeline: &Pipeline, exporters: &BTreeMap<String, Value>) -> Vec<String> {
    let tenant = tenant(name);
    let mut found = Vec::new();
    if pipeline.receivers != [format!("otlp/{tenant}")] {
        found.push(format!("{name} takes what came in elsewhere"));
    }
    if pipeline
        .processors
        .first()
        .is_none_or(|it| it != "memory_limiter")
    {
        found.push(format!("{name} does not begin with memory_limiter"));
    }
    let batches = pipeline
        .processors
        .iter()
        .filter(|it| it.starts_with("batch"));
    if batches.clone().count() != 1 || batches.clone().any(|it| it != &format!("batch/{tenant}")) {
        found.push(format!("{name} does not batch for itself"));
    }
    for exporter in &pipeline.exporters {
        let config = exporters.get(exporter).unwrap_or(&Value::Null);
        if config["headers"]["X-Scope-OrgID"] != tenant {
            found.push(format!(
                "{name} sends through {exporter} under another name"
            ));
        }
        let queue = &config["sending_queue"];
        if queue["queue_size"].as_u64().is_none() || queue["block_on_overflow"] != false {
            found.push(format!(
                "the queue of {exporter} has no bound, or waits when it is full"
            ));
        }
    }
    found
}
