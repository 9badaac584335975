//! Checks the stack's files without Docker, and prints a line for each.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use cookbook_monitoring_stack::{check, root};

/// Checks the files of the monitoring stack, as far as that goes without Docker
#[derive(Parser)]
#[command(version)]
struct Arguments {}

#[expect(clippy::print_stdout, reason = "what it found")]
fn main() -> ExitCode {
    Arguments::parse();
    let mut failed = 0_usize;
    for check in check::all() {
        let file = check.file.strip_prefix(root()).map(Path::to_owned);
        let file = file.unwrap_or(check.file);
        match check.found.as_slice() {
            [] => println!("ok      {}: {}", file.display(), check.what),
            found => {
                failed += 1;
                println!("failed  {}: {}", file.display(), check.what);
                for what in found {
                    println!("        {what}");
                }
            }
        }
    }
    println!("not run: Docker itself, Grafana, Loki, Tempo and the collector");
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
