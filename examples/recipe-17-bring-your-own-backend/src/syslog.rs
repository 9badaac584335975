//! An exporter to syslog.

mod message;

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use counterfoil_exporter::{Batch, Error, ErrorKind, Exporter, Signals};
use rustix::io::Errno;

pub use message::Origin;

const EXPORT: &str = "export a batch to syslog";
const TAKEN: Signals = Signals::EVENTS.and(Signals::LOGS).and(Signals::SEALED);

/// Sends events, log records and sealed lines as messages of RFC 5424 to a syslog daemon.
///
/// A sealed line is the message byte for byte, so that whoever reads the archive of the daemon can verify it; chain, seq and hash
/// stand beside it as structured data, where a daemon can filter by them.
///
/// There is no UDP on purpose: nobody learns what it lost.
#[derive(Debug)]
pub struct SyslogExporter {
    daemon: Daemon,
    origin: Origin,
    patience: Duration,
}

/// Where the daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Daemon {
    /// At a TCP port, taking messages with their length before them (RFC 6587, section 3.4.1). Syslog has no answers, so
    /// each batch is a connection of its own, and a batch has arrived when the daemon closes it: it has then read all of it.
    Tcp(SocketAddr),
    /// At a datagram socket of this host, such as `/dev/log`. A message has arrived when it is in the daemon's queue, which
    /// makes the sender wait when it is full.
    Unix(PathBuf),
}

impl SyslogExporter {
    /// An exporter to `daemon`. Nothing is contacted yet. Each step of a call (to connect, to write, to wait for the daemon) may
    /// take as long as `patience`.
    #[must_use]
    pub const fn new(daemon: Daemon, origin: Origin, patience: Duration) -> Self {
        Self {
            daemon,
            origin,
            patience,
        }
    }

    fn failed(&self, error: io::Error) -> Error {
        let kind = match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => ErrorKind::Timeout,
            _ => ErrorKind::Unavailable,
        };
        let daemon = &self.daemon;
        let context = format!("{daemon} did not take it; is a syslog daemon listening there?");
        Error::new(kind, EXPORT, context).with_source(error)
    }
}

impl Exporter for SyslogExporter {
    fn signals(&self) -> Signals {
        TAKEN
    }

    fn export(&self, batch: Batch) -> Result<(), Error> {
        let messages: Vec<_> = match &batch {
            Batch::Events(all) => all.iter().map(|it| self.origin.event(it)).collect(),
            Batch::Logs(all) => all.iter().map(|it| self.origin.log(it)).collect(),
            Batch::Sealed(all) => all.iter().map(|it| self.origin.sealed(it)).collect(),
            _ => return Err(batch.unsupported(TAKEN)),
        };
        match &self.daemon {
            _ if batch.is_empty() => Ok(()),
            Daemon::Tcp(address) => {
                over_tcp(*address, self.patience, &messages).map_err(|error| self.failed(error))
            }
            Daemon::Unix(path) => self.over_unix(path, &batch, &messages),
        }
    }

    fn flush(&self, _deadline: Instant) -> Result<(), Error> {
        Ok(()) // nothing is held back
    }
}

/// Whether any of it arrived is not known when it fails, so all of it has to be sent again.
fn over_tcp(address: SocketAddr, patience: Duration, messages: &[Vec<u8>]) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_write_timeout(Some(patience))?;
    stream.set_read_timeout(Some(patience))?;
    let mut frames = Vec::new();
    for message in messages {
        write!(frames, "{} ", message.len())?;
        frames.extend_from_slice(message);
    }
    stream.write_all(&frames)?;
    stream.shutdown(Shutdown::Write)?;
    match stream.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(io::Error::other("it answered, and syslog never does")),
    }
}

impl SyslogExporter {
    fn over_unix(&self, path: &Path, batch: &Batch, messages: &[Vec<u8>]) -> Result<(), Error> {
        let connected = || {
            let socket = UnixDatagram::unbound()?;
            socket.set_write_timeout(Some(self.patience))?;
            socket.connect(path)?;
            Ok(socket)
        };
        let socket = connected().map_err(|error| self.failed(error))?;
        let mut too_long = 0;
        for (n, message) in messages.iter().enumerate() {
            match socket.send(message) {
                Ok(_) => {}
                // It will never fit, and the others do.
                Err(error) if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) => {
                    too_long += 1;
                }
                Err(error) => {
                    let rest = batch.without_first(n);
                    return Err(self.failed(error).with_part(too_long, Some(rest)));
                }
            }
        }
        if too_long == 0 {
            return Ok(());
        }
        let daemon = &self.daemon;
        let context = format!(
            "{too_long} of {} messages are too long for {daemon}; raise net.core.wmem_max, or send over TCP",
            messages.len()
        );
        Err(Error::new(ErrorKind::Rejected, EXPORT, context).with_part(too_long, None))
    }
}

impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}
