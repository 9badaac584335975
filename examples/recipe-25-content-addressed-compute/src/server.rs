//! The service on a socket, with the layer that observes it and gRPC's own health protocol beside it.

use std::time::Duration;

use counterfoil::Observer;
use counterfoil::health::ReportReader;
use counterfoil::tower::ServerLayer;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::Service;
use crate::proto::deriva_server::DerivaServer;

/// What a message has beside the bytes of a leaf.
const ENVELOPE: usize = 64 << 10;
/// How often gRPC's health protocol is told how the checks stand.
const HEALTH_INTERVAL: Duration = Duration::from_millis(250);
/// How long a connection that is silent is believed to be alive.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Serves on `listener` until `stop` resolves and every call that is under way has ended.
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
    reporter.set_not_serving::<DerivaServer<Service>>().await;
    let most = service.leaf_bytes() + ENVELOPE;
    let served = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .tcp_nodelay(true)
        .max_concurrent_streams(256)
        .layer(layer)
        .add_service(health_service)
        .add_service(DerivaServer::new(service).max_decoding_message_size(most))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), stop);
    tokio::select! {
        served = served => served,
        () = follow(reporter, health) => Ok(()),
    }
}

/// Tells gRPC's health protocol what `/readyz` says, as long as there are checks.
async fn follow(reporter: HealthReporter, health: ReportReader) {
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
            reporter.set_service_status("", status).await;
            reporter
                .set_service_status("deriva.v1.Deriva", status)
                .await;
            said = Some(ready);
        }
    }
}
