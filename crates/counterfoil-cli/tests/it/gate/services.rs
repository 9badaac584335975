//! The rules for what a service does: mutations, messages, errors, export, and its policy of redaction.

use super::{App, NOTHING, in_library};

const USES: &str =
    "use axum::{Router, routing::{get, post}}; use counterfoil::tower::{ErrorCode, Mutation}; ";
const STEPS: &str = "let m = Mutation::new(\"order.create\"); m.resolve(a()).await?; m.apply(b()).await?; m.record(c()).await";

/// What is found in a service whose router and handlers are this.
fn in_service(code: &str) -> Vec<String> {
    in_library(&["axum", "counterfoil"], &format!("{USES}{code}"))
}

#[test]
fn a_handler_that_changes_something_past_mutation_is_found_where_it_is_written() {
    for route in [
        "post(create)",
        "get(show).post(create)",
        "axum::routing::put(create)",
        "get(show).patch(create::<u8>)",
        "axum::routing::delete(create)",
    ] {
        let code = format!(
            "fn router() {{ Router::new().route(\"/orders\", {route}); }} async fn show() {{}}\nasync fn create() {{ store.insert(order); }}"
        );
        assert_eq!(in_service(&code), ["src/lib.rs:2 CF-G-MUTATION"], "{code}");
    }
    let closure =
        "fn router() { Router::new().route(\"/orders\", post(async || insert().await)); }";
    assert_eq!(in_service(closure), ["src/lib.rs:1 CF-G-MUTATION"]);
}

#[test]
fn a_handler_that_takes_each_step_through_mutation_passes_wherever_the_steps_stand() {
    for code in [
        &format!("fn router() {{ post(create); }} async fn create() {{ {STEPS} }}"),
        &format!("fn router() {{ post(async |x| {{ {STEPS} }}); }}"),
        &format!(
            "fn router() {{ post(create); }} async fn create() {{ desk.make().await }} impl Desk {{ async fn make(&self) {{ {STEPS} }} }}"
        ),
        "fn router() { post(create); } async fn create() { resolve(CREATE).await; CREATE.apply(b()).await; CREATE.record(c()).await } \
            const CREATE: Mutation = Mutation::new(\"order.create\"); async fn resolve(it: Mutation) { it.resolve(a()).await }",
        "fn router() { get(show); } async fn show() { store.find(order) }",
    ] {
        assert_eq!(in_service(code), NOTHING, "{code}");
    }
}

#[test]
fn a_step_that_is_left_out_is_named() {
    for (step, instead) in [
        ("m.resolve(a())", "a()"),
        ("m.apply(b())", "desk.apply(b())"),
        // The audit log's own call of that name is no step.
        ("m.record(c())", "desk.observer.record(&Current, c())"),
    ] {
        let steps = STEPS.replace(step, instead);
        let code = format!("{USES}fn router() {{ post(create); }} async fn create() {{ {steps} }}");
        let app = App::new(&["axum", "counterfoil"], &[("src/lib.rs", &code)]);
        let found = &app.document()["findings"];
        assert_eq!(found.as_array().unwrap().len(), 1, "{code}");
        let step = step.trim_start_matches("m.").split('(').next().unwrap();
        let message = format!("create answers POST, and its Mutation has no step {step}");
        assert_eq!(found[0]["message"], message);
    }
}

#[test]
fn one_handler_does_not_answer_for_another() {
    let code = format!(
        "fn router() {{ post(create); post(cancel); }} async fn create() {{ {STEPS} }}\nasync fn cancel() {{ gone().await }}"
    );
    assert_eq!(in_service(&code), ["src/lib.rs:2 CF-G-MUTATION"]);
}

#[test]
fn what_only_sounds_like_a_route_passes() {
    let code =
        "async fn f() { client.post(url).await; cache.delete(key); map.put(id, x); } fn url() {}";
    assert_eq!(
        in_service("fn f(client: C) { client.post(address); }"),
        NOTHING
    );
    assert_eq!(in_library(&["ureq"], code), NOTHING);
}

#[test]
fn errors_that_are_no_entry_of_a_catalogue_are_found() {
    for error in [
        "axum::http::StatusCode",
        "(axum::http::StatusCode, String)",
        "String",
        "&'static str",
        "axum::extract::rejection::JsonRejection",
        "Failure",
    ] {
        let code = format!(
            "fn router() {{ get(show); }} async fn show() -> Result<String, {error}> {{ x }} enum Failure {{ A }} \
                impl axum::response::IntoResponse for Failure {{ fn into_response(self) -> Response {{ body.into_response() }} }}"
        );
        assert_eq!(
            in_service(&code),
            ["src/lib.rs:1 CF-G-ERROR-CODE"],
            "{code}"
        );
    }
    let by_alias = "fn router() { get(show); } type Answer<T> = Result<T, String>; async fn show() -> Answer<u8> { x }";
    assert_eq!(in_service(by_alias), ["src/lib.rs:1 CF-G-ERROR-CODE"]);
}

#[test]
fn errors_that_know_their_entry_pass_and_so_do_those_that_cannot_be_told() {
    for code in [
        "async fn show() -> Result<String, ErrorCode> { x }",
        "async fn show() -> Result<String, Failure> { x } struct Failure; impl counterfoil::tower::Coded for Failure {}",
        "async fn show() -> Answer<u8> { x } type Answer<T> = Result<T, Failure>; struct Failure { code: ErrorCode } \
            impl axum::response::IntoResponse for Failure { fn into_response(self) { answer(self) } } fn answer(it: Failure) { let code: ErrorCode = it.code; }",
        "async fn show() -> Result<String, other_crate::Failure> { x }",
        "async fn show() -> String { x }",
    ] {
        let code = format!("fn router() {{ get(show); }} {code}");
        assert_eq!(in_service(&code), NOTHING, "{code}");
    }
}

#[test]
fn statuses_of_errors_are_found_where_they_are_answered_by_hand() {
    for code in [
        "fn f() -> Response { (StatusCode::NOT_FOUND, \"no such order\").into_response() }",
        "fn f() { x.map_err(|_| StatusCode::BAD_REQUEST) }",
        "fn f() { *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE; }",
    ] {
        let code = format!("use axum::http::StatusCode; {code}");
        assert_eq!(
            in_service(&code),
            ["src/lib.rs:1 CF-G-ERROR-CODE"],
            "{code}"
        );
    }
    for code in [
        "fn f() { (StatusCode::CREATED, \"made\") }",
        "fn f() { status == StatusCode::NOT_FOUND }",
        "fn f() { match status { StatusCode::NOT_FOUND | StatusCode::GONE => None } }",
        "fn f() { matches!(status, StatusCode::CONFLICT) }",
        "fn f() { let mut r = (StatusCode::CONFLICT, body); r.extensions_mut().insert(code); }",
        "fn f() { StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR) }",
    ] {
        let code = format!("use axum::http::StatusCode; {code}");
        assert_eq!(in_service(&code), NOTHING, "{code}");
    }
    // A client, and a server that is not ours to observe.
    let code = "fn f() { Err(http::StatusCode::NOT_FOUND) }";
    assert_eq!(in_library(&["counterfoil", "ureq"], code), NOTHING);
    assert_eq!(in_library(&["axum"], code), NOTHING);
}

const QUEUE: &str = "[package.metadata.counterfoil.consumer]\nreceive = [\"claim\"]\n";

fn with_queue(code: &str) -> Vec<String> {
    let code = format!("use counterfoil::tower::{{Consumer, Message}}; {code}");
    let app = App::with_manifest(&["counterfoil"], QUEUE, &[("src/lib.rs", &code)]);
    app.findings()
}

#[test]
fn a_queue_of_ones_own_is_a_broker_when_the_manifest_says_so() {
    let past = "struct W { queue: Consumer } impl W { async fn run(self) { for it in tasks::claim(c) { self.clone().process(it).await } } async fn process(self, it: T) {} }";
    assert_eq!(with_queue(past), ["src/lib.rs:1 CF-G-CONSUMER"]);
    let by_method = "async fn f() { for it in store.claim() { work(it).await } }";
    assert_eq!(with_queue(by_method), ["src/lib.rs:1 CF-G-CONSUMER"]);
    let adapted = "struct W { queue: Consumer } async fn run(w: W) { for it in tasks::claim(c) { w.queue.process_for(who, Message::from_headers(&it), work(it)).await } }";
    assert_eq!(with_queue(adapted), NOTHING);
    let of_that_name = "fn f() -> u64 { let claim = 7; claim }  fn g() { claim(1); queue.process(message, work); } struct S { queue: Consumer }";
    assert_eq!(with_queue(of_that_name), NOTHING);
}

#[test]
fn a_queue_that_nobody_takes_from_is_found_in_the_manifest() {
    assert_eq!(with_queue("fn claim() {}"), ["Cargo.toml:9 CF-G-CONSUMER"]);
    let wrong = "[package.metadata.counterfoil.consumer]\nrecieve = [\"claim\"]\n";
    let ran = App::with_manifest(&[], wrong, &[("src/lib.rs", "")]).gate(&[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("unknown field `recieve`"), "{ran:?}");
}

#[test]
fn a_message_that_is_described_by_half_is_found() {
    let with = |message: &str| {
        with_queue(&format!(
            "fn f(queue: Consumer) {{ for it in claim() {{ queue.process({message}, work(it)); }} }}"
        ))
    };
    let half = "Message::from_headers(&it).event_type(a).event_id(b)";
    assert_eq!(with(half), ["src/lib.rs:1 CF-G-CONSUMER"]);
    assert_eq!(with(&format!("{half}.subject(c)")), NOTHING);
    // What the headers of a CloudEvent say is not seen here.
    assert_eq!(with("Message::from_headers(&it)"), NOTHING);
}

/// A binary that calls `init` with this configuration, and what is found.
fn exporting(features: &str, config: &str) -> Vec<String> {
    let more = format!("counterfoil = {{ version = \"*\", features = [{features}] }}\n");
    let main =
        format!("use counterfoil::init::Config;\nfn main() {{ counterfoil::init({config}); }}");
    App::with_manifest(&[], &more, &[("src/main.rs", &main)]).findings()
}

#[test]
fn an_endpoint_that_the_environment_names_is_heard_or_else_it_is_found() {
    for config in [
        "Config::new(\"a\", \"1\").env()?",
        "Config::from_env()?",
        "Config::new(\"a\", \"1\").env_from(lookup)?",
    ] {
        assert_eq!(exporting("\"init\", \"otlp\"", config), NOTHING, "{config}");
    }
    let deaf = exporting("\"otlp-grpc\"", "Config::new(\"a\", \"1\")");
    assert_eq!(deaf, ["src/main.rs:2 CF-G-OTLP"]);
    // Of another's builder.
    let others = exporting("\"otlp\"", "Config::new(\"a\", command.env(\"A\", \"b\"))");
    assert_eq!(others, ["src/main.rs:2 CF-G-OTLP"]);
    let without = exporting("\"init\"", "Config::new(\"a\", \"1\").env()?");
    assert_eq!(without, ["Cargo.toml:7 CF-G-OTLP"]);
}

#[test]
fn a_feature_of_the_package_may_turn_export_on() {
    let more = "counterfoil = \"*\"\n[features]\nexport = [\"counterfoil/otlp-tls\"]\n";
    let main = "fn main() { counterfoil::init(counterfoil::init::Config::from_env()?); }";
    let app = App::with_manifest(&[], more, &[("src/main.rs", main)]);
    assert_eq!(app.findings(), NOTHING);
}

#[test]
fn policies_that_take_nothing_out_are_found() {
    for code in [
        "fn f() { Config::new(a, b).redact(counterfoil::Unredacted); }",
        "use counterfoil::Unredacted as Plain; fn f() { observer.redact(Plain); }",
        "use counterfoil::Redact; struct Own; impl Redact for Own {}",
    ] {
        let expected = ["src/lib.rs:1 CF-G-REDACTION"];
        assert_eq!(in_library(&["counterfoil"], code), expected, "{code}");
    }
    for code in [
        "fn f() { Config::new(a, b).redact(counterfoil::Redactor::builder().deny(\"note\").build()); }",
        "use counterfoil::{Redact, Redactor}; struct Own(Redactor); impl Redact for Own {}",
        "#[cfg(test)] mod tests { fn f() { observer.redact(counterfoil::Unredacted); } }",
        "struct Unredacted; fn f() { Unredacted; }",
    ] {
        assert_eq!(in_library(&["counterfoil"], code), NOTHING, "{code}");
    }
}

#[test]
fn a_library_with_several_services_passes_for_none_of_them_by_another_ones_code() {
    let lib = (
        "src/lib.rs",
        "mod api; mod web; pub use api::serve as api; pub use web::serve as web;",
    );
    let layered = (
        "src/api.rs",
        "pub async fn serve() { counterfoil::init(counterfoil::init::Config::from_env()); axum::serve(a, b.layer(counterfoil::tower::ServerLayer::new())).await }",
    );
    let bare = (
        "src/web.rs",
        "pub async fn serve() { axum::serve(a, b).await }",
    );
    let more = "counterfoil = { version = \"*\", features = [\"otlp\"] }\n";
    let app = App::with_manifest(
        &["axum"],
        more,
        &[
            lib,
            layered,
            bare,
            ("src/bin/api.rs", "fn main() { app::api(); }"),
            ("src/bin/web.rs", "fn main() { app::web(); }"),
        ],
    );
    let expected = ["src/bin/web.rs:1 CF-G-INIT", "src/web.rs:1 CF-G-SERVER"];
    assert_eq!(app.findings(), expected);
}
