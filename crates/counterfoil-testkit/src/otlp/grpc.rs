//! The receiver for gRPC.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;
use tonic::codec::CompressionEncoding;
use tonic::metadata::KeyAndValueRef;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::{Received, RequestHead};

/// Answers the three services by a script, from a thread with a runtime of its own that ends when it is dropped.
#[derive(Debug)]
pub struct GrpcReceiver {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    _stop: oneshot::Sender<()>,
}

/// What a call is answered with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum GrpcReply {
    /// That it was accepted.
    Accept,
    /// That it was accepted but for as many items.
    Partial {
        /// How many.
        rejected: i64,
        /// Why.
        message: String,
    },
    /// This status.
    Status(Status),
    /// Nothing, on a connection that stays open.
    Never,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<GrpcReply>,
    received: Received,
}

#[derive(Clone, Debug)]
struct Services(Arc<Mutex<State>>);

impl GrpcReceiver {
    /// Listens on a free port of loopback.
    ///
    /// # Panics
    /// When there is no port or thread to be had.
    #[must_use]
    pub fn start(script: impl IntoIterator<Item = GrpcReply>) -> Self {
        let state = State {
            script: script.into_iter().collect(),
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.unwrap_or_else(|error| panic!("{error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("{error}"));
        let services = Services(Arc::clone(&state));
        thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    served = serve(services, listener) => drop(served),
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            state,
            _stop: stop,
        }
    }

    /// Its URL, such as `http://127.0.0.1:40213`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has received so far.
    #[must_use]
    pub fn received(&self) -> Received {
        lock(&self.state).received.clone()
    }
}

async fn serve(services: Services, listener: TcpListener) -> Result<(), tonic::transport::Error> {
    let gzip = CompressionEncoding::Gzip;
    Server::builder()
        .add_service(TraceServiceServer::new(services.clone()).accept_compressed(gzip))
        .add_service(MetricsServiceServer::new(services.clone()).accept_compressed(gzip))
        .add_service(LogsServiceServer::new(services).accept_compressed(gzip))
        .serve_with_incoming(TcpIncoming::from(listener))
        .await
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Services {
    /// Notes a request and takes its answer off the script: how many items are rejected and why, or a status.
    async fn reply<T>(
        &self,
        path: &str,
        request: Request<T>,
        keep: impl FnOnce(&mut Received, T),
    ) -> Result<Option<(i64, String)>, Status> {
        let reply = {
            let mut state = lock(&self.0);
            state.received.requests.push(head(path, &request));
            let reply = state.script.pop_front().unwrap_or(GrpcReply::Accept);
            match &reply {
                GrpcReply::Accept => keep(&mut state.received, request.into_inner()),
                GrpcReply::Partial { rejected, .. } => {
                    keep(&mut state.received, request.into_inner());
                    state.received.rejected += usize::try_from(*rejected).unwrap_or(0);
                }
                GrpcReply::Status(_) | GrpcReply::Never => {}
            }
            reply
        };
        match reply {
            GrpcReply::Accept => Ok(None),
            GrpcReply::Partial { rejected, message } => Ok(Some((rejected, message))),
            GrpcReply::Status(status) => Err(status),
            GrpcReply::Never => std::future::pending().await,
        }
    }
}

fn head<T>(path: &str, request: &Request<T>) -> RequestHead {
    let text = request.metadata().iter().filter_map(|entry| match entry {
        KeyAndValueRef::Ascii(name, value) => {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        }
        KeyAndValueRef::Binary(..) => None,
    });
    RequestHead {
        path: path.to_owned(),
        headers: text.collect(),
        len: 0,
    }
}

#[tonic::async_trait]
impl TraceService for Services {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let keep = |received: &mut Received, request| received.traces.push(request);
        let rejected = self.reply("TraceService/Export", request, keep).await?;
        let partial_success = rejected.map(|(rejected, message)| ExportTracePartialSuccess {
            rejected_spans: rejected,
            error_message: message,
        });
        Ok(Response::new(ExportTraceServiceResponse {
            partial_success,
        }))
    }
}

#[tonic::async_trait]
impl MetricsService for Services {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let keep = |received: &mut Received, request| received.metrics.push(request);
        let rejected = self.reply("MetricsService/Export", request, keep).await?;
        let partial_success = rejected.map(|(rejected, message)| ExportMetricsPartialSuccess {
            rejected_data_points: rejected,
            error_message: message,
        });
        Ok(Response::new(ExportMetricsServiceResponse {
            partial_success,
        }))
    }
}

#[tonic::async_trait]
impl LogsService for Services {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let keep = |received: &mut Received, request| received.logs.push(request);
        let rejected = self.reply("LogsService/Export", request, keep).await?;
        let partial_success = rejected.map(|(rejected, message)| ExportLogsPartialSuccess {
            rejected_log_records: rejected,
            error_message: message,
        });
        Ok(Response::new(ExportLogsServiceResponse { partial_success }))
    }
}
