//! What requests are counted under.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use counterfoil_core::{Clock, TraceContext, names};
use counterfoil_metrics::{Family, Histogram, Registry, UpDownCounter};

use crate::http_method::HttpMethod;
use crate::outcome::{GRPC_STATUSES, Outcome};
use crate::table::Table;

/// The label of requests that no route took.
pub(crate) const UNMATCHED: &str = "_UNMATCHED";
/// The label of what is not known, or is one too many.
pub(crate) const OTHER: &str = "_OTHER";
/// Outcomes of a subject that are found without a lock; further ones are found with one.
const OUTCOMES: usize = 24;

/// Whose requests are measured, and in whose terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Convention {
    HttpServer,
    HttpClient,
    RpcServer,
    RpcClient,
}

impl Convention {
    pub(crate) const fn is_rpc(self) -> bool {
        matches!(self, Self::RpcServer | Self::RpcClient)
    }

    pub(crate) const fn is_server(self) -> bool {
        matches!(self, Self::HttpServer | Self::RpcServer)
    }
}

/// A route, a method or a server: what few requests are told apart by. Its instruments are found without a lock.
#[derive(Debug)]
pub(crate) struct Subject {
    name: Box<str>,
    active: [OnceLock<UpDownCounter>; HttpMethod::COUNT],
    durations: Table<Outcome, Histogram>,
}

impl Subject {
    fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            active: [const { OnceLock::new() }; HttpMethod::COUNT],
            durations: Table::new(OUTCOMES),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// The instruments of a layer and the subjects that it knows.
#[derive(Debug)]
pub(crate) struct Measure {
    pub(crate) convention: Convention,
    pub(crate) clock: Arc<dyn Clock>,
    /// `http` or `https`, as clients see it.
    pub(crate) scheme: &'static str,
    /// Address and port of the server that a gRPC client calls.
    server: (String, String),
    duration: Family<Histogram>,
    active: Family<UpDownCounter>,
    hasher: RandomState,
    subjects: Table<Box<str>, Arc<Subject>>,
    unmatched: Arc<Subject>,
    other: Arc<Subject>,
}

impl Measure {
    pub(crate) fn new(
        convention: Convention,
        registry: &Registry,
        clock: Arc<dyn Clock>,
        scheme: &'static str,
        server: (String, String),
        limit: usize,
    ) -> Self {
        let duration = match convention {
            Convention::HttpServer => registry.family(&names::HTTP_SERVER_REQUEST_DURATION),
            Convention::HttpClient => registry.family(&names::HTTP_CLIENT_REQUEST_DURATION),
            Convention::RpcServer => registry.family(&names::RPC_SERVER_CALL_DURATION),
            Convention::RpcClient => registry.family(&names::RPC_CLIENT_CALL_DURATION),
        };
        let active = if convention.is_server() {
            registry.family(&names::HTTP_SERVER_ACTIVE_REQUESTS)
        } else {
            registry.family(&names::HTTP_CLIENT_ACTIVE_REQUESTS)
        };
        Self {
            convention,
            clock,
            scheme,
            server,
            duration,
            active,
            hasher: RandomState::new(),
            subjects: Table::new(limit),
            unmatched: Arc::new(Subject::new(UNMATCHED)),
            other: Arc::new(Subject::new(OTHER)),
        }
    }

    /// The subject of this name, which is the program's own; `_OTHER` once there are too many.
    pub(crate) fn subject(&self, name: &str) -> Arc<Subject> {
        let found = self
            .subjects
            .get_or_insert(self.hasher.hash_one(name), name, || {
                (name.into(), Arc::new(Subject::new(name)))
            });
        Arc::clone(found.unwrap_or(&self.other))
    }

    /// The subject of this name, which anybody may have made up, if it is known.
    pub(crate) fn known(&self, name: &str) -> Option<Arc<Subject>> {
        self.subjects.get(self.hasher.hash_one(name), name).cloned()
    }

    pub(crate) fn unmatched(&self) -> Arc<Subject> {
        Arc::clone(&self.unmatched)
    }

    pub(crate) fn other(&self) -> Arc<Subject> {
        Arc::clone(&self.other)
    }

    /// Counts a request in (`1`) or out (`-1`).
    pub(crate) fn count_active(&self, subject: &Subject, method: HttpMethod, change: i64) {
        subject.active[method as usize]
            .get_or_init(|| self.active_of(subject, method))
            .add(change);
    }

    /// Records how long a request took, and offers its trace as exemplar.
    pub(crate) fn record(
        &self,
        subject: &Subject,
        outcome: Outcome,
        elapsed: Duration,
        trace: &TraceContext,
    ) {
        let make = || (outcome, self.duration_of(subject, outcome));
        match subject
            .durations
            .get_or_insert(outcome.hash(), &outcome, make)
        {
            Some(histogram) => histogram.record_duration_with(elapsed, Some(trace)),
            None => self
                .duration_of(subject, outcome)
                .record_duration_with(elapsed, Some(trace)),
        }
    }

    fn active_of(&self, subject: &Subject, method: HttpMethod) -> UpDownCounter {
        let method = method.as_str();
        let (address, port) = self.server(subject);
        match self.convention {
            Convention::HttpServer => self.active.with(&[method, self.scheme, subject.name()]),
            // The path of a gRPC call is its template.
            Convention::RpcServer => {
                let route = match subject.name() {
                    known if known.contains('/') => format!("/{known}"),
                    fixed => fixed.to_owned(),
                };
                self.active.with(&[method, self.scheme, &route])
            }
            Convention::HttpClient | Convention::RpcClient => {
                self.active.with(&[method, address, port])
            }
        }
    }

    #[cold]
    fn duration_of(&self, subject: &Subject, outcome: Outcome) -> Histogram {
        let status = self.status_text(outcome.status);
        let error = outcome.error_type(&status);
        let method = outcome.method.as_str();
        let (address, port) = self.server(subject);
        let name = subject.name();
        match self.convention {
            Convention::HttpServer => {
                self.duration
                    .with(&[method, self.scheme, name, &status, error])
            }
            Convention::HttpClient => self.duration.with(&[method, address, port, &status, error]),
            Convention::RpcServer => self.duration.with(&["grpc", name, &status, error]),
            Convention::RpcClient => self
                .duration
                .with(&["grpc", name, address, port, &status, error]),
        }
    }

    fn server<'a>(&'a self, subject: &'a Subject) -> (&'a str, &'a str) {
        if self.convention == Convention::HttpClient {
            split_port(subject.name())
        } else {
            (&self.server.0, &self.server.1)
        }
    }

    /// The text of a status; empty where there is none.
    pub(crate) fn status_text(&self, status: Option<u16>) -> String {
        match status {
            None => String::new(),
            Some(status) if self.convention.is_rpc() => grpc_name(status).to_owned(),
            Some(status) => status.to_string(),
        }
    }
}

pub(crate) fn grpc_name(status: u16) -> &'static str {
    GRPC_STATUSES
        .get(usize::from(status))
        .copied()
        .unwrap_or("UNKNOWN")
}

/// `host:port` in two; the brackets of an IPv6 address belong to the host.
pub(crate) fn split_port(authority: &str) -> (&str, &str) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|it| it.is_ascii_digit()) => {
            (host, port)
        }
        _ => (authority, ""),
    }
}
