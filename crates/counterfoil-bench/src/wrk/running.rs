//! A service in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use clap::ValueEnum as _;

use super::service::{Kind, RECORDS};
use crate::group::Outcome;

/// Ends with this value.
pub(super) struct Running {
    kind: Kind,
    process: Child,
    address: SocketAddr,
}

impl Running {
    /// Starts this program again as a service, and waits until it serves.
    pub(super) fn start(kind: Kind) -> Outcome<Self> {
        let name = kind.to_possible_value().ok_or("every service has a name")?;
        let mut process = Command::new(std::env::current_exe()?)
            .args(["serve", name.get_name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(out) = process.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let address = line.trim().parse().map_err(|_| {
            format!(
                "the service {} did not say where it serves",
                name.get_name()
            )
        })?;
        Ok(Self {
            kind,
            process,
            address,
        })
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many audit records the service has stored.
    pub(super) fn records_stored(&self) -> Outcome<f64> {
        let mut stream = TcpStream::connect(self.address)?;
        write!(
            stream,
            "GET {RECORDS} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer
            .split_once("\r\n\r\n")
            .ok_or("an answer without a body")?;
        Ok(body.trim().parse()?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It serves until its standard input ends.
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}
