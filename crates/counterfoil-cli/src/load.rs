//! `counterfoil load`: real sealed chains against a collector, counted to the record.

mod batch;
mod check;
mod connection;
mod producer;
mod progress;
mod remote;
mod report;
mod schedule;
mod tally;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Barrier;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use counterfoil::ChainId;
use rustix::time::{ClockId, clock_gettime};

use crate::args::Output;
use crate::failure::{Exit, Failure};
use crate::moment::parse_age;
use crate::result;
use crate::stop::Stop;
use check::Place;
use connection::{Connection, Run};
use producer::Producer;
use progress::Progress;
use remote::{Answer, Remote, text_of, unusable};
use report::Outcome;
use schedule::{Rest, Schedule};
use tally::{Counts, Latencies};

#[derive(Debug, Args)]
#[command(after_help = "\
The key comes from the environment variable COUNTERFOIL_KEY or from --key-file.
A time of acknowledgement counts from the moment at which records were due, so
that a collector that stalls is seen to stall.

Exit codes: 0 all that was offered is acknowledged; 1 the collector contradicts
what it acknowledged, or the check fails; 2 usage; 3 something that was offered
is not acknowledged; 4 the collector cannot be used; 5 the key cannot be used.")]
pub(crate) struct LoadArgs {
    /// Address of the collector, such as http://127.0.0.1:9468
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9468")]
    pub(crate) url: String,
    /// How many chains to extend
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) chains: u64,
    /// Records per second of all chains together; 0 is as fast as they are taken
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=100_000_000))]
    pub(crate) rate: u64,
    /// How long to send [default: 10s, unless --records is given]
    #[arg(long, value_name = "TIME", value_parser = parse_age)]
    pub(crate) duration: Option<Duration>,
    /// How many records to send
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    pub(crate) records: Option<u64>,
    /// Records in a request
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) batch: u64,
    /// Connections, each with chains of its own and one request at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub(crate) connections: u32,
    /// Begin of the chains' ids: a DNS name, and at most one name behind it
    #[arg(long, value_name = "NAME", default_value = "load.example.com")]
    pub(crate) prefix: String,
    /// File with the key; without it COUNTERFOIL_KEY counts
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Let the key go over plain http to another host, where others can read it
    #[arg(long)]
    pub(crate) plaintext: bool,
    /// Megabytes of records that are sealed before the clock runs; what goes
    /// beyond is sealed meanwhile, and counted
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(..=65_536))]
    pub(crate) seal_ahead: u64,
    /// How long a request is tried again while the collector does not answer or
    /// has no room
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_age)]
    pub(crate) patience: Duration,
    /// Verify at the end that everything acknowledged is there once: "api", or the
    /// collector's data directory
    #[arg(long, value_name = "api|DIR")]
    pub(crate) check: Option<Place>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

impl LoadArgs {
    /// No connection goes without a chain.
    pub(crate) fn connections(&self) -> u32 {
        let chains = u32::try_from(self.chains).unwrap_or(u32::MAX);
        self.connections.min(chains)
    }

    fn duration(&self) -> Option<Duration> {
        let unlimited = self.duration.is_none() && self.records.is_none();
        self.duration
            .or_else(|| unlimited.then_some(Duration::from_secs(10)))
    }

    /// Records that can be due in all, as far as that is known.
    fn expected(&self) -> Option<u64> {
        let by_rate = self
            .duration()
            .filter(|_| self.rate > 0)
            .map(|duration| (duration.as_secs_f64() * self.rate as f64).ceil() as u64);
        [self.records, by_rate].into_iter().flatten().min()
    }
}

/// Sends, counts and checks.
pub(crate) fn run(args: &LoadArgs) -> Result<ExitCode, Failure> {
    let stop = Stop::on_signals().map_err(|error| {
        Failure::new(
            Exit::Unreadable,
            format!("cannot listen to signals: {error}"),
        )
    })?;
    let (run, producers) = producers(args)?;
    register(args, &producers)?;

    let counts = Counts::default();
    let stopped = AtomicBool::new(false);
    let rest = Rest::new(args.records.unwrap_or(u64::MAX));
    let shared = Run {
        counts: &counts,
        rest: &rest,
        stop: &stopped,
        batch: args.batch,
        patience: args.patience,
    };
    let loaded = load(args, &shared, producers, &stop)?;

    let checked = args
        .check
        .as_ref()
        .map(|place| check::check(place, &loaded.producers, args))
        .transpose()?;
    let outcome = Outcome {
        args,
        run: &run,
        counts: &counts,
        latencies: &loaded.latencies,
        producers: &loaded.producers,
        elapsed: loaded.elapsed,
        processor: loaded.processor,
        checked: checked.as_ref(),
    };
    result::print(&match args.output {
        Output::Text => outcome.to_text(),
        Output::Json => outcome.to_json()?,
    })?;
    Ok(outcome.exit().map_or(ExitCode::SUCCESS, ExitCode::from))
}

/// What the connections come back with.
struct Loaded {
    producers: Vec<Producer>,
    latencies: Latencies,
    elapsed: Duration,
    processor: Duration,
}

/// Chains under a name that no other run has, and that name.
fn producers(args: &LoadArgs) -> Result<(String, Vec<Producer>), Failure> {
    let mut random = [0; 40];
    getrandom::fill(&mut random).map_err(|error| {
        Failure::new(
            Exit::Unreadable,
            format!("the system gives no randomness: {error}"),
        )
    })?;
    let (seed, name) = random.split_at(32);
    let seed: &[u8; 32] = seed.first_chunk().unwrap_or(&[0; 32]);
    let run: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    let producer = |number: u64| {
        let id = format!("{}/{run}/{number}/1", args.prefix);
        let id: ChainId = id.parse().map_err(|_| {
            let sentence = format!("--prefix makes no chain id: {id} is none");
            Failure::usage(sentence)
        })?;
        Producer::new(id, number, seed)
    };
    let producers = (0..args.chains).map(producer).collect::<Result<_, _>>()?;
    Ok((run, producers))
}

fn register(args: &LoadArgs, producers: &[Producer]) -> Result<(), Failure> {
    let remote = Remote::new(args)?;
    for producer in producers {
        let refused = match remote.register(producer.id(), &producer.verifier_key()) {
            Answer::Acknowledged(..) => continue,
            Answer::Refused(refused) => text_of(&refused),
            Answer::None(why) => why,
        };
        let sentence = format!(
            "cannot register {} at {}: {refused}",
            producer.id(),
            args.url
        );
        return Err(unusable(sentence));
    }
    Ok(())
}

/// Runs all connections, and waits for them.
fn load(
    args: &LoadArgs,
    run: &Run<'_>,
    producers: Vec<Producer>,
    stop: &Stop,
) -> Result<Loaded, Failure> {
    let count = args.connections();
    let mut connections: Vec<Connection<'_>> = (0..count)
        .map(|_| {
            Ok(Connection {
                run,
                remote: Remote::new(args)?,
                producers: Vec::new(),
                latencies: Latencies::new(),
            })
        })
        .collect::<Result<_, Failure>>()?;
    for (index, producer) in producers.into_iter().enumerate() {
        connections[index % count as usize].producers.push(producer);
    }
    let sealed = Barrier::new(count as usize + 1);
    let began = std::sync::OnceLock::new();
    let mut progress = Progress::new(run.counts);
    let (done, began, processor) = thread::scope(|scope| {
        let threads: Vec<_> = connections
            .into_iter()
            .zip(0..)
            .map(|(mut connection, index)| {
                let (sealed, began) = (&sealed, &began);
                scope.spawn(move || {
                    let ready = seal_ahead(args, &mut connection);
                    sealed.wait();
                    let (begin, _) = *began.get_or_init(|| (Instant::now(), processor_time()));
                    ready?;
                    let schedule = Schedule::new(
                        begin,
                        args.duration(),
                        (args.rate > 0).then_some(args.rate),
                        args.batch,
                        index,
                        count,
                    );
                    connection.send_all(schedule)?;
                    Ok::<_, Failure>(connection)
                })
            })
            .collect();
        sealed.wait();
        let (begin, processor) = *began.get_or_init(|| (Instant::now(), processor_time()));
        progress.watch(run.stop, stop, || threads.iter().all(|it| it.is_finished()));
        let done: Vec<_> = threads.into_iter().map(|it| it.join()).collect();
        (done, begin, processor)
    });
    let (elapsed, processor) = (began.elapsed(), processor_time() - processor);
    progress.done();
    let mut loaded = Loaded {
        producers: Vec::new(),
        latencies: Latencies::new(),
        elapsed,
        processor,
    };
    for connection in done {
        let connection = connection.map_err(|_| {
            Failure::new(
                Exit::Contradiction,
                "a connection panicked; this is a defect, please report it",
            )
        })??;
        loaded.latencies.add(&connection.latencies);
        loaded.producers.extend(connection.producers);
    }
    Ok(loaded)
}

/// Seals the connection's share of what is sealed before the clock runs.
fn seal_ahead(args: &LoadArgs, connection: &mut Connection<'_>) -> Result<(), Failure> {
    let connections = u64::from(args.connections());
    let room = args.seal_ahead * 1_000_000 / connections;
    let most = args
        .expected()
        .map_or(u64::MAX, |it| it.div_ceil(connections));
    let (mut bytes, mut records) = (0, 0);
    let mut turn = 0;
    while bytes < room && records < most {
        let index = turn % connection.producers.len();
        bytes += connection.producers[index].seal_ahead(args.batch)? as u64;
        records += args.batch;
        turn += 1;
    }
    Ok(())
}

/// Processor time of all threads of this process.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}
