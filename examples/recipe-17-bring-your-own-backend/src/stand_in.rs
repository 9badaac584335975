//! A stand-in for a syslog daemon, so that recipe and tests need none.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// More than any message of ours.
const MOST_OF_A_MESSAGE: u64 = 1 << 20;

/// Takes messages with their length before them at a TCP port of this host, and keeps them. It listens until the process ends.
#[derive(Debug)]
pub struct SyslogDaemon {
    address: SocketAddr,
    messages: Arc<Mutex<Vec<String>>>,
}

impl SyslogDaemon {
    /// Listens at a free port.
    ///
    /// # Errors
    /// When there is none.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let messages = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&messages);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A connection that breaks off is its sender's affair: it is not closed in order, and so not acknowledged.
                let _broken = keep(stream, &kept);
            }
        });
        Ok(Self { address, messages })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has arrived so far.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        let messages = self.messages.lock();
        messages.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Reads frames to the end and keeps them all; then the stream is dropped, which tells the sender.
fn keep(stream: TcpStream, kept: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut input = BufReader::new(stream);
    let mut messages = Vec::new();
    loop {
        let mut length = Vec::new();
        (&mut input).take(8).read_until(b' ', &mut length)?;
        if length.is_empty() {
            break;
        }
        let length = length
            .strip_suffix(b" ")
            .and_then(|digits| str::from_utf8(digits).ok());
        let length: u64 = length
            .and_then(|digits| digits.parse().ok())
            .filter(|length| *length <= MOST_OF_A_MESSAGE)
            .ok_or(io::ErrorKind::InvalidData)?;
        let mut message = String::new();
        (&mut input).take(length).read_to_string(&mut message)?;
        if (message.len() as u64) < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        messages.push(message);
    }
    kept.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .extend(messages);
    Ok(())
}
