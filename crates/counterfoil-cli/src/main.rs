//! The `counterfoil` command.
//!
//! Standard output carries results and nothing else; talk goes to standard error. An error is one sentence there, with a
//! stable exit code behind it ([`failure::Exit`]).

mod args;
mod audit;
mod demo;
mod escape;
mod failure;
mod figures;
mod moment;
mod result;
mod verify;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use args::{AuditCommand, Cli, Command};
use escape::Escaped;
use failure::Failure;

fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Audit(AuditCommand::Query(args)) => audit::query(&args),
    };
    ended.unwrap_or_else(|failure| report(&failure))
}

fn report(failure: &Failure) -> ExitCode {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    // Nobody is left to tell when standard error is gone as well.
    let _unheard = writeln!(
        anstream::stderr(),
        "{style}error:{style:#} {}",
        Escaped(&failure.to_string())
    );
    failure.exit().into()
}
