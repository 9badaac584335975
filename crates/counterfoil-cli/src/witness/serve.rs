//! `counterfoil witness serve`: a C2SP witness over HTTP.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Args;
use counterfoil::SystemClock;
use counterfoil::signer::Ed25519Signer;
use counterfoil::witness::{
    Error, ErrorKind, FileWitnessStorage, Refusal, Witness, WitnessService,
};

use crate::args::parse_address;
use crate::escape::Escaped;
use crate::failure::{Code, Exit, Failure, chain};
use crate::stop::Stop;
use crate::{policy, result};

#[derive(Debug, Args)]
#[command(after_help = "\
Served are POST /add-checkpoint and GET /<hex SHA-256 of the origin>/checkpoint,
as C2SP tlog-witness asks. The logs that are followed are the policy's log
lines, one per chain id; a log that began anew under its next incarnation is
followed once it has a line. The least of a policy:

  log audit.example.com/leases/1+0123abcd+AbCd...
  quorum none

What was cosigned last is in DIR. Never restore DIR from an old copy: the
witness would cosign another history. There is no encryption and no login; put a
proxy in front where others are to reach it.

Exit codes: 0 stopped by a signal; 2 the address or DIR is in use, or key and
policy do not fit; 4 policy or DIR cannot be read or written; 5 the key file
cannot be used.")]
pub(crate) struct ServeArgs {
    /// The witness's key file, which signs for nothing else
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Which logs are followed, a C2SP tlog-policy
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// What to keep the last cosigned heads in; one witness at a time
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Where to serve; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9466", value_parser = parse_address)]
    addr: SocketAddr,
}

/// Serves until a signal comes. What is printed is the line by which others name this witness in their policies.
pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode, Failure> {
    let signer = Ed25519Signer::from_file(&args.key)
        .map_err(|error| Failure::new(Exit::Policy, chain(&error)).with_code(Code::KeyFile))?;
    let policy = policy::read(&args.policy)?;
    let storage = FileWitnessStorage::open(&args.state).map_err(|error| unusable(&error))?;
    let witness = Witness::new(Arc::new(signer), &policy, storage, SystemClock::new())
        .map_err(|error| unusable(&error))?;
    let stop = Stop::on_signals().map_err(|error| {
        Failure::new(
            Exit::Unreadable,
            format!("cannot wait for signals: {error}"),
        )
    })?;
    let key = witness.key().clone();
    for origin in witness.origins() {
        tell(&format!("following {origin}"));
    }
    let server = WitnessService::new(witness, |answer| report(answer.as_ref().err()))
        .into_server()
        .start(args.addr)
        .map_err(|error| Failure::usage(format!("{error} with --addr")))?;
    result::print(&format!(
        "witness {} {key} http://{}\n",
        Escaped(key.name()),
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

fn unusable(error: &Error) -> Failure {
    let exit = match error.kind() {
        ErrorKind::Storage => Exit::Unreadable,
        _ => Exit::Usage,
    };
    Failure::new(exit, chain(error))
}

/// Says on standard error what the operator has to look at. A refusal that anybody can bring about is told to whoever asked
/// and to nobody else.
fn report(refused: Option<&Refusal>) {
    if let Some(refusal) = refused
        && (!refusal.evidence().is_empty() || matches!(refusal, Refusal::Failed(_)))
    {
        tell(&chain(refusal));
    }
}

fn tell(sentence: &str) {
    // In one piece, because other threads tell things too. Nobody is left to tell when standard error is gone as well.
    let line = format!("{}\n", Escaped(sentence));
    let _unheard = anstream::stderr().write_all(line.as_bytes());
}
