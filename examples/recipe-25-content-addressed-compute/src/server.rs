//! The service on a socket, with the layer that observes it and gRPC's own health protocol beside it.

use std::time::Duration;

use counterfoil::Observer;
use counterfoil::health::ReportReader;
use counterfoil::tower::ServerLayer;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::Service;
use crate::admission::{Admission, Admissions};
use crate::connections::incoming;
use crate::proto::deriva_server::{self, DerivaServer};

/// What a message has beside the bytes of a leaf.
const ENVELOPE: usize = 64 << 10;
/// How often gRPC's health protocol is told how the checks stand.
const HEALTH_INTERVAL: Duration = Duration::from_millis(250);
/// The most calls on one connection: a fraction of those that are answered at once, so that no client has all of them.
const STREAMS: u32 = 32;
/// How long a connection that is silent is believed to be alive.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long the last bytes of what was answered have when the server stops and a connection stays.
const GRACE: Duration = Duration::from_secs(1);

/// The name of the service, and the empty one of the server as a whole, in gRPC's health protocol.
const NAMES: [&str; 2] = [deriva_server::SERVICE_NAME, ""];

/// Serves on `listener` until `stop` resolves and every call and every change that is under way has ended. A connection that stays
/// without a call is left behind.
///
/// # Errors
/// When the connection to the network fails.
pub async fn serve(
    listener: TcpListener,
    service: Service,
    observer: &Observer,
    health: ReportReader,
    stop: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let layer = ServerLayer::builder(observer.registry()).grpc();
    let (reporter, health_service) = tonic_health::server::health_reporter();
    tell(&reporter, ServingStatus::NotServing).await;
    let (stopping, stopped) = oneshot::channel::<()>();
    let stop = async move {
        stop.await;
        drop(stopping);
    };
    let engine = service.engine().clone();
    let limits = &engine.0.limits;
    let admissions = Admissions::new(limits.calls);
    let deriva = DerivaServer::new(service).max_decoding_message_size(limits.leaf_bytes + ENVELOPE);
    let served = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .max_concurrent_streams(STREAMS)
        .layer(layer)
        .add_service(health_service)
        .add_service(Admission::new(deriva, engine.clone(), admissions.clone()))
        .serve_with_incoming_shutdown(incoming(listener, limits.connections, KEEPALIVE), stop);
    let done = async {
        follow_until(stopped, reporter, health).await;
        admissions.quiet(GRACE).await;
    };
    let ended = tokio::select! {
        served = served => served,
        () = done => Ok(()),
    };
    engine.settled().await;
    ended
}

/// Tells gRPC's health protocol how the checks stand. When the server stops it ends the streams of those who watch them, which would
/// otherwise be calls under way until they leave by themselves.
async fn follow_until(
    stopped: oneshot::Receiver<()>,
    mut reporter: HealthReporter,
    health: ReportReader,
) {
    tokio::select! {
        _ = stopped => {}
        () = follow(&reporter, health) => {}
    }
    tell(&reporter, ServingStatus::NotServing).await;
    for name in NAMES {
        reporter.clear_service_status(name).await;
    }
}

async fn tell(reporter: &HealthReporter, status: ServingStatus) {
    for name in NAMES {
        reporter.set_service_status(name, status).await;
    }
}

/// Says what `/readyz` says.
async fn follow(reporter: &HealthReporter, health: ReportReader) {
    let mut said = None;
    let mut every = tokio::time::interval(HEALTH_INTERVAL);
    loop {
        every.tick().await;
        let ready = health.read().is_some_and(|report| report.is_ready());
        if said != Some(ready) {
            let status = if ready {
                ServingStatus::Serving
            } else {
                ServingStatus::NotServing
            };
            tell(reporter, status).await;
            said = Some(ready);
        }
    }
}
