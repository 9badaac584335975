//! `counterfoil audit rehearse`: the life of a log with segments as short as can be, told line by line.
//!
//! For fault injection: whoever kills it or fails its system calls can check that what it said was durable is there.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use counterfoil::anchor::FileAnchorStore;
use counterfoil::audit::{AuditLog, Ticket};
use counterfoil::signer::Ed25519Signer;
use counterfoil::{Context, FabricEvent, LeaseId, ResourceType, WorkloadIdentity};

use crate::failure::{Code, Exit, Failure, chain};

const CHAIN: &str = "rehearsal.example.com/life";
/// A rehearsal has nothing to protect: its key is known to everybody.
const SEED: [u8; 32] = [7; 32];
const PATIENCE: Duration = Duration::from_secs(20);
const ANCHORING: Duration = Duration::from_millis(500);
/// Enough to go past the end of a segment.
const MANY: u64 = 256;

#[derive(Debug, Args)]
pub(crate) struct RehearseArgs {
    /// What to keep log and anchor in; a log in it is continued
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Opens, appends, goes past the end of a segment, anchors, closes, opens again, appends and closes.
pub(crate) fn run(args: &RehearseArgs) -> Result<ExitCode, Failure> {
    let mut life = Life::open(&args.dir)?;
    life.append(1)?;
    life.append(2)?;
    life.append(MANY)?;
    life.anchor()?;
    life.append(1)?;
    life.close()?;
    let mut life = Life::open(&args.dir)?;
    life.append(1)?;
    life.close()?;
    Ok(ExitCode::SUCCESS)
}

struct Life {
    log: AuditLog,
    context: Context,
    lease: u64,
    alarm: Option<String>,
}

impl Life {
    fn open(dir: &Path) -> Result<Self, Failure> {
        let anchors = FileAnchorStore::open(dir.join("anchor.json"))
            .map_err(|error| failed(&error).with_code(Code::Anchor))?;
        let log = AuditLog::builder(dir.join("audit"), CHAIN)
            .anchor_store(Arc::new(anchors))
            .signer(|id| Ok(Arc::new(Ed25519Signer::from_seed(id.as_str(), &SEED)?)))
            .segment_bytes(1)
            .open()
            .map_err(|error| failed(&error))?;
        let resumed = log.opened().resumed_seq;
        say(&format!("opened after {resumed}"))?;
        Ok(Self {
            log,
            context: Context::new(WorkloadIdentity::tenant_only("rehearsal")),
            // Never a lease of an earlier rehearsal.
            lease: resumed * 1_000,
            alarm: None,
        })
    }

    /// Appends so many records, and tells each that is durable.
    fn append(&mut self, records: u64) -> Result<(), Failure> {
        let begun = Instant::now();
        let leases = self.lease + 1..=self.lease + records;
        self.lease += records;
        let tickets: Vec<(u64, Ticket<'_>)> = leases
            .map(|lease| {
                let event = FabricEvent::LeaseExpired {
                    resource_type: ResourceType::Mem,
                    lease_id: LeaseId(lease),
                    node: "node-a".into(),
                };
                (lease, self.log.append_event(&event, &self.context))
            })
            .collect();
        let mut failure = None;
        let mut told = String::new();
        for (lease, ticket) in tickets {
            match ticket.wait_durable(PATIENCE) {
                Ok(()) => told.push_str(&format!("durable {lease}\n")),
                Err(error) => failure = Some(failed(&error)),
            }
        }
        self.tell_alarm(begun)?;
        say(told.trim_end())?;
        failure.map_or(Ok(()), Err)
    }

    /// Tells what has come up since `begun`.
    fn tell_alarm(&mut self, begun: Instant) -> Result<(), Failure> {
        let alarm = self.log.figures().alarm;
        if self.alarm == alarm {
            return Ok(());
        }
        self.alarm = alarm;
        let why = self.alarm.as_deref().unwrap_or("over");
        say(&format!("alarm {} {why}", begun.elapsed().as_millis()))
    }

    /// A log that cannot anchor goes on, and says so when it is closed.
    fn anchor(&self) -> Result<(), Failure> {
        match self.log.anchor_now(ANCHORING) {
            Ok(head) => say(&format!("anchored {}", head.seq)),
            Err(error) => say(&format!("unanchored: {}", chain(&error))),
        }
    }

    fn close(mut self) -> Result<(), Failure> {
        let begun = Instant::now();
        let report = self.log.close(PATIENCE);
        self.tell_alarm(begun)?;
        if report.finished && report.left_unanchored == 0 {
            return say(&format!("closed at {}", report.durable_seq));
        }
        let why = report
            .alarm
            .unwrap_or_else(|| "it ran out of time".to_owned());
        Err(Failure::new(
            Exit::Unreadable,
            format!("the log was not closed in order: {why}; repair the disk and run it again"),
        )
        .with_code(Code::Log))
    }
}

/// One line, in one call, so that a kill leaves it whole or not at all.
fn say(line: &str) -> Result<(), Failure> {
    if line.is_empty() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| {
            Failure::new(
                Exit::Unreadable,
                format!("cannot write to standard output: {error}"),
            )
        })
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Unreadable, chain(error)).with_code(Code::Log)
}
