//! The `counterfoil` command.
//!
//! Standard output carries results and nothing else; talk goes to standard error. An error is one sentence there, with a
//! stable exit code behind it ([`failure::Exit`]).

mod api_key;
mod args;
mod audit;
mod bounded;
mod collect;
mod demo;
mod escape;
mod explain;
mod failure;
mod figures;
mod gate;
mod key;
mod load;
mod moment;
mod policy;
mod result;
mod stop;
mod tenant;
mod verify;
mod witness;
mod wrap;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use counterfoil::{Redact, Redactor};

use args::{AuditCommand, Cli, Command};
use escape::Escaped;
use failure::{Code, Exit, Failure};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    let ended = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Gate(args) => gate::run(&args),
        Command::Witness(command) => witness::run(&command),
        Command::Collect(args) => collect::run(&args),
        Command::Tenant(command) => tenant::run(&command),
        Command::Audit(AuditCommand::Query(args)) => audit::query::run(&args),
        Command::Audit(AuditCommand::Index(args)) => audit::index::run(&args),
        Command::Audit(AuditCommand::Export(args)) => audit::export::run(&args),
        Command::Audit(AuditCommand::Replay(args)) => audit::replay::run(&args),
        Command::Audit(AuditCommand::Canonicalise(args)) => audit::canonicalise::run(&args),
        Command::Audit(AuditCommand::Erase(args)) => audit::erase::run(&args),
        Command::Audit(AuditCommand::Prune(args)) => audit::prune::run(&args),
        Command::Audit(AuditCommand::Reveal(args)) => audit::reveal::run(&args),
        Command::Audit(AuditCommand::Prove(args)) => audit::prove::run(&args),
        Command::Audit(AuditCommand::Check(args)) => audit::check::run(&args),
        Command::Audit(AuditCommand::Serve(args)) => audit::serve::run(&args),
        Command::Load(args) => load::run(&args),
        Command::Key(command) => key::run(&command),
        Command::Audit(AuditCommand::Rehearse(args)) => audit::rehearse::run(&args),
    };
    ended.unwrap_or_else(|failure| report(&failure))
}

/// Help and version go to standard output and are no failure; all else is one, with its code in front.
fn misused(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.exit();
    }
    let text = error.render().ansi().to_string();
    let text = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => text,
        _ => text.replacen("error:", &format!("error[{}]:", Code::Usage.as_str()), 1),
    };
    let _unheard = write!(anstream::stderr(), "{}", shown(text));
    Exit::Usage.into()
}

/// What may be shown of an error: it quotes arguments, paths and answers of others, and secrets may be among them.
fn shown(text: String) -> String {
    Redactor::new().redact(&text).unwrap_or(text)
}

fn report(failure: &Failure) -> ExitCode {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    // Nobody is left to tell when standard error is gone as well.
    let _unheard = writeln!(
        anstream::stderr(),
        "{style}error[{}]:{style:#} {}",
        failure.code().as_str(),
        Escaped(&shown(failure.to_string()))
    );
    failure.exit().into()
}
