//! What `init` starts can be exported: the feature is on, and the environment says where to.

use super::entry::calls_init;
use crate::gate::finding::Finding;
use crate::gate::reach::{Reach, Reached};
use crate::gate::rules::Rule;
use crate::gate::source::Form;
use crate::gate::workspace::Workspace;

const FEATURES: [&str; 3] = ["otlp", "otlp-grpc", "otlp-tls"];

/// Binaries that call `init` and that `OTEL_EXPORTER_OTLP_ENDPOINT` says nothing.
pub(super) fn otlp(workspace: &Workspace, reach: &Reach<'_>, found: &mut Vec<Finding>) {
    for (number, tree) in workspace.trees.iter().enumerate() {
        let Some(root) = workspace.root_of(number).filter(|_| tree.is_binary) else {
            continue;
        };
        let reached = reach.of_file(root);
        let Some(init) = reached.iter().find(|it| calls_init(it.mention)) else {
            continue;
        };
        let binary = workspace.files[root].package;
        let caller = workspace.files[init.file].package;
        let turns_on =
            |package: usize| workspace.packages[package].turns_on("counterfoil", &FEATURES);
        if !turns_on(binary) && !turns_on(caller) {
            let package = &workspace.packages[caller];
            found.push(Finding {
                file: workspace.relative(&package.manifest_path),
                at: package.line_of("counterfoil"),
                rule: Rule::Otlp,
                package: caller,
                message: "init is called without the feature otlp of counterfoil".to_owned(),
            });
        }
        if !reached.iter().any(takes_environment) {
            let made = reached.iter().find(|it| makes_config(it)).unwrap_or(init);
            let message = "init is told nothing of what the environment says".to_owned();
            let file = &workspace.files[made.file];
            found.push(Finding::of(Rule::Otlp, file, made.mention, message));
        }
    }
}

fn makes_config(reached: &Reached<'_>) -> bool {
    let is_new = |path: &str| path == "counterfoil::init::Config::new";
    reached.mention.form == Form::Call && reached.mention.names(is_new)
}

/// `Config::env()`, which others of that name take arguments for, `Config::env_from` and `Config::from_env`.
fn takes_environment(reached: &Reached<'_>) -> bool {
    let mention = reached.mention;
    let is_from = |path: &str| path == "counterfoil::init::Config::from_env";
    mention.calls_method(&["env"]) && mention.arguments.is_empty()
        || mention.calls_method(&["env_from"])
        || mention.form == Form::Call && mention.names(is_from)
}
