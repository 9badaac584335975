//! A load generator: puts leaves and recipes, gets, resolves and verifies, as many calls at once as it is told.
#![allow(clippy::print_stderr, reason = "a command line tool")]

use std::error::Error;
use std::io::{self, IsTerminal, Write, stderr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::{Parser, ValueEnum};
use cookbook_recipe_25_content_addressed_compute::connect;
use cookbook_recipe_25_content_addressed_compute::proto::deriva_client::DerivaClient;
use cookbook_recipe_25_content_addressed_compute::proto::{
    GetRequest, PutLeafRequest, PutRecipeRequest, ResolveRequest, VerifyRequest,
};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tonic::Status;
use tonic::transport::Channel;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The server takes no more calls at once on one connection.
const CALLS_PER_CONNECTION: u64 = 32;

/// Drives a deriva-server and says how long its answers took.
#[derive(Parser)]
#[command(max_term_width = 80)]
struct Arguments {
    /// Where the server is
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    url: String,
    /// How long
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// How many calls at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    concurrency: u64,
    /// Chooses the calls; the same seed makes the same ones
    #[arg(long, default_value_t = 25)]
    seed: u64,
    /// Bytes of a leaf
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    leaf_bytes: u64,
    /// How the figures are printed at the end
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    /// Verifies a recipe of entropy/v1 each time, which a server that was
    /// started with --with-entropy has; this raises the alert
    #[arg(long)]
    fault: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// What one worker has seen.
struct Figures {
    /// In microseconds.
    latencies: Histogram<u64>,
    errors: u64,
    first_error: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("deriva-load: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> Outcome<ExitCode> {
    let mut channel = connect(&arguments.url).await?;
    let started = Instant::now();
    let until = started + Duration::from_secs(arguments.seconds);
    let mut workers = JoinSet::new();
    for worker in 0..arguments.concurrency {
        if worker > 0 && worker % CALLS_PER_CONNECTION == 0 {
            channel = connect(&arguments.url).await?;
        }
        let client = DerivaClient::new(channel.clone());
        let random = fastrand::Rng::with_seed(arguments.seed ^ (worker << 32));
        let mix = Mix {
            client,
            random,
            leaf_bytes: arguments.leaf_bytes,
            fault: arguments.fault,
            leaves: Vec::new(),
            recipes: Vec::new(),
        };
        workers.spawn(mix.work(until));
    }
    let progress = tokio::spawn(show_progress(started, arguments.seconds));
    let mut all = Figures::new()?;
    while let Some(figures) = workers.join_next().await {
        all.add(figures?.map_err(|error| error.to_string())?)?;
    }
    progress.abort();
    if stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    let elapsed = started.elapsed();
    match all.print(arguments.output, elapsed) {
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        printed => printed?,
    }
    Ok(if all.errors == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn show_progress(started: Instant, seconds: u64) {
    if !stderr().is_terminal() {
        return;
    }
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        eprint!("\r{:>4} of {seconds} s", started.elapsed().as_secs());
    }
}

/// One worker's calls, and what it has put so far.
struct Mix {
    client: DerivaClient<Channel>,
    random: fastrand::Rng,
    leaf_bytes: u64,
    fault: bool,
    leaves: Vec<Bytes>,
    recipes: Vec<Bytes>,
}

/// The most addresses that a worker remembers.
const REMEMBERED: usize = 512;

impl Mix {
    async fn work(mut self, until: Instant) -> Result<Figures, hdrhistogram::CreationError> {
        let mut figures = Figures::new()?;
        let mut failures = 0;
        while Instant::now() < until {
            let started = Instant::now();
            let answered = self.call().await;
            let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            figures.latencies.saturating_record(micros);
            if let Err(status) = answered {
                figures.errors += 1;
                figures
                    .first_error
                    .get_or_insert_with(|| status.message().to_owned());
                tokio::time::sleep(pause(failures)).await;
                failures += 1;
            } else {
                failures = 0;
            }
        }
        Ok(figures)
    }

    /// Of a hundred calls 80 get, 5 put a leaf, 10 a recipe, 3 resolve and 2 verify.
    async fn call(&mut self) -> Result<(), Status> {
        match self.random.u8(..100) {
            _ if self.leaves.is_empty() => self.put_leaf().await,
            _ if self.recipes.is_empty() => self.put_recipe().await,
            0..80 => self.get().await,
            80..85 => self.put_leaf().await,
            85..95 => self.put_recipe().await,
            95..98 => {
                let address = self.recipe();
                self.client
                    .resolve(ResolveRequest { address })
                    .await
                    .map(drop)
            }
            _ => self.verify().await,
        }
    }

    async fn get(&mut self) -> Result<(), Status> {
        let address = self.recipe();
        let mut chunks = self.client.get(GetRequest { address }).await?.into_inner();
        while chunks.message().await?.is_some() {}
        Ok(())
    }

    async fn put_leaf(&mut self) -> Result<(), Status> {
        let letters = (0..self.leaf_bytes).map(|_| match self.random.u8(..6) {
            0 => b' ',
            _ => self.random.lowercase() as u8,
        });
        let data = letters.collect::<Vec<_>>().into();
        let put = self.client.put_leaf(PutLeafRequest { data }).await?;
        remember(&mut self.leaves, put.into_inner().address);
        Ok(())
    }

    /// A recipe over leaves and over recipes that there are, so that graphs grow deep.
    async fn put_recipe(&mut self) -> Result<(), Status> {
        let leaf = self.leaves[self.random.usize(..self.leaves.len())].clone();
        let below = self.recipes.last().filter(|_| self.random.bool()).cloned();
        let input = below.unwrap_or_else(|| leaf.clone());
        let (function, inputs, parameter) = match self.random.u8(..4) {
            // Ends each chain, or values and depths would only grow.
            0 => ("sha256/v1", vec![leaf], None),
            1 => ("word-count/v1", vec![leaf], None),
            2 => ("transform/v1", vec![leaf], Some(("op", "upper"))),
            _ => ("concat/v1", vec![input, leaf], Some(("separator", "\n"))),
        };
        let parameters = parameter.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = PutRecipeRequest {
            function: function.to_owned(),
            inputs,
            parameters: parameters.into_iter().collect(),
        };
        let put = self.client.put_recipe(request).await?;
        remember(&mut self.recipes, put.into_inner().address);
        Ok(())
    }

    async fn verify(&mut self) -> Result<(), Status> {
        let mut address = self.recipe();
        if self.fault {
            let request = PutRecipeRequest {
                function: "entropy/v1".to_owned(),
                inputs: vec![self.leaves[0].clone()],
                parameters: [].into(),
            };
            address = self.client.put_recipe(request).await?.into_inner().address;
        }
        self.client
            .verify(VerifyRequest { address })
            .await
            .map(drop)
    }

    /// Mostly one of those that were put last: some are asked for more often than others.
    fn recipe(&mut self) -> Bytes {
        let recent = self.recipes.len().min(32);
        let all = if self.random.u8(..10) < 8 {
            recent
        } else {
            self.recipes.len()
        };
        let back = self.random.usize(1..=all);
        self.recipes[self.recipes.len() - back].clone()
    }
}

/// How long to wait after so many failures in a row before the next call: a server that is busy or gone is not called harder.
fn pause(failures: u32) -> Duration {
    Duration::from_millis(10 << failures.min(6))
}

fn remember(addresses: &mut Vec<Bytes>, address: Bytes) {
    if addresses.len() == REMEMBERED {
        addresses.remove(0);
    }
    addresses.push(address);
}

impl Figures {
    fn new() -> Result<Self, hdrhistogram::CreationError> {
        Ok(Self {
            latencies: Histogram::new_with_max(3_600_000_000, 3)?,
            errors: 0,
            first_error: None,
        })
    }

    fn add(&mut self, other: Self) -> Result<(), hdrhistogram::AdditionError> {
        self.latencies.add(&other.latencies)?;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn print(&self, output: Output, elapsed: Duration) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let requests = self.latencies.len();
        let rate = requests as f64 / elapsed.as_secs_f64();
        let ms = |quantile| self.latencies.value_at_quantile(quantile) as f64 / 1e3;
        let (p50, p95, p99) = (ms(0.5), ms(0.95), ms(0.99));
        let max = self.latencies.max() as f64 / 1e3;
        match output {
            Output::Json => writeln!(
                out,
                "{}",
                serde_json::json!({
                    "requests": requests, "errors": self.errors, "seconds": elapsed.as_secs_f64(),
                    "rate": rate, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "max_ms": max,
                    "first_error": self.first_error,
                })
            )?,
            Output::Text => {
                writeln!(out, "requests {requests}, {rate:.0} a second")?;
                writeln!(out, "errors   {}", self.errors)?;
                if let Some(error) = &self.first_error {
                    writeln!(out, "first    {error}")?;
                }
                writeln!(
                    out,
                    "p50 {p50:.1} ms, p95 {p95:.1} ms, p99 {p99:.1} ms, max {max:.1} ms"
                )?;
            }
        }
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_with_each_failure_up_to_a_bound() {
        let pauses = [0, 1, 6, 7, u32::MAX].map(|it| pause(it).as_millis());
        assert_eq!(pauses, [10, 20, 640, 640, 640]);
    }
}
