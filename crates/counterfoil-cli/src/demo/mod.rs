//! `counterfoil demo`: a real lease manager, observed in three layers from one call.

mod acks;
mod disk;
mod health;
mod home;
mod lease;
mod live;
mod manager;
mod node;
mod reading;
mod resources;
mod ring;
mod rng;
mod serve;
mod stage;
mod tally;
mod totals;
mod workload;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::args::{DemoArgs, Output};
use crate::failure::{Exit, Failure};
use crate::policy;
use crate::result;
use crate::stop::Stop;
use acks::Acks;
use home::Home;
use live::{Beside, Live};
use manager::Manager;
use node::Node;
use reading::Reading;
use rng::Rng;
use serve::Served;
use stage::Stage;
use tally::{Happening, Tally};
use totals::{Row, Totals};
use workload::Floor;

/// How often the main thread looks whether it is time to stop.
const STEP: Duration = Duration::from_millis(20);

/// Runs the demo from the first lease to the closing table.
pub(crate) fn run(args: &DemoArgs) -> Result<ExitCode, Failure> {
    let stop = Stop::on_signals().map_err(|error| {
        Failure::new(
            Exit::Unreadable,
            format!("cannot listen for signals: {error}"),
        )
    })?;
    // First of all, because it is what fails most often, and nothing has been written yet.
    let served = Served::start(args.metrics_addr)?;
    let policy = args.policy.as_deref().map(policy::read).transpose()?;
    let stage = Stage::open(Home::open(args.dir.as_deref())?, policy)?;
    let floor = Arc::new(floor(args, &stage)?);
    served.show(stage.observer.clone(), Arc::clone(&floor));
    introduce(args, &stage, &served);

    let begun = Instant::now();
    let threads = workload::start(&floor, usize::from(args.threads), &mut Rng::new(args.seed))
        .map_err(|error| {
            Failure::new(
                Exit::Unreadable,
                format!(
                    "cannot start {} threads: {error}; ask for fewer with --threads",
                    args.threads
                ),
            )
        })?;
    watch(args, &stop, &stage, &floor, begun);
    floor.stop();
    for thread in threads {
        let name = thread.thread().name().unwrap_or("a thread").to_owned();
        thread.join().map_err(|_| {
            Failure::new(
                Exit::Contradiction,
                format!("{name} of the demo panicked; this is a defect, please report it"),
            )
        })?;
    }
    floor.manager.release_all();
    let seconds = begun.elapsed().as_secs_f64();

    let totals = conclude(stage, &floor, seconds)?;
    match args.output {
        Output::Text => result::print(&totals.to_text())?,
        Output::Json => result::print(&result::json(&totals)?)?,
    }
    linger(args, &stop);
    served.stop()?;
    if totals.agree {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure::new(
            Exit::Contradiction,
            format!("the layers disagree: {}", totals.differences.join("; ")),
        ))
    }
}

/// Closes the layers and lays what each of them says beside what the manager did.
fn conclude(stage: Stage, floor: &Floor, seconds: f64) -> Result<Totals, Failure> {
    let observer = stage.observer.clone();
    let (home, vkey) = (stage.home.clone(), stage.vkey.clone());
    let closed = stage.close()?;
    home.clear_scratch()?;
    let snapshot = observer.snapshot();
    let tally = floor.manager.tally();
    let row = |happening: Happening| {
        let sealed = closed.records.get(happening.audit_kind());
        Row {
            kind: happening.audit_kind(),
            manager: tally.count(happening),
            metrics: Reading(&snapshot).total(totals::instrument(happening)),
            events: closed.sink.count(happening.event_name()),
            audit: sealed.copied().unwrap_or(0),
        }
    };
    let happenings: Vec<Row> = Happening::ALL.into_iter().map(row).collect();
    let differences = totals::differences(&happenings, closed.events);
    Ok(Totals {
        schema: "counterfoil.demo",
        version: 1,
        agree: differences.is_empty(),
        differences,
        happenings,
        events: closed.events,
        operations: tally.operations(),
        bytes: tally.bytes(),
        acknowledged: tally.acknowledged(),
        seconds,
        head: closed.head,
        dir: home.dir().display().to_string(),
        log: home.log().display().to_string(),
        anchor: home.anchor().display().to_string(),
        vkey,
    })
}

/// The manager with its nodes, and the list of acknowledgements.
fn floor(args: &DemoArgs, stage: &Stage) -> Result<Floor, Failure> {
    let scratch = stage.home.scratch()?;
    let nodes = ["node-a", "node-b", "node-c"].map(Node::new).into();
    // Every lease has a record, so no earlier lease of this log has a number above the records'.
    let first_id = stage.resumed_seq + 1;
    let manager = Manager::new(
        stage.observer.clone(),
        Arc::clone(&stage.clock),
        nodes,
        scratch,
        first_id,
    );
    let acks = match &args.acks {
        Some(path) => Acks::to_file(path).map_err(|error| {
            Failure::new(
                Exit::Unreadable,
                format!("cannot write to {}: {error}", path.display()),
            )
        })?,
        None => Acks::default(),
    };
    Ok(Floor::new(manager, acks))
}

/// Says what runs, and where to look.
fn introduce(args: &DemoArgs, stage: &Stage, served: &Served) {
    let mut err = anstream::stderr().lock();
    let again = if stage.resumed_seq > 0 {
        format!(", going on after record {}", stage.resumed_seq)
    } else {
        String::new()
    };
    // Standard error that cannot be written to is no reason not to run.
    let _nobody_reads = writeln!(
        err,
        "counterfoil demo: {} threads on 3 nodes for {} s, seed {}\n  metrics  http://{}/metrics\n  health   http://{}/health\n  kept in  {}{again}\n  key      {}",
        args.threads,
        args.seconds,
        args.seed,
        served.address(),
        served.address(),
        stage.home.dir().display(),
        stage.vkey,
    );
    if !served.address().ip().is_loopback() {
        let _nobody_reads = writeln!(
            err,
            "  note     whoever reaches {} can read both pages; there is no authentication",
            served.address()
        );
    }
}

/// Shows live figures until the time is up or somebody asks for the end.
fn watch(args: &DemoArgs, stop: &Stop, stage: &Stage, floor: &Floor, begun: Instant) {
    let (mut live, mut next) = (Live::new(), Duration::ZERO);
    let end = Duration::from_secs(args.seconds);
    while !stop.is_asked() && begun.elapsed() < end {
        thread::sleep(STEP);
        let elapsed = begun.elapsed();
        if !args.quiet && elapsed >= next + live.interval() {
            next = elapsed;
            live.show(
                &stage.observer.snapshot(),
                beside(stage, floor.manager.tally(), elapsed),
            );
        }
    }
}

fn beside(stage: &Stage, tally: &Tally, elapsed: Duration) -> Beside {
    let log = stage
        .observer
        .audit()
        .map(counterfoil::audit::AuditLog::figures)
        .unwrap_or_default();
    Beside {
        elapsed,
        events_offered: stage.observer.events().offered(),
        events_missed: stage.missed(),
        acknowledged: tally.acknowledged(),
        sealed: log.written_seq,
        durable: log.durable_seq,
    }
}

/// Keeps the addresses up for a last scrape.
fn linger(args: &DemoArgs, stop: &Stop) {
    let end = Instant::now() + Duration::from_secs(args.linger);
    while args.linger > 0 && !stop.is_asked() && Instant::now() < end {
        thread::sleep(STEP);
    }
}
