//! `counterfoil gate` on a copy of recipe 42: it passes, and each rule that is broken by one edit is found where it was broken.

use std::fs;
use std::path::{Path, PathBuf};

use super::{App, NOTHING};

const RECIPE: &str = "examples/recipe-42-platform-api";

/// An edit that breaks a rule.
struct Break {
    rule: &'static str,
    file: &'static str,
    /// What stands there, once.
    was: &'static str,
    instead: &'static str,
}

const fn edit(
    rule: &'static str,
    file: &'static str,
    was: &'static str,
    instead: &'static str,
) -> Break {
    Break {
        rule,
        file,
        was,
        instead,
    }
}

/// Every binary starts its telemetry.
const BINARIES: &[Break] = &[
    edit(
        "CF-G-INIT",
        "src/bin/platform-api.rs",
        "counterfoil::init(Process::API",
        "drop(Process::API",
    ),
    edit(
        "CF-G-INIT",
        "src/bin/platform-worker.rs",
        "counterfoil::init(Process::WORKER",
        "drop(Process::WORKER",
    ),
    edit(
        "CF-G-INIT",
        "src/bin/platform-web.rs",
        "counterfoil::init(Process::WEB",
        "drop(Process::WEB",
    ),
];

/// Every server is wrapped by the layer.
const SERVERS: &[Break] = &[
    edit("CF-G-SERVER", "src/api.rs", ".layer(observed)", ""),
    edit("CF-G-SERVER", "src/web.rs", ".layer(observed.http())", ""),
];

/// Every message is processed in a span that says which it is.
const CONSUMERS: &[Break] = &[
    edit(
        "CF-G-CONSUMER",
        "src/relay.rs",
        "self.outbox\n            .process_for(identity, message, self.send(event, batch))",
        "self.send(event, batch)",
    ),
    edit(
        "CF-G-CONSUMER",
        "src/worker.rs",
        "shared\n            .queue\n            .process_for(identity, message, shared.attempt(&task))",
        "shared.attempt(&task)",
    ),
    edit(
        "CF-G-CONSUMER",
        "src/worker.rs",
        "\n            .subject(&task.subject)",
        "",
    ),
];

/// Every mutation has a span for who asks, for the change, and for its record.
const MUTATIONS: &[Break] = &[
    edit(
        "CF-G-MUTATION",
        "src/api/allocations.rs",
        "mutation.resolve(platform.allocation(member, id))",
        "platform.allocation(member, id)",
    ),
    edit(
        "CF-G-MUTATION",
        "src/api/allocations.rs",
        "mutation.apply(platform.make(wanted, keyed))",
        "platform.make(wanted, keyed)",
    ),
    edit(
        "CF-G-MUTATION",
        "src/api/billing.rs",
        "mutation.record(record)",
        "record",
    ),
];

/// Every error is in the catalogue.
const ERRORS: &[Break] = &[
    edit(
        "CF-G-ERROR-CODE",
        "src/api.rs",
        "async || NOT_FOUND",
        "async || axum::http::StatusCode::NOT_FOUND",
    ),
    edit(
        "CF-G-ERROR-CODE",
        "src/api/billing.rs",
        "    Body(body): Body,\n) -> Result<Json<Receipt>, Failure>",
        "    Body(body): Body,\n) -> Result<Json<Receipt>, (axum::http::StatusCode, String)>",
    ),
];

/// Where OTLP goes is what the environment says.
const EXPORT: &[Break] = &[
    edit("CF-G-OTLP", "src/telemetry.rs", ".env()?", ""),
    edit(
        "CF-G-OTLP",
        "Cargo.toml",
        "\"json\", \"otlp\"]",
        "\"json\"]",
    ),
];

/// What is sensitive is taken out first.
const SANITISING: &[Break] = &[
    edit(
        "CF-G-REDACTION",
        "src/telemetry.rs",
        ".drain_on_signals(true)",
        ".drain_on_signals(true).redact(counterfoil::Unredacted)",
    ),
    edit(
        "CF-G-PRINT",
        "src/api/allocations.rs",
        "tracing::info!(allocation_id = allocation.id, \"allocation released\")",
        "println!(\"{} of {} was released\", allocation.id, allocation.tenant)",
    ),
    edit(
        "CF-G-SUBSCRIBER",
        "src/telemetry.rs",
        "std::fs::create_dir_all(data)",
        "tracing_subscriber::fmt::init();\n        std::fs::create_dir_all(data)",
    ),
];

#[test]
fn the_recipe_passes() {
    let copy = Copy::new();
    assert_eq!(copy.app.findings(), NOTHING);
    assert!(copy.app.document()["binaries"].as_u64() >= Some(2));
}

#[test]
fn a_binary_without_telemetry_is_found() {
    each(BINARIES);
}

#[test]
fn a_server_without_the_layer_is_found() {
    each(SERVERS);
}

#[test]
fn a_message_without_its_span_is_found() {
    each(CONSUMERS);
}

#[test]
fn a_mutation_without_one_of_its_spans_is_found() {
    each(MUTATIONS);
}

#[test]
fn an_error_without_its_code_is_found() {
    each(ERRORS);
}

#[test]
fn an_endpoint_that_nothing_is_sent_to_is_found() {
    each(EXPORT);
}

#[test]
fn something_that_goes_out_as_it_is_is_found() {
    each(SANITISING);
}

/// Breaks a copy by each edit alone; exactly that is found.
fn each(breaks: &[Break]) {
    let copy = Copy::new();
    for it in breaks {
        let path = copy.recipe().join(it.file);
        let whole = fs::read_to_string(&path).unwrap();
        let there = whole.matches(it.was).count();
        assert_eq!(
            there, 1,
            "{:?} is to be once in {}: give this test an edit that breaks the rule now",
            it.was, it.file
        );
        fs::write(&path, whole.replace(it.was, it.instead)).unwrap();
        let found = copy.app.findings();
        let found: Vec<String> = found.iter().map(|it| without_line(it)).collect();
        let expected = format!("{RECIPE}/{} {}", it.file, it.rule);
        assert_eq!(found, [expected], "{:?} in {}", it.instead, it.file);
        fs::write(&path, whole).unwrap();
    }
}

fn without_line(finding: &str) -> String {
    let (place, rule) = finding.split_once(' ').unwrap();
    let (file, _line) = place.split_once(':').unwrap();
    format!("{file} {rule}")
}

/// A workspace of its own with nothing but the recipe.
struct Copy {
    app: App,
}

impl Copy {
    fn new() -> Self {
        let copy = Self {
            app: App(tempfile::tempdir().unwrap()),
        };
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let ours = ours.canonicalize().unwrap();
        copy.app.write("Cargo.toml", &manifest(&ours));
        copy_tree(&ours.join(RECIPE), &copy.recipe());
        copy
    }

    fn recipe(&self) -> PathBuf {
        self.app.0.path().join(RECIPE)
    }
}

/// The manifest of our workspace, with the recipe as its only member and our crates where they are.
fn manifest(ours: &Path) -> String {
    let text = fs::read_to_string(ours.join("Cargo.toml")).unwrap();
    let mut manifest: toml::Table = text.parse().unwrap();
    let workspace = manifest["workspace"].as_table_mut().unwrap();
    workspace.insert("members".into(), vec![RECIPE].into());
    workspace.remove("default-members");
    let dependencies = workspace["dependencies"].as_table_mut().unwrap();
    for (_, dependency) in dependencies {
        let path = dependency.get("path").and_then(toml::Value::as_str);
        if let Some(path) = path.map(|it| ours.join(it)) {
            dependency["path"] = path.to_str().unwrap().into();
        }
    }
    toml::to_string(&manifest).unwrap()
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_tree(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}
