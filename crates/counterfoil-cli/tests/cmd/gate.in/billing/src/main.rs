//! A service that breaks every rule.

mod report;
mod sink;

use std::sync::LazyLock;

use metrics::{Counter, counter};

static PAID: LazyLock<Counter> = LazyLock::new(|| counter!("billing_paid_total"));

#[tokio::main]
async fn main() {
    tracing_subscriber::fmt().init();
    let router = axum::Router::new().route("/pay", axum::routing::post(pay));
    let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await.unwrap();
    dbg!(&listener);
    axum::serve(listener, router).await.unwrap();
}

async fn take(channel: lapin::Channel) {
    let consumer = channel.basic_consume("paid", "billing", todo!(), todo!()).await;
    PAID.increment(1);
}

async fn pay(observer: counterfoil::Builder) -> Result<(), axum::http::StatusCode> {
    observer.redact(counterfoil::Unredacted);
    Err(axum::http::StatusCode::PAYMENT_REQUIRED)
}
