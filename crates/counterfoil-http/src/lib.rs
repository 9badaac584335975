//! A small HTTP/1.1 server on a thread of its own, in which everything has a bound.
//!
//! **What it is.** [`Server`] accepts connections, reads one request at a time from each, and has a [`Handler`] answer it.
//! Connections, headers, bodies, time and worker threads are limited; see [`Builder`] for the figures.
//!
//! **Who should depend on it.** Crates of Counterfoil that are asked over HTTP: the scrape server, the witness, the server of
//! log tiles. A service with an HTTP server of its own uses that one.
//!
//! **What it will never do.** Encrypt, authenticate, route, compress, or listen anywhere but where it was told to. Listen on
//! the loopback interface, or put a proxy in front.
//!
//! ```
//! use counterfoil_http::{Bytes, Request, Response, Server};
//!
//! let server = Server::builder("say how long a body is", |request: Request<Bytes>| {
//!     Response::new(Bytes::from(format!("{} bytes\n", request.body().len())))
//! })
//! .max_body(1024)
//! .start("127.0.0.1:0".parse()?)?;
//! println!("ask http://{}/", server.address());
//! server.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod conversation;
mod error;
mod handler;
mod host;
mod server;
mod waiting;

pub use error::{Error, ErrorKind};
pub use handler::{Handler, text};
pub use host::Host;
pub use hyper::body::Bytes;
pub use hyper::{Method, Request, Response, StatusCode, header};
pub use server::{Builder, Server};
