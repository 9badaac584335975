//! What comes in from outside passes one of our layers: requests and messages.

use std::collections::BTreeSet;

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

/// Methods that put a layer around something.
const WRAPPING: &[&str] = &["layer", "layer_fn", "option_layer", "route_layer", "wrap"];
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
    let starts = |it: &&Mention| it.form == Form::Call && it.names(|path| SERVERS.contains(&path));
    let mut starting = file.source.mentions.iter().filter(starts).peekable();
    if starting.peek().is_none() || wraps(workspace, reach, &reach.of_file(number)) {
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

/// Whether a layer of ours is put around something: given to a method such as `layer`, by what makes it or by its name, or used
/// itself.
fn wraps(workspace: &Workspace, reach: &Reach<'_>, reached: &[Reached<'_>]) -> bool {
    let made = reached
        .iter()
        .filter(|it| it.mention.names(is_server_layer));
    let names: BTreeSet<&str> = made.filter_map(|it| it.mention.bound.as_deref()).collect();
    let is_layer = |it: &Mention| {
        let is_named = it.paths.iter().any(|path| names.contains(path.as_str()));
        is_named || it.names(is_server_layer)
    };
    reached.iter().any(|it| {
        let mention = it.mention;
        let wraps_by_itself = |path: &str| is_server_layer(path) && path.ends_with("::wrap");
        if mention.form == Form::Call && mention.names(wraps_by_itself) {
            return true;
        }
        if !mention.calls_method(WRAPPING) {
            return false;
        }
        let of_layer = mention
            .receiver
            .as_deref()
            .is_some_and(|it| names.contains(it));
        let source = &workspace.files[it.file].source;
        let mut given = source.mentions_in(&mention.arguments).iter();
        of_layer || given.any(|given| is_layer(given) || makes_layer(reach, it.file, given))
    })
}

/// Whether it calls a function of the workspace that makes a layer of ours.
fn makes_layer(reach: &Reach<'_>, file: usize, given: &Mention) -> bool {
    let places = match given.form {
        Form::Call | Form::Method => reach.places(file, given),
        _ => Vec::new(),
    };
    let makes =
        |it: &Reached<'_>| it.mention.form == Form::Call && it.mention.names(is_server_layer);
    (places.into_iter()).any(|it| reach.of_place(it).iter().any(makes))
}

/// What of our crate wraps a server: not the client's layer, and not the adapter for messages.
fn is_server_layer(path: &str) -> bool {
    of_tower(path).is_some_and(|rest| {
        let (first, then) = rest.split_once("::").unwrap_or((rest, ""));
        let wraps = !matches!(then, "client_layer" | "health_routes" | "matched_path");
        matches!(first, "axum" | "tonic") && wraps || first.starts_with("Server")
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
