use std::cell::Cell;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use cookbook_recipe_17_bring_your_own_backend::stand_in::SyslogDaemon;
use cookbook_recipe_17_bring_your_own_backend::{Daemon, Origin, SyslogExporter};
use counterfoil_core::{Digest, SealedLine};
use counterfoil_exporter::{Batch, ErrorKind, Exporter};

fn exporter(daemon: Daemon) -> SyslogExporter {
    let origin = Origin::new("host-1", "desk", 7, 32473);
    SyslogExporter::new(daemon, origin, Duration::from_secs(10))
}

/// A daemon at a datagram socket.
struct Listening {
    path: PathBuf,
    messages: Receiver<Vec<u8>>,
}

impl Listening {
    fn at(path: PathBuf) -> Self {
        let socket = UnixDatagram::bind(&path).unwrap();
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            while let Ok(length) = socket.recv(&mut buffer) {
                // The test is over when nobody takes it.
                let _over = sender.send(buffer[..length].to_vec());
            }
        });
        Self { path, messages }
    }

    /// How many messages have arrived since the last call: those before one that is sent now.
    fn count(&self) -> usize {
        let socket = UnixDatagram::unbound().unwrap();
        socket.send_to(b"now", &self.path).unwrap();
        self.messages.iter().take_while(|it| it != b"now").count()
    }
}

fn line(seq: u64, bytes: usize) -> SealedLine {
    SealedLine {
        seq,
        hash: Digest::from_bytes([1; Digest::LEN]),
        bytes: vec![b'x'; bytes],
    }
}

#[test]
fn it_keeps_the_contract_over_tcp() {
    counterfoil_testkit::exporter::conformance(|| {
        let daemon = SyslogDaemon::start().unwrap();
        (exporter(Daemon::Tcp(daemon.address())), move || {
            daemon.messages().len()
        })
    });
}

#[test]
fn it_keeps_the_contract_over_a_datagram_socket() {
    let directory = tempfile::tempdir().unwrap();
    counterfoil_testkit::exporter::conformance(|| {
        let empty = tempfile::tempdir_in(directory.path()).unwrap().keep();
        let daemon = Listening::at(empty.join("log"));
        let count = Cell::new(0);
        (exporter(Daemon::Unix(daemon.path.clone())), move || {
            count.set(count.get() + daemon.count());
            count.get()
        })
    });
}

#[test]
fn every_loss_is_told() {
    // A port at which nobody listens any more.
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    counterfoil_testkit::exporter::failing(|| exporter(Daemon::Tcp(nobody)));
    counterfoil_testkit::exporter::failing(|| exporter(Daemon::Unix("/nowhere/log".into())));
}

#[test]
fn no_message_has_a_character_that_acts_on_a_terminal() {
    let daemon = SyslogDaemon::start().unwrap();
    let exporter = exporter(Daemon::Tcp(daemon.address()));
    for batch in counterfoil_testkit::exporter::batches() {
        if exporter.signals().contains(batch.signal()) {
            exporter.export(batch).unwrap();
        }
    }
    for message in daemon.messages() {
        assert!(!message.contains(char::is_control), "{message:?}");
    }
}

#[test]
fn a_daemon_that_goes_away_before_it_has_read_everything_acknowledged_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let exporter = exporter(Daemon::Tcp(listener.local_addr().unwrap()));
    let resetting = thread::spawn(move || {
        // Dropped with our bytes unread: the kernel resets the connection.
        let (stream, _) = listener.accept().unwrap();
        let _wait = stream.peek(&mut [0]);
    });
    let error = exporter.export(vec![line(1, 60_000)].into()).unwrap_err();
    assert!(error.is_retryable(), "{error}");
    resetting.join().unwrap();
}

#[test]
fn a_message_that_is_too_long_is_lost_alone() {
    let directory = tempfile::tempdir().unwrap();
    let daemon = Listening::at(directory.path().join("log"));
    let batch = Batch::from(vec![line(1, 10), line(2, 64 << 20), line(3, 10)]);
    let error = exporter(Daemon::Unix(daemon.path.clone()))
        .export(batch)
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.undelivered(3)),
        (ErrorKind::Rejected, 1)
    );
    assert_eq!(daemon.count(), 2);
}
