//! Start and stop.

mod draining;
mod events_page;
mod exporters;
#[cfg(feature = "audit")]
mod log_opened;
#[cfg(feature = "otlp")]
mod otlp;
mod pages;
mod process;
mod settings;
mod shutdown;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use counterfoil::init::{Config, Guard};
use counterfoil::trace::LogWriter;

/// For waits that end long before unless something is wrong.
const LONG: Duration = Duration::from_secs(60);

/// What leaves the process alone and says nothing.
fn config() -> Config {
    Config::new("orders", "1.2.3")
        .without_globals()
        .without_listener()
        .log_writer(LogWriter::new(std::io::sink()))
}

fn start(config: Config) -> Guard {
    counterfoil::init(config).unwrap()
}

/// Records one span with one log record in it.
fn record(guard: &Guard) {
    tracing::dispatcher::with_default(guard.dispatch(), || {
        tracing::info_span!("request").in_scope(|| tracing::info!("handled"));
    });
}

/// The answer to `GET path`.
fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
