//! What comes in from outside passes one of our layers: requests and messages.

use crate::gate::finding::Finding;
use crate::gate::metadata::Package;
use crate::gate::reach::{Reach, Reached, acts_on};
use crate::gate::rules::Rule;
use crate::gate::source::{Form, Mention};
use crate::gate::workspace::Workspace;

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

/// Methods of the consumer adapter that process a message, and how many arguments they take.
const PROCESSING: &[(&str, usize)] = &[("process", 2), ("process_for", 3)];
/// What a message is said to be, each by the method that says it.
const DESCRIBING: &[&str] = &["event_type", "event_id", "subject"];

/// Servers whose file reaches no layer of ours.
pub(super) fn servers(
    workspace: &Workspace,
    reach: &Reach<'_>,
    number: usize,
    found: &mut Vec<Finding>,
) {
    let file = &workspace.files[number];
    let starts = |it: &&Mention| it.form == Form::Call && means_one_of(it, SERVERS);
    let mut starting = file.source.mentions.iter().filter(starts).peekable();
    if starting.peek().is_none() || reach.of_file(number).iter().any(is_server_layer) {
        return;
    }
    for mention in starting {
        let server = shown(mention, SERVERS);
        let message = format!("{server} serves what no layer of ours wraps");
        found.push(Finding::of(Rule::Server, file, mention, message));
    }
}

/// Consumers whose file reaches no adapter of ours, or one that is told half of what a message is.
pub(super) fn consumers(
    workspace: &Workspace,
    reach: &Reach<'_>,
    number: usize,
    found: &mut Vec<Finding>,
) {
    let file = &workspace.files[number];
    let package = &workspace.packages[file.package];
    let taking = |it: &&Mention| takes_messages(it, package);
    let mut taking = file.source.mentions.iter().filter(taking).peekable();
    if taking.peek().is_none() {
        return;
    }
    let reached = reach.of_file(number);
    let calls = |names: &[&str]| reached.iter().any(|it| it.mention.calls_method(names));
    let is_adapted = acts_on(&reached, is_consumer_adapter, PROCESSING);
    let left_out = DESCRIBING.iter().copied().filter(|it| !calls(&[it]));
    let left_out: Vec<&str> = left_out.collect();
    for mention in taking {
        let what = match mention.form {
            Form::Method => mention.paths.concat(),
            _ => shown(mention, CONSUMERS),
        };
        let message = if !is_adapted {
            format!("{what} takes messages past the consumer adapter")
        } else if !left_out.is_empty() && calls(DESCRIBING) {
            let left_out = left_out.join(" and no ");
            format!("the messages that {what} takes are processed with no {left_out}")
        } else {
            continue;
        };
        found.push(Finding::of(Rule::Consumer, file, mention, message));
    }
}

/// Functions and methods that a manifest says take messages, and that nobody calls.
pub(super) fn declared(workspace: &Workspace, found: &mut Vec<Finding>) {
    for (number, package) in workspace.packages.iter().enumerate() {
        for name in &package.receives {
            let of_package = workspace.files.iter().filter(|it| it.package == number);
            let mut mentions = of_package.flat_map(|it| &it.source.mentions);
            if mentions.any(|it| it.uses(name)) {
                continue;
            }
            found.push(Finding {
                file: workspace.relative(&package.manifest_path),
                at: package.line_of("receive"),
                rule: Rule::Consumer,
                package: number,
                message: format!("{name} is said to take messages, and is never called"),
            });
        }
    }
}

/// Whether it takes messages from a broker that is known, or from a queue of the package's own.
fn takes_messages(mention: &Mention, package: &Package) -> bool {
    let is_known = match mention.form {
        Form::Method => {
            let brokers = CONSUMING_METHODS.iter().filter(|(it, _)| package.uses(it));
            brokers
                .clone()
                .any(|(_, methods)| mention.calls_method(methods))
        }
        Form::Call | Form::Other => means_one_of(mention, CONSUMERS),
        _ => false,
    };
    is_known || package.receives.iter().any(|it| mention.uses(it))
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
        .or(mention.paths.first())
        .cloned()
        .unwrap_or_default()
}

pub(super) fn lies_in(path: &str, known: &str) -> bool {
    path.strip_prefix(known)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// What of our crate wraps a server: not the client's layer, not the adapter for messages, and nothing that is only imported.
fn is_server_layer(reached: &Reached<'_>) -> bool {
    let is_used = reached.mention.form != Form::Import;
    is_used
        && reached.mention.names(|path| {
            of_tower(path).is_some_and(|rest| {
                let (first, then) = rest.split_once("::").unwrap_or((rest, ""));
                let wraps = !matches!(then, "client_layer" | "health_routes" | "matched_path");
                matches!(first, "axum" | "tonic") && wraps || first.starts_with("Server")
            })
        })
}

fn is_consumer_adapter(path: &str) -> bool {
    of_tower(path).is_some_and(|rest| lies_in(rest, "Consumer"))
}

/// What of `counterfoil-tower` a path names, through the facade or not.
pub(super) fn of_tower(path: &str) -> Option<&str> {
    ["counterfoil_tower::", "counterfoil::tower::"]
        .into_iter()
        .find_map(|prefix| path.strip_prefix(prefix))
}
