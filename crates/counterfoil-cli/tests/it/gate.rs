//! `counterfoil gate` on small workspaces, for each rule one that passes and one that does not.

mod recipe;
mod services;

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::run::{Ran, counterfoil, run};

/// A package `app` with these dependencies and files, in a workspace of its own.
struct App(tempfile::TempDir);

impl App {
    fn new(dependencies: &[&str], files: &[(&str, &str)]) -> Self {
        Self::with_manifest(dependencies, "", files)
    }

    fn with_manifest(dependencies: &[&str], more: &str, files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut manifest = String::from(
            "[workspace]\n[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\n",
        );
        for name in dependencies {
            manifest.push_str(&format!("{name} = \"*\"\n"));
        }
        let app = Self(directory);
        app.write("Cargo.toml", &(manifest + more));
        for (path, text) in files {
            app.write(path, text);
        }
        app
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn gate(&self, more: &[&str]) -> Ran {
        let mut command = counterfoil();
        command.current_dir(self.0.path()).arg("gate").args(more);
        command.output().unwrap().into()
    }

    fn document(&self) -> Value {
        let ran = self.gate(&["--output", "json"]);
        let document = ran.json();
        let expected = i32::from(document["passed"] == false);
        assert_eq!(ran.code, Some(expected), "{ran:?}");
        document
    }

    /// Each finding as `file:line rule`.
    fn findings(&self) -> Vec<String> {
        let document = self.document();
        let findings = document["findings"].as_array().unwrap();
        let shown = findings.iter().map(|it| {
            let (file, rule) = (it["file"].as_str().unwrap(), it["rule"].as_str().unwrap());
            format!("{file}:{} {rule}", it["line"])
        });
        shown.collect()
    }

    /// Those of one rule.
    fn findings_of(&self, rule: &str) -> Vec<String> {
        let mut findings = self.findings();
        findings.retain(|it| it.ends_with(&format!(" {rule}")));
        findings
    }
}

/// What is found in a library that holds only `code`.
fn in_library(dependencies: &[&str], code: &str) -> Vec<String> {
    App::new(dependencies, &[("src/lib.rs", code)]).findings()
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_binary_that_calls_init_passes_however_it_names_it() {
    for main in [
        "fn main() { let _guard = counterfoil::init(config()); }",
        "use counterfoil::{Observer, init}; fn main() { init(config()).unwrap(); }",
        "use counterfoil::init as begin; fn main() { begin(config()); }",
        "use counterfoil::*; fn main() { init(config()); }",
        "fn main() { ::counterfoil::init::init(config()); }",
    ] {
        assert_eq!(
            App::new(&[], &[("src/main.rs", main)]).findings_of("CF-G-INIT"),
            NOTHING,
            "{main}"
        );
    }
}

#[test]
fn a_binary_that_does_not_call_init_is_found_at_its_main() {
    for main in [
        "//! A service.\nfn main() {}",
        "\nfn main() { /* counterfoil::init(config()) */ \"counterfoil::init(x)\"; }",
        "use counterfoil::init;\nfn main() {}",
        "\nfn main() {} #[cfg(test)] mod tests { fn x() { counterfoil::init(1); } }",
        "\nfn main() { init(1) } fn init(x: u8) {}",
        "mod other;\nfn main() {}",
    ] {
        let other = ("src/other.rs", "fn never() { counterfoil::init(1); }");
        let app = App::new(&[], &[("src/main.rs", main), other]);
        assert_eq!(
            app.findings_of("CF-G-INIT"),
            ["src/main.rs:2 CF-G-INIT"],
            "{main}"
        );
    }
}

#[test]
fn a_call_of_init_is_followed_through_modules_and_the_own_library() {
    let through_module = App::new(
        &[],
        &[
            ("src/main.rs", "mod start; fn main() { start::now(); }"),
            (
                "src/start/mod.rs",
                "mod inner; pub fn now() { self::inner::now() }",
            ),
            (
                "src/start/inner.rs",
                "pub fn now() { counterfoil::init(1); }",
            ),
        ],
    );
    assert_eq!(through_module.findings_of("CF-G-INIT"), NOTHING);
    let through_library = App::new(
        &[],
        &[
            ("src/main.rs", "fn main() { app::run(); }"),
            (
                "src/lib.rs",
                "mod start; pub fn run() { crate::start::now() }",
            ),
            (
                "src/start.rs",
                "use counterfoil as cf; pub fn now() { cf::init(1); }",
            ),
        ],
    );
    assert_eq!(through_library.findings_of("CF-G-INIT"), NOTHING);
}

#[test]
fn a_crate_that_the_manifest_renames_is_known_by_its_own_name() {
    let more = "cf = { package = \"counterfoil\", version = \"*\" }\n";
    let main = ("src/main.rs", "fn main() { cf::init(1); }");
    let app = App::with_manifest(&[], more, &[main]);
    assert_eq!(app.findings_of("CF-G-INIT"), NOTHING);
}

#[test]
fn each_binary_is_looked_at_and_tests_examples_and_build_scripts_are_not() {
    let app = App::new(
        &[],
        &[
            ("src/main.rs", "fn main() { counterfoil::init(1); }"),
            ("src/bin/other.rs", "fn main() {}"),
            ("tests/it.rs", "fn main() { println!(\"x\"); }"),
            ("examples/e.rs", "fn main() { println!(\"x\"); }"),
            ("benches/b.rs", "fn main() { println!(\"x\"); }"),
            (
                "build.rs",
                "fn main() { println!(\"cargo::rerun-if-changed=x\"); }",
            ),
        ],
    );
    assert_eq!(
        app.findings_of("CF-G-INIT"),
        ["src/bin/other.rs:1 CF-G-INIT"]
    );
}

#[test]
fn servers_that_are_not_wrapped_are_found() {
    for code in [
        "async fn f() { axum::serve(a, b).await; }",
        "use axum::serve; async fn f() { serve(a, b).await; }",
        "use tonic::transport::Server; async fn f() { Server::builder().add_service(x); }",
        "use hyper::server::conn::http1; fn f() { http1::Builder::new().serve_connection(a, b); }",
        "use hyper_util::server::conn::auto::Builder; fn f() { Builder::new(e); }",
        "use actix_web::HttpServer; fn f() { HttpServer::new(|| x); }",
        "fn f() { warp::serve(x).run(y); }",
        // A layer that is made and put around nothing.
        "use counterfoil_tower::ServerLayer; async fn f() { let observed = ServerLayer::new(); axum::serve(a, b.layer(other)).await; }",
        // The client's layer wraps no server.
        "use counterfoil_tower::ClientLayer; async fn f() { axum::serve(a, b).await; }",
    ] {
        assert_eq!(
            in_library(&[], code),
            ["src/lib.rs:1 CF-G-SERVER"],
            "{code}"
        );
    }
}

#[test]
fn servers_that_a_layer_of_ours_wraps_pass_wherever_the_router_is_made() {
    for code in [
        "use counterfoil_tower::ServerLayer; async fn f() { axum::serve(a, b.layer(ServerLayer::new())).await; }",
        "use counterfoil::tower::axum as layers; async fn f() { axum::serve(a, layers::wrap(b)).await; }",
        "use counterfoil_tower::ServerLayer; async fn f(observed: ServerLayer) { axum::serve(a, router(b, observed)).await; } fn router(b: B, it: ServerLayer) { b.layer(it) }",
        "async fn f() { axum::serve(a, b.layer(observed())).await; } fn observed() -> L { counterfoil_tower::ServerLayer::new() }",
        "async fn f(s: S) { axum::serve(a, b.layer(s.observed)).await; } struct S { observed: counterfoil_tower::ServerLayer }",
    ] {
        assert_eq!(in_library(&[], code), NOTHING, "{code}");
    }
    let elsewhere = App::new(
        &[],
        &[
            ("src/lib.rs", "mod routes; pub mod server;"),
            (
                "src/server.rs",
                "use super::routes::router; async fn f() { axum::serve(a, router()).await; }",
            ),
            (
                "src/routes.rs",
                "pub fn router() { b.layer(counterfoil::tower::ServerLayer::new()) }",
            ),
        ],
    );
    assert_eq!(elsewhere.findings(), NOTHING);
}

#[test]
fn what_only_sounds_like_a_server_passes() {
    let code = "struct Server; impl Server { fn builder() {} } fn serve() {} fn f() { Server::builder(); serve(); x.serve(y); axum::serve::Listener::accept(l); }";
    assert_eq!(in_library(&["axum", "tonic"], code), NOTHING);
}

#[test]
fn consumers_past_the_adapter_are_found_and_those_with_it_pass() {
    let cases: [(&[&str], &str); 5] = [
        (
            &["rdkafka"],
            "use rdkafka::consumer::StreamConsumer; fn f(c: StreamConsumer) {}",
        ),
        (
            &["async-nats"],
            "async fn f(c: C) { c.subscribe(\"x\").await; }",
        ),
        (
            &["lapin"],
            "async fn f(c: C) { c.basic_consume(a, b).await; }",
        ),
        (
            &["aws-sdk-sqs"],
            "async fn f(c: C) { c.receive_message().send().await; }",
        ),
        (&["rumqttc"], "fn f() { rumqttc::AsyncClient::new(a, 1); }"),
    ];
    for (dependencies, code) in cases {
        assert_eq!(
            in_library(dependencies, code),
            ["src/lib.rs:1 CF-G-CONSUMER"],
            "{code}"
        );
        let adapted = format!(
            "use counterfoil_tower::Consumer; {code} fn g(to: &Consumer) {{ to.process(message, work); }}"
        );
        assert_eq!(in_library(dependencies, &adapted), NOTHING, "{adapted}");
        let only_made = format!("use counterfoil_tower::Consumer; {code}");
        let expected = ["src/lib.rs:1 CF-G-CONSUMER"];
        assert_eq!(
            in_library(dependencies, &only_made),
            expected,
            "{only_made}"
        );
    }
    // A method of that name means nothing without the broker's crate.
    assert_eq!(
        in_library(&["rxrust"], "fn f() { x.subscribe(y); }"),
        NOTHING
    );
}

#[test]
fn printing_is_found_and_logging_passes() {
    for code in [
        "fn f() { println!(\"x\"); }",
        "fn f() { eprint!(\"x\"); }",
        "fn f() { std::eprintln!(\"x\"); }",
        "fn f() { let y = dbg!(x); }",
        "fn f() { tokio::select! { _ = a => { print![\"x\"]; } } }",
    ] {
        assert_eq!(in_library(&[], code), ["src/lib.rs:1 CF-G-PRINT"], "{code}");
    }
    let code = "fn f() { tracing::info!(\"println!\"); format!(\"x\"); writeln!(out, \"x\"); my::println(1); } \
        #[cfg(test)] mod tests { fn x() { println!(\"x\"); } }";
    assert_eq!(in_library(&[], code), NOTHING);
}

#[test]
fn subscribers_of_ones_own_are_found_and_layers_for_init_pass() {
    for code in [
        "fn f() { tracing_subscriber::fmt::init(); }",
        "use tracing_subscriber::fmt; fn f() { fmt::layer().json(); }",
        "use tracing_subscriber::FmtSubscriber; fn f() { FmtSubscriber::builder(); }",
        "fn f() { env_logger::init(); }",
        "use metrics_exporter_prometheus::PrometheusBuilder; fn f() { PrometheusBuilder::new().install(); }",
        "fn f() { opentelemetry_otlp::SpanExporter::builder(); }",
    ] {
        assert_eq!(
            in_library(&[], code),
            ["src/lib.rs:1 CF-G-SUBSCRIBER"],
            "{code}"
        );
    }
    let code = "use tracing_subscriber::{EnvFilter, fmt::MakeWriter}; fn f() { EnvFilter::new(\"info\"); }";
    assert_eq!(in_library(&[], code), NOTHING);
}

#[test]
fn exporters_and_event_sinks_are_found_unless_their_file_names_the_redactor() {
    for code in [
        "use counterfoil_exporter::Exporter; impl Exporter for Pager { }",
        "impl<W: Write> counterfoil::events::EventSink for Sink<W> { }",
    ] {
        assert_eq!(
            in_library(&[], code),
            ["src/lib.rs:1 CF-G-EXPORTER"],
            "{code}"
        );
        let redacted = format!("use counterfoil::Redact; {code}");
        assert_eq!(in_library(&[], &redacted), NOTHING, "{redacted}");
    }
    assert_eq!(
        in_library(&[], "use mine::Exporter; impl Exporter for Pager { }"),
        NOTHING
    );
}

#[test]
fn metrics_with_names_in_the_code_are_found_and_names_from_a_table_pass() {
    for code in [
        "fn f() { metrics::counter!(\"orders_total\").increment(1); }",
        "use metrics::gauge; fn f() { gauge!(\"depth\", \"queue\" => q).set(1.0); }",
        "#[macro_use] extern crate metrics; fn f() { histogram!(\"seconds\"); }",
        "use metrics::*; fn f() { describe_counter!(\"orders_total\", \"Orders.\"); }",
    ] {
        assert_eq!(
            in_library(&["metrics"], code),
            ["src/lib.rs:1 CF-G-METRIC-NAME"],
            "{code}"
        );
    }
    let by_constant = "use metrics::counter; fn f() { counter!(ORDERS).increment(1); }";
    assert_eq!(in_library(&["metrics"], by_constant), NOTHING);
    let of_another = "macro_rules! counter { ($x:expr) => {} } fn f() { counter!(\"x\"); }";
    assert_eq!(in_library(&[], of_another), NOTHING);
}

#[test]
fn handles_in_statics_are_found_and_handles_in_structs_pass() {
    for code in [
        "static A: std::sync::LazyLock<metrics::Counter> = std::sync::LazyLock::new(make);",
        "use metrics::Gauge; use std::sync::OnceLock; static A: OnceLock<Gauge> = OnceLock::new();",
        "lazy_static! { static ref A: metrics::Histogram = make(); }",
        "thread_local! { static A: metrics::Counter = make(); }",
    ] {
        let expected = ["src/lib.rs:1 CF-G-STATIC-METRIC"];
        assert_eq!(in_library(&["metrics"], code), expected, "{code}");
    }
    let code = "use metrics::Counter; struct Metrics { a: Counter } static B: u8 = 1; fn f(x: &'static Counter) {}";
    assert_eq!(in_library(&["metrics"], code), NOTHING);
}

const PRINTING: (&str, &str) = ("src/lib.rs", "mod a; fn f() { println!(\"x\"); }");
const A: (&str, &str) = ("src/a.rs", "fn f() { println!(\"x\"); dbg!(1); }");

fn excepted(lines: &str) -> App {
    let more = format!("[[package.metadata.counterfoil.gate]]\n{lines}\n");
    App::with_manifest(&[], &more, &[PRINTING, A])
}

#[test]
fn an_exception_holds_for_its_package_or_its_file_and_is_listed() {
    let all = excepted("rule = \"print\"\nreason = \"a command for the terminal\"").document();
    assert_eq!(all["passed"], true);
    assert_eq!(all["exceptions"][0]["findings"], 3);
    assert_eq!(all["exceptions"][0]["reason"], "a command for the terminal");
    let one = excepted(
        "rule = \"CF-G-PRINT\"\nfile = \"src/a.rs\"\nreason = \"a command for the terminal\"",
    );
    assert_eq!(one.findings(), ["src/lib.rs:1 CF-G-PRINT"]);
}

#[test]
fn an_exception_that_excepts_nothing_is_found_itself() {
    let app = App::with_manifest(
        &[],
        "[[package.metadata.counterfoil.gate]]\nrule = \"print\"\nreason = \"a command for the terminal\"\n",
        &[("src/lib.rs", "")],
    );
    assert_eq!(app.findings(), ["Cargo.toml:7 CF-G-EXCEPTION"]);
}

#[test]
fn an_exception_without_reason_or_with_a_wrong_rule_is_no_exception() {
    for (lines, why) in [
        ("rule = \"print\"", "missing field `reason`"),
        (
            "rule = \"print\"\nreason = \"ok\"",
            "needs a reason of at least 10 characters",
        ),
        (
            "rule = \"prints\"\nreason = \"a command for the terminal\"",
            "there is no rule \"prints\"",
        ),
        (
            "rule = \"print\"\nreson = \"a command for the terminal\"",
            "unknown field `reson`",
        ),
        (
            "rule = \"exception\"\nreason = \"a command for the terminal\"",
            "there is no rule \"exception\"",
        ),
    ] {
        let ran = excepted(lines).gate(&[]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(why), "{ran:?}");
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn what_cannot_be_checked_is_an_error_and_no_pass() {
    let broken = App::new(&[], &[("src/lib.rs", "fn f() {\n  \"no end\n}")]).gate(&[]);
    assert_eq!(broken.code, Some(2));
    assert!(
        broken.stderr.contains("src/lib.rs cannot be read"),
        "{broken:?}"
    );
    let manifest = App::new(&["not a name"], &[("src/lib.rs", "")]).gate(&[]);
    assert_eq!(manifest.code, Some(2), "{manifest:?}");
    let absent = run(["gate", "--manifest-path", "/no/such/Cargo.toml"]);
    assert_eq!(absent.code, Some(2), "{absent:?}");
}

#[test]
fn a_module_without_a_file_is_named_as_unread() {
    let app = App::new(&[], &[("src/lib.rs", "#[cfg(windows)] mod windows;")]);
    assert_eq!(
        app.document()["unread"],
        serde_json::json!(["windows of app"])
    );
    assert!(
        app.gate(&[])
            .stdout
            .contains("not read: the module windows of app")
    );
}

#[test]
fn modules_lie_where_the_compiler_looks_for_them() {
    let print = "fn f() { println!(\"x\"); }";
    let app = App::new(
        &[],
        &[
            (
                "src/lib.rs",
                "mod a; mod b { pub mod c; } #[path = \"elsewhere/d.rs\"] pub(crate) mod d;",
            ),
            ("src/a/mod.rs", "mod e;"),
            ("src/a/e.rs", print),
            ("src/b/c.rs", print),
            ("src/elsewhere/d.rs", print),
            ("src/orphan.rs", print),
        ],
    );
    let expected = [
        "src/a/e.rs:1 CF-G-PRINT",
        "src/b/c.rs:1 CF-G-PRINT",
        "src/elsewhere/d.rs:1 CF-G-PRINT",
    ];
    assert_eq!(app.findings(), expected);
}

#[test]
fn names_of_files_cannot_steer_the_terminal() {
    let app = App::new(
        &[],
        &[
            ("src/lib.rs", "#[path = \"a\u{1b}[2J.rs\"] mod a;"),
            ("src/a\u{1b}[2J.rs", "fn f() { println!(\"x\"); }"),
        ],
    );
    let ran = app.gate(&[]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("src/a\\u{1b}[2J.rs:1:10"), "{ran:?}");
}

#[test]
fn nothing_is_resolved_fetched_or_written() {
    let app = App::new(&["no-such-crate-anywhere"], &[("src/lib.rs", "")]);
    let before = entries(app.0.path());
    assert_eq!(app.gate(&[]).code, Some(0));
    assert_eq!(entries(app.0.path()), before);
}

fn entries(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
