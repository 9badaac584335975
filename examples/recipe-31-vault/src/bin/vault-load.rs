//! A load generator: puts objects, gets them and asks the soup, as many requests at once as it is told.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool"
)]

use std::error::Error;
use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::{Parser, ValueEnum};
use hdrhistogram::Histogram;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The most addresses that a worker remembers.
const REMEMBERED: usize = 512;

/// Drives a vault and says how long its answers took
#[derive(Parser)]
#[command(max_term_width = 80)]
struct Arguments {
    /// Where the vault is
    #[arg(long, default_value = "http://127.0.0.1:8031")]
    url: String,
    /// The file of the key to show, as the vault has it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// How long
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// How many requests at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    concurrency: u64,
    /// Chooses the requests; the same seed makes the same ones
    #[arg(long, default_value_t = 31)]
    seed: u64,
    /// Bytes of an object
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u64).range(1..=8 << 20))]
    bytes: u64,
    /// How the figures are printed at the end
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    /// Asks for objects that there are not, which raises error-rate-high
    #[arg(long)]
    fault: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Text,
    Json,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("vault-load: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> Outcome<ExitCode> {
    let key = std::fs::read_to_string(&arguments.key)
        .map(Zeroizing::new)
        .map_err(|error| format!("cannot read the key {}: {error}", arguments.key.display()))?;
    let bearer = Zeroizing::new(format!("Bearer {}", key.trim()));
    let mut authorization = HeaderValue::from_str(&bearer)?;
    authorization.set_sensitive(true);
    let client = Client::builder(TokioExecutor::new()).build_http();
    let started = Instant::now();
    let until = started + Duration::from_secs(arguments.seconds);
    let mut workers = JoinSet::new();
    for worker in 0..arguments.concurrency {
        let mix = Mix {
            client: client.clone(),
            url: arguments.url.trim_end_matches('/').to_owned(),
            authorization: authorization.clone(),
            random: fastrand::Rng::with_seed(arguments.seed ^ (worker << 32)),
            bytes: arguments.bytes,
            fault: arguments.fault,
            addresses: Vec::new(),
        };
        workers.spawn(mix.work(until));
    }
    let progress = tokio::spawn(show_progress(started, arguments.seconds));
    let mut all = Figures::new()?;
    while let Some(figures) = workers.join_next().await {
        all.add(figures??)?;
    }
    progress.abort();
    all.print(arguments.output, started.elapsed());
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
        eprint!("\r{:>4} of {seconds} s\r", started.elapsed().as_secs());
    }
}

/// One worker's requests, and what it has put so far.
struct Mix {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
    authorization: HeaderValue,
    random: fastrand::Rng,
    bytes: u64,
    fault: bool,
    addresses: Vec<String>,
}

impl Mix {
    async fn work(mut self, until: Instant) -> Outcome<Figures> {
        let mut figures = Figures::new()?;
        while Instant::now() < until {
            let started = Instant::now();
            let answered = self.request().await;
            let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            figures.latencies.saturating_record(micros);
            if let Err(error) = answered {
                figures.errors += 1;
                figures.first_error.get_or_insert(error.to_string());
            }
        }
        Ok(figures)
    }

    /// Of a hundred requests 70 get, 20 put, and 10 ask the soup.
    async fn request(&mut self) -> Outcome<()> {
        match self.random.u8(..100) {
            _ if self.addresses.is_empty() => self.put().await,
            0..70 => self.get().await,
            70..90 => self.put().await,
            _ => {
                let path = "/v1/soup?type=load&limit=10";
                self.ask(Method::GET, path, Bytes::new()).await.map(drop)
            }
        }
    }

    async fn put(&mut self) -> Outcome<()> {
        let random = &mut self.random;
        let object: Vec<u8> = (0..self.bytes).map(|_| random.u8(..)).collect();
        let path = "/v1/objects?type=load&ttl=3600";
        let answer = self.ask(Method::POST, path, object.into()).await?;
        let answer: serde_json::Value = serde_json::from_slice(&answer)?;
        let address = answer["address"]
            .as_str()
            .ok_or("an answer without address")?;
        if self.addresses.len() == REMEMBERED {
            self.addresses.remove(0);
        }
        self.addresses.push(address.to_owned());
        Ok(())
    }

    async fn get(&mut self) -> Outcome<()> {
        let address = if self.fault {
            "0".repeat(64)
        } else {
            let known = self.random.usize(..self.addresses.len());
            self.addresses[known].clone()
        };
        let path = format!("/v1/objects/{address}");
        self.ask(Method::GET, &path, Bytes::new()).await.map(drop)
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Outcome<Bytes> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(AUTHORIZATION, self.authorization.clone())
            .body(Full::new(body))?;
        let answer = self.client.request(request).await.map_err(|error| {
            format!(
                "{error}; start a vault at {}, or name another --url",
                self.url
            )
        })?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if status.is_success() {
            return Ok(body);
        }
        Err(String::from_utf8_lossy(&body).into_owned().into())
    }
}

/// What was seen.
struct Figures {
    /// In microseconds.
    latencies: Histogram<u64>,
    errors: u64,
    first_error: Option<String>,
}

impl Figures {
    fn new() -> Outcome<Self> {
        Ok(Self {
            latencies: Histogram::new_with_max(3_600_000_000, 3)?,
            errors: 0,
            first_error: None,
        })
    }

    fn add(&mut self, other: Self) -> Outcome<()> {
        self.latencies.add(&other.latencies)?;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        Ok(())
    }

    fn print(&self, output: Output, elapsed: Duration) {
        let requests = self.latencies.len();
        let rate = requests as f64 / elapsed.as_secs_f64();
        let ms = |quantile| self.latencies.value_at_quantile(quantile) as f64 / 1e3;
        let (p50, p95, p99) = (ms(0.5), ms(0.95), ms(0.99));
        let max = self.latencies.max() as f64 / 1e3;
        match output {
            Output::Json => println!(
                "{}",
                serde_json::json!({
                    "requests": requests, "errors": self.errors, "seconds": elapsed.as_secs_f64(),
                    "rate": rate, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "max_ms": max,
                    "first_error": self.first_error,
                })
            ),
            Output::Text => {
                println!("requests {requests}, {rate:.0} a second");
                println!("errors   {}", self.errors);
                if let Some(error) = &self.first_error {
                    println!("first    {error}");
                }
                println!("p50 {p50:.1} ms, p95 {p95:.1} ms, p99 {p99:.1} ms, max {max:.1} ms");
            }
        }
    }
}
