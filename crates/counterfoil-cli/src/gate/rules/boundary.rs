//! What comes in from outside passes one of our layers: requests and messages.

use crate::gate::finding::Finding;
use crate::gate::rules::Rule;
use crate::gate::source::{Form, Mention};
use crate::gate::workspace::{File, Workspace};

/// Calls that start a server or serve a connection.
const SERVERS: &[&str] = &[
    "actix_web::HttpServer::new",
    "axum::serve",
    "axum_server::Server::bind",
    "axum_server::bind",
    "axum_server::bind_openssl",
    "axum_server::bind_rustls",
    "axum_server::from_tcp",
    "axum_server::from_tcp_rustls",
    "hyper::Server::bind",
    "hyper::server::conn::http1::Builder::new",
    "hyper::server::conn::http2::Builder::new",
    "hyper_util::server::conn::auto::Builder::new",
    "poem::Server::new",
    "rocket::build",
    "rocket::custom",
    "rouille::start_server",
    "salvo::Server::new",
    "tiny_http::Server::http",
    "tiny_http::Server::https",
    "tonic::transport::Server::builder",
    "tonic::transport::server::Server::builder",
    "trillium_smol::run",
    "trillium_tokio::run",
    "warp::serve",
];

/// Calls that make a consumer of messages, by path.
const CONSUMERS: &[&str] = &[
    "google_cloud_pubsub::subscription::Subscription",
    "pulsar::Consumer",
    "rdkafka::consumer::BaseConsumer",
    "rdkafka::consumer::StreamConsumer",
    "rskafka::client::consumer::StreamConsumerBuilder",
    "rumqttc::AsyncClient::new",
    "rumqttc::v5::AsyncClient::new",
];

/// Methods that take messages, by the crate that has them.
const CONSUMING_METHODS: &[(&str, &[&str])] = &[
    (
        "async-nats",
        &["subscribe", "queue_subscribe", "messages", "fetch"],
    ),
    ("aws-sdk-sqs", &["receive_message"]),
    ("lapin", &["basic_consume", "basic_get"]),
    ("nats", &["subscribe", "queue_subscribe"]),
    (
        "redis",
        &["into_pubsub", "as_pubsub", "xreadgroup", "xread_options"],
    ),
];

/// Servers whose file reaches no layer of ours.
pub(super) fn servers(workspace: &Workspace, file: &File, found: &mut Vec<Finding>) {
    let starts = |it: &&Mention| it.form == Form::Call && means_one_of(it, SERVERS);
    for mention in file.source.mentions.iter().filter(starts) {
        if !workspace.reaches(file, |it| it.source.names(is_server_layer)) {
            let message = format!(
                "{} serves what no layer of ours wraps",
                shown(mention, SERVERS)
            );
            found.push(Finding::of(Rule::Server, file, mention, message));
        }
    }
}

/// Consumers whose file reaches no adapter of ours.
pub(super) fn consumers(workspace: &Workspace, file: &File, found: &mut Vec<Finding>) {
    let package = &workspace.packages[file.package];
    let methods: Vec<&str> = CONSUMING_METHODS
        .iter()
        .filter(|(krate, _)| package.uses(krate))
        .flat_map(|(_, methods)| *methods)
        .copied()
        .collect();
    for mention in &file.source.mentions {
        let consumes = match mention.form {
            Form::Method => mention
                .paths
                .iter()
                .any(|it| methods.contains(&it.as_str())),
            Form::Import | Form::Macro { .. } => false,
            Form::Call | Form::Other => means_one_of(mention, CONSUMERS),
        };
        if consumes && !workspace.reaches(file, |it| it.source.names(is_consumer_adapter)) {
            let what = match mention.form {
                Form::Method => mention.paths.concat(),
                _ => shown(mention, CONSUMERS),
            };
            let message = format!("{what} takes messages past the consumer adapter");
            found.push(Finding::of(Rule::Consumer, file, mention, message));
        }
    }
}

/// Whether it can mean one of these paths, or what lies in one of them.
fn means_one_of(mention: &Mention, known: &[&str]) -> bool {
    mention
        .paths
        .iter()
        .any(|path| known.iter().any(|it| lies_in(path, it)))
}

fn shown(mention: &Mention, known: &[&str]) -> String {
    let is_known = |path: &&String| known.iter().any(|it| lies_in(path, it));
    mention
        .paths
        .iter()
        .find(is_known)
        .cloned()
        .unwrap_or_default()
}

fn lies_in(path: &str, known: &str) -> bool {
    path.strip_prefix(known)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// What of our crate wraps a server: not the client's layer, and not the adapter for messages.
fn is_server_layer(path: &str) -> bool {
    of_tower(path).is_some_and(|rest| {
        let first = rest.split("::").next().unwrap_or_default();
        matches!(first, "axum" | "tonic") || first.starts_with("Server")
    })
}

fn is_consumer_adapter(path: &str) -> bool {
    of_tower(path).is_some_and(|rest| {
        let rest = rest.to_ascii_lowercase();
        rest.contains("consum") || rest.contains("message")
    })
}

/// What of `counterfoil-tower` a path names, through the facade or not.
fn of_tower(path: &str) -> Option<&str> {
    ["counterfoil_tower::", "counterfoil::tower::"]
        .into_iter()
        .find_map(|prefix| path.strip_prefix(prefix))
}
