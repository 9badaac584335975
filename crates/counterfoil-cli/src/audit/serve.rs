//! `counterfoil audit serve`: the log as a transparency log, read-only (C2SP tlog-tiles).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use counterfoil::audit::tlog::TiledLog;
use counterfoil::audit::{Error, ErrorKind};
use counterfoil_http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use counterfoil_http::{Bytes, Method, Request, Response, Server, StatusCode, text};
use counterfoil_merkle::tile::Resource;

use super::writer::failure;
use crate::args::parse_address;
use crate::escape::Escaped;
use crate::failure::{Exit, Failure, chain};
use crate::result;
use crate::stop::Stop;
use crate::verify::require_log;

/// A checkpoint changes; caches may keep it for a moment only.
const BRIEFLY: HeaderValue = HeaderValue::from_static("public, max-age=1");
/// What else is served never changes.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// Requests that are answered at once; each reads a file or two.
const WORKERS: u16 = 4;

#[derive(Debug, Args)]
#[command(after_help = "\
Served are /checkpoint, /tile/<L>/<N>[.p/<W>] and /tile/entries/<N>[.p/<W>],
up to the last checkpoint that the log published: any client of C2SP
tlog-tiles can follow the log, which may be written meanwhile. Entries are the
bodies of records, in clear. There is no encryption and no login: serve on the
loopback interface, and put a proxy in front where others are to read.

Exit codes: 0 stopped by a signal; 2 the address cannot be used; 4 unreadable.")]
pub(crate) struct ServeArgs {
    /// A log directory
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// Where to serve; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9465", value_parser = parse_address)]
    addr: SocketAddr,
}

/// Serves until a signal comes.
pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode, Failure> {
    require_log(&args.log)?;
    let log = TiledLog::open(&args.log).map_err(|error| failure(&error))?;
    let origin = log
        .checkpoint()
        .map_err(|error| failure(&error))?
        .map(|published| published.checkpoint.origin().to_owned());
    let stop = Stop::on_signals().map_err(|error| {
        Failure::new(
            Exit::Unreadable,
            format!("cannot wait for signals: {error}"),
        )
    })?;
    let server = Server::builder("serve the log", move |request| answer(&log, &request))
        .workers(WORKERS)
        .start(args.addr)
        .map_err(|error| Failure::usage(format!("{error} with --addr")))?;
    result::print(&format!(
        "serving {} at http://{}/\n",
        Escaped(
            origin
                .as_deref()
                .unwrap_or("a log without a checkpoint yet")
        ),
        server.address()
    ))?;
    while !stop.is_asked() {
        thread::sleep(Duration::from_millis(50));
    }
    server
        .stop()
        .map_err(|error| Failure::new(Exit::Contradiction, chain(&error)))?;
    Ok(ExitCode::SUCCESS)
}

fn answer(log: &TiledLog, request: &Request<Bytes>) -> Response<Bytes> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD: this log is read here and written elsewhere\n",
        );
        let allowed = HeaderValue::from_static("GET, HEAD");
        refusal.headers_mut().insert(ALLOW, allowed);
        return refusal;
    }
    let resource = request
        .uri()
        .path()
        .strip_prefix('/')
        .and_then(|path| path.parse::<Resource>().ok());
    match resource.map(|resource| found(log, resource)) {
        Some(Ok(Some(response))) => response,
        None | Some(Ok(None)) => text(StatusCode::NOT_FOUND, "there is no such resource\n"),
        Some(Err(error)) => failed(&error),
    }
}

/// A resource of the published tree; `None` when it has none such.
fn found(log: &TiledLog, resource: Resource) -> Result<Option<Response<Bytes>>, Error> {
    // Read each time: it is the writer's word how much of the log is published.
    let Some(published) = log.checkpoint()? else {
        return Ok(None);
    };
    let size = published.checkpoint.size();
    let (body, content, cache) = match resource {
        Resource::Checkpoint => {
            let note = published.note.to_text().into_bytes();
            (Some(note), PLAIN, BRIEFLY)
        }
        Resource::Tile(id) => (log.tile(id, size)?, OCTETS, FOR_EVER),
        Resource::Entries(id) => (log.bundle(id, size)?, OCTETS, FOR_EVER),
    };
    Ok(body.map(|body| {
        let mut response = Response::new(Bytes::from(body));
        response.headers_mut().insert(CONTENT_TYPE, content);
        response.headers_mut().insert(CACHE_CONTROL, cache);
        response
    }))
}

/// What a client is told: no path of this machine, and that the log, not the request, is at fault.
fn failed(error: &Error) -> Response<Bytes> {
    match error.kind() {
        ErrorKind::Missing => text(
            StatusCode::NOT_FOUND,
            "the log lacks this resource; its writer completes it when it opens the log\n",
        ),
        ErrorKind::Corrupt => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the log contradicts itself here; its operator should verify it\n",
        ),
        _ => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the log cannot be read here\n",
        ),
    }
}
