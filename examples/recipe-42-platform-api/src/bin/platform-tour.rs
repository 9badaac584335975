//! The platform in all its processes, one allocation through them, and where its trace is found.
#![allow(clippy::print_stdout, reason = "a tour speaks on standard output")]

#[path = "platform-api.rs"]
mod platform_api;
#[path = "platform-web.rs"]
mod platform_web;
#[path = "platform-worker.rs"]
mod platform_worker;

use std::error::Error;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use cookbook_recipe_42_platform_api::stage::Running;
use serde_json::Value;

type Outcome<T> = Result<T, Box<dyn Error>>;

const KEY: &str = "key-of-acme-0123456789";
const SECRET: &str = "whsec-0123456789abcdef0123456789abcdef";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// This program is each of the processes too, by the name that it is called by, so that the tour needs no other program.
fn main() -> ExitCode {
    let called = std::env::args_os().next().unwrap_or_default();
    match called.to_str() {
        Some("platform-api") => platform_api::main(),
        Some("platform-worker") => platform_worker::main(),
        Some("platform-web") => platform_web::main(),
        _ => tour(),
    }
}

#[expect(clippy::print_stderr, reason = "why the tour did not come to its end")]
fn tour() -> ExitCode {
    match show() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tour: {error}");
            ExitCode::FAILURE
        }
    }
}

fn show() -> Outcome<()> {
    let directory = tempfile::tempdir()?;
    let (api, worker, web) = start(directory.path())?;
    let address = api.address.ok_or("the API serves")?;
    println!("started   platform-api, platform-worker and platform-web");
    println!("asked     POST /v1/allocations with trace {TRACE}");
    println!("answer    {}", create(address)?);
    println!("later     {}", until_active(address)?);
    let processes = [("api", &api), ("worker", &worker)];
    for (name, process) in processes {
        let log = in_time(|| line_with(&process.log(), TRACE))?;
        println!("log       {name}: {log}");
        let events = get(process.metrics, &format!("/events?trace_id={TRACE}"))?;
        println!("ring      {name}: {}", line_with(&events, TRACE)?);
        println!("chain     {name}: {}", record(&process.data)?);
    }
    let done = "platform_tasks_total{event_type=\"allocation.requested\",outcome=\"done\"} 1";
    for (name, process, line) in [
        ("api", &api, "platform_create_to_emitted_seconds_count 1"),
        ("worker", &worker, done),
    ] {
        let metric = in_time(|| line_with(&get(process.metrics, "/metrics")?, line))?;
        println!("metrics   {name}: {metric}");
    }
    for process in [web, worker, api] {
        let ended = process.terminate()?;
        let stopped: Value = serde_json::from_str(ended.log.lines().last().unwrap_or_default())?;
        println!(
            "stopped   {}",
            stopped["fields"]["report"]
                .as_str()
                .unwrap_or("without a report")
        );
    }
    Ok(())
}

/// The three processes, on ports that the system chose.
fn start(directory: &Path) -> Outcome<(Running, Running, Running)> {
    let this = std::env::current_exe()?;
    let at = |name: &str| directory.join(name);
    std::fs::write(at("keys.txt"), format!("acme member {KEY}\n"))?;
    std::fs::write(at("secret.txt"), SECRET)?;
    let called = |command: &mut Command, name: &str| {
        command.arg0(name).env_remove("OTEL_SERVICE_NAME");
    };
    let api = Running::start(&this, &at("api"), |command| {
        called(command, "platform-api");
        command
            .args(["--listen", "127.0.0.1:0", "--database"])
            .arg(at("platform.db"));
        command.arg("--keys").arg(at("keys.txt"));
        command.arg("--billing-secret").arg(at("secret.txt"));
    })?;
    let worker = Running::start(&this, &at("worker"), |command| {
        called(command, "platform-worker");
        command.arg("--database").arg(at("platform.db"));
        command.arg("--nodes").arg(at("nodes"));
    })?;
    let address = api.address.ok_or("the API serves")?;
    let web = Running::start(&this, &at("web"), |command| {
        called(command, "platform-web");
        command
            .args(["--listen", "127.0.0.1:0", "--api"])
            .arg(format!("http://{address}"));
    })?;
    Ok((api, worker, web))
}

/// What curl does in the README.
fn create(address: SocketAddr) -> Outcome<String> {
    let mut answer = ureq::post(format!("http://{address}/v1/allocations"))
        .header("authorization", format!("Bearer {KEY}"))
        .header("traceparent", TRACEPARENT)
        .header("x-request-id", "order-7")
        .header("idempotency-key", "order-7")
        .content_type("application/json")
        .send(r#"{"bytes": 1048576, "node": "node-a"}"#)?;
    let status = answer.status();
    let allocation: Value = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
    Ok(format!("{status}, state {}", allocation["state"]))
}

/// Looks until the worker has done its part.
fn until_active(address: SocketAddr) -> Outcome<String> {
    in_time(|| {
        let mut answer = ureq::get(format!("http://{address}/v1/allocations"))
            .header("authorization", format!("Bearer {KEY}"))
            .call()?;
        let page: Value = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
        let allocation = &page["allocations"][0];
        let shown = format!("state {} on {}", allocation["state"], allocation["node"]);
        if allocation["state"] == "active" {
            Ok(shown)
        } else {
            Err(shown.into())
        }
    })
}

/// Looks again until there is something: processes go on at their own pace.
fn in_time<T>(look: impl Fn() -> Outcome<T>) -> Outcome<T> {
    let begin = Instant::now();
    loop {
        match look() {
            Err(_) if begin.elapsed() < Duration::from_secs(60) => {
                std::thread::sleep(Duration::from_millis(20));
            }
            found => return found,
        }
    }
}

fn get(metrics: SocketAddr, path: &str) -> Outcome<String> {
    let mut answer = ureq::get(format!("http://{metrics}{path}")).call()?;
    Ok(answer.body_mut().read_to_string()?)
}

/// The last record of the trace.
fn record(data: &Path) -> Outcome<String> {
    for entry in std::fs::read_dir(data.join("audit/segments"))? {
        let text = std::fs::read_to_string(entry?.path())?;
        if let Some(line) = text.lines().rfind(|line| line.contains(TRACE)) {
            let record: Value = serde_json::from_str(line)?;
            return Ok(record["body"]["event"].to_string());
        }
    }
    Err("no record has the trace".into())
}

fn line_with(text: &str, what: &str) -> Outcome<String> {
    let found = text.lines().find(|line| line.contains(what));
    found
        .map(str::to_owned)
        .ok_or_else(|| format!("no line has {what}").into())
}
