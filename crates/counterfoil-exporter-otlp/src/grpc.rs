//! OTLP over gRPC.

use std::error::Error as _;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use counterfoil_exporter::{Error, ErrorKind};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tonic::codec::CompressionEncoding;
use tonic::metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Extensions, Status};

use crate::receiver::{MAX_ANSWER, Receiver};
use crate::request::{Answer, Request};
use crate::rpc_status;
use crate::target::{Target, invalid};
use crate::transport::Client;

/// Calls one collector, from a thread with a runtime of its own: the caller may stand within a runtime of any kind, or within
/// none, and none of its threads drives our connection.
#[derive(Debug)]
pub(crate) struct GrpcClient {
    /// Unbounded in type only: a call waits for its answer, and there is one call at a time.
    jobs: UnboundedSender<Job>,
    target: Target,
}

#[derive(Debug)]
struct Job {
    request: Request,
    answer: SyncSender<Result<Answer, Status>>,
}

impl GrpcClient {
    pub(crate) fn new(target: Target) -> Result<Self, Error> {
        let endpoint = endpoint(&target)?;
        let metadata = metadata(&target)?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(no_thread)?;
        let (jobs, queue) = unbounded_channel();
        let worker = Worker {
            endpoint,
            metadata,
            timeout: target.timeout,
            gzip: target.gzip,
        };
        thread::Builder::new()
            .name("counterfoil-otlp".into())
            .spawn(move || runtime.block_on(worker.work(queue)))
            .map_err(no_thread)?;
        Ok(Self { jobs, target })
    }

    /// The error of a call, by the table of the OTLP specification.
    fn failed(&self, status: Status) -> Error {
        let (kind, wait) = classify(&status);
        let receiver = self.receiver();
        let reason = receiver.in_its_words(status.message());
        let hint = match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => {
                "; look at the headers that carry its credentials"
            }
            Code::Unimplemented => "; is it an OTLP receiver for gRPC?",
            _ => "",
        };
        let context = match kind {
            ErrorKind::Timeout => "did not answer in time".to_owned(),
            _ => format!("answered {:?}{reason}{hint}", status.code()),
        };
        let mut error = receiver.error(kind, &context);
        if status.source().is_some() {
            error = error.with_source(status);
        }
        if let Some(wait) = wait {
            error = error.with_retry_after(wait);
        }
        error
    }

    const fn receiver(&self) -> Receiver<'_> {
        Receiver(&self.target)
    }
}

impl Client for GrpcClient {
    fn send(&self, request: Request) -> Result<Answer, Error> {
        let (answer, answered) = sync_channel(1);
        let gone = || {
            let context = "cannot be called any more, because our thread for it ended";
            self.receiver().error(ErrorKind::Panicked, context)
        };
        let job = Job { request, answer };
        self.jobs.send(job).map_err(|_| gone())?;
        let answer = answered.recv().map_err(|_| gone())?;
        answer.map_err(|status| self.failed(status))
    }
}

/// What happens on the thread.
struct Worker {
    endpoint: Endpoint,
    metadata: MetadataMap,
    timeout: Duration,
    gzip: bool,
}

impl Worker {
    /// Works until the client is dropped. The connection is made by the first call and again after it broke.
    async fn work(self, mut queue: UnboundedReceiver<Job>) {
        let channel = self.endpoint.connect_lazy();
        while let Some(Job { request, answer }) = queue.recv().await {
            let called = timeout(self.timeout, self.call(channel.clone(), request)).await;
            let called = called.unwrap_or_else(|_| Err(Status::deadline_exceeded("")));
            // The caller waits for it, so it is there, unless its thread was ended by force.
            let _sent = answer.send(called);
        }
    }

    async fn call(&self, channel: Channel, request: Request) -> Result<Answer, Status> {
        macro_rules! export {
            ($client:ident, $request:expr) => {{
                let mut client = $client::new(channel).max_decoding_message_size(MAX_ANSWER);
                if self.gzip {
                    client = client.send_compressed(CompressionEncoding::Gzip);
                }
                let metadata = self.metadata.clone();
                let request = tonic::Request::from_parts(metadata, Extensions::default(), $request);
                client
                    .export(request)
                    .await
                    .map(|answer| Answer::from(answer.into_inner()))
            }};
        }
        match request {
            Request::Traces(request) => export!(TraceServiceClient, request),
            Request::Metrics(request) => export!(MetricsServiceClient, request),
            Request::Logs(request) => export!(LogsServiceClient, request),
        }
    }
}

fn endpoint(target: &Target) -> Result<Endpoint, Error> {
    let unusable = |source: tonic::transport::Error| {
        invalid(format!("{} cannot be called by gRPC", target.url)).with_source(source)
    };
    let endpoint = Endpoint::from_shared(target.url.expose().to_owned()).map_err(unusable)?;
    let endpoint = endpoint.user_agent(crate::USER_AGENT).map_err(unusable)?;
    #[cfg(feature = "tls")]
    if target.url.is_https() {
        return endpoint.tls_config(tls(target)).map_err(unusable);
    }
    Ok(endpoint)
}

#[cfg(feature = "tls")]
fn tls(target: &Target) -> tonic::transport::ClientTlsConfig {
    let config = tonic::transport::ClientTlsConfig::new();
    match &target.ca_certificate {
        Some(pem) => config.ca_certificate(tonic::transport::Certificate::from_pem(&pem.0)),
        None => config.with_webpki_roots(),
    }
}

fn metadata(target: &Target) -> Result<MetadataMap, Error> {
    let mut metadata = MetadataMap::new();
    for header in &target.headers {
        let name: MetadataKey<Ascii> = header.name.parse().map_err(|_| {
            let name = &header.name;
            invalid(format!(
                "the header {name} is no name of text in gRPC; those that end with -bin hold bytes"
            ))
        })?;
        let value = header
            .to_value()
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let mut value: MetadataValue<Ascii> = value.ok_or_else(|| {
            invalid(format!(
                "the value of the header {name} has a character that gRPC does not allow"
            ))
        })?;
        value.set_sensitive(true);
        metadata.insert(name, value);
    }
    Ok(metadata)
}

/// What kind of failure a status is, and how long the receiver asks to be left alone (OTLP specification, OTLP/gRPC, Failures).
fn classify(status: &Status) -> (ErrorKind, Option<Duration>) {
    let wait = rpc_status::Status::decode(status.details());
    let wait = wait.ok().and_then(|said| said.retry_delay());
    let kind = match status.code() {
        Code::DeadlineExceeded => ErrorKind::Timeout,
        // Of ours, when an answer is longer than we read.
        Code::OutOfRange if status.message().starts_with("Error, decoded message") => {
            ErrorKind::Protocol
        }
        Code::Cancelled | Code::Aborted | Code::OutOfRange | Code::Unavailable | Code::DataLoss => {
            ErrorKind::Unavailable
        }
        Code::ResourceExhausted if wait.is_some() => ErrorKind::Unavailable,
        // The transport's own: the connection broke, or there is no HTTP/2 at its other end.
        Code::Unknown | Code::Internal if status.source().is_some() => ErrorKind::Unavailable,
        // Of ours, when an answer cannot be decoded.
        Code::Internal if status.metadata().is_empty() => ErrorKind::Protocol,
        _ => ErrorKind::Rejected,
    };
    (kind, wait)
}

fn no_thread(source: std::io::Error) -> Error {
    let context = "no thread was to be had; look at the process's limits";
    Error::new(ErrorKind::Io, "start gRPC", context).with_source(source)
}
