//! Load for the API: what clients do, in a mix, with the figures of it and of the service level objectives at the end.
#![allow(clippy::print_stdout, reason = "the report goes to standard output")]

mod client;
mod figures;
mod objectives;

use std::error::Error;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};

use client::{Client, Secrets};
use figures::Figures;
use objectives::Objectives;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Sends what clients send, and says how fast it was answered
#[derive(Parser)]
#[command(version, max_term_width = 80)]
struct Arguments {
    /// Where the API is
    #[arg(long, default_value = "http://127.0.0.1:8042")]
    url: String,
    /// Where the metrics of the API are
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:9442/metrics"
    )]
    metrics: String,
    /// A file with an API key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The tenant that the API key is for, which is credited
    #[arg(long, value_name = "NAME", default_value = "acme")]
    tenant: String,
    /// The file with the secret of the billing provider
    #[arg(long, value_name = "FILE")]
    billing_secret: PathBuf,
    /// How long
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=86_400), default_value_t = 10)]
    seconds: u64,
    /// Clients at once
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=256), default_value_t = 8)]
    concurrency: u64,
    /// What the mix is drawn from: the same seed, the same requests
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// The fault: every so-manieth allocation is for a node that there is not
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    broken_every: Option<u64>,
    /// How the report is written
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Text,
    Json,
}

#[expect(clippy::print_stderr, reason = "why it could not be done")]
fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("platform-load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Outcome<()> {
    let secrets = Secrets::read(&arguments.key, &arguments.billing_secret, &arguments.tenant)?;
    let before = Objectives::scrape(&arguments.metrics)?;
    let begin = Instant::now();
    let until = begin + Duration::from_secs(arguments.seconds);
    let figures = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..arguments.concurrency)
            .map(|number| {
                let seed = arguments.seed.wrapping_mul(1_000).wrapping_add(number);
                let client = Client::new(&arguments.url, &secrets, seed, arguments.broken_every);
                scope.spawn(move || client.run(until))
            })
            .collect();
        show_progress(begin, until);
        let mut all = Figures::new();
        for client in clients {
            all.add(&client.join().map_err(|_| "a client panicked")?);
        }
        Ok::<_, Box<dyn Error>>(all)
    })?;
    if figures.requests() == 0 {
        return Err(format!(
            "nothing at {} answered; is platform-api running there?",
            arguments.url
        )
        .into());
    }
    let objectives = Objectives::scrape(&arguments.metrics)?.since(&before);
    match arguments.output {
        Output::Text => print!("{}", figures.text(begin.elapsed(), &objectives)),
        Output::Json => println!("{}", figures.json(begin.elapsed(), &objectives)),
    }
    Ok(())
}

/// A line on a terminal that says how far it is.
#[expect(clippy::print_stderr, reason = "progress is shown to whoever watches")]
fn show_progress(begin: Instant, until: Instant) {
    let watched = std::io::stderr().is_terminal();
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100).min(until - Instant::now()));
        if watched {
            eprint!("\r{:>4} s", begin.elapsed().as_secs());
            std::io::stderr().flush().ok();
        }
    }
    if watched {
        eprintln!();
    }
}
