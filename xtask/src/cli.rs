//! The commands.

use clap::{Parser, Subcommand};

use crate::failure::Result;
use crate::pipeline::{self, Context};
use crate::steps;
use crate::workspace::find_root;

/// Automation of this workspace
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Everything that a change must pass; stops at the first failure
    Ci,
    /// The inner loop: formatting, lints and tests of what changed and what depends on it
    Quick,
    /// Formatting
    Fmt,
    /// Lints with every feature
    Clippy,
    /// Tests with every feature, and doctests
    Test,
    /// API documentation without warnings
    Docs,
    /// House rules on layout, manifests, tiers and links
    Tidy,
    /// Each feature alone and in pairs, and what small configurations may depend on
    Features,
    /// Bans, licences and sources of dependencies
    Deny,
    /// The reference of metric names is fresh
    Names {
        /// Rewrite the reference instead of comparing it
        #[arg(long)]
        bless: bool,
    },
    /// The rules of `counterfoil gate`, on this workspace
    Gate,
    /// Concurrency models
    Loom,
    /// Fuzz targets, each from seeds made of the published vectors
    Fuzz {
        /// One target alone, such as policy
        target: Option<String>,
        /// How long each target runs
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
    /// The tamper matrix: every class of damage at every place of a log, and logs that nobody touched
    Tamper {
        /// Every bit of 10 000 records and a million untouched logs: an hour, optimised
        #[arg(long)]
        long: bool,
    },
    /// Crashes of the audit log at every operation, in a model of the disk
    Crash {
        /// How many to look at, or a few more
        #[arg(long, default_value_t = 200_000)]
        points: u64,
        /// Where they come from [default: the commit]
        #[arg(long)]
        seed: Option<u64>,
    },
    /// The collector under load, killed every 20 seconds: nothing acknowledged is missing or double
    Endure {
        /// For how long
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_440))]
        minutes: u64,
    },
    /// Every example runs and prints what its expected-output.txt says
    Examples,
    /// One benchmark; arguments go to `counterfoil-bench`
    Bench {
        /// A benchmark's name, such as hot-path
        name: String,
        /// What else the benchmark takes, such as --json
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

/// Parses the command line and does what it says.
pub(crate) fn run() -> Result<()> {
    let cli = Cli::parse();
    let context = Context {
        root: find_root()?,
        ci: std::env::var_os("CI").is_some_and(|value| value == "true"),
    };
    match cli.command {
        Task::Ci => pipeline::ci(&context),
        Task::Quick => steps::quick::run(&context),
        Task::Fmt => steps::rust::fmt(&context),
        Task::Clippy => steps::rust::clippy(&context),
        Task::Test => steps::rust::test(&context),
        Task::Docs => steps::rust::docs(&context),
        Task::Tidy => crate::tidy::run(&context),
        Task::Features => steps::features::run(&context),
        Task::Deny => steps::rust::deny(&context),
        Task::Names { bless: false } => steps::names::check(&context),
        Task::Names { bless: true } => steps::names::bless(&context),
        Task::Gate => steps::gate::run(&context),
        Task::Loom => steps::loom::run(&context),
        Task::Fuzz { target, seconds } => steps::fuzz::run(&context, target.as_deref(), seconds),
        Task::Tamper { long: false } => steps::tamper::run(&context),
        Task::Tamper { long: true } => steps::tamper::long(&context),
        Task::Crash { points, seed } => steps::crash::run(&context, points, seed),
        Task::Endure { minutes } => steps::endure::run(&context, minutes),
        Task::Examples => steps::examples::run(&context),
        Task::Bench { name, arguments } => steps::bench::run(&context, &name, &arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_benchmark_gets_its_own_flags() {
        let cli = Cli::parse_from(["xtask", "bench", "hot-path", "--json", "--threads", "2"]);
        let Task::Bench { name, arguments } = cli.command else {
            panic!("not a benchmark: {cli:?}")
        };
        assert_eq!(
            (name.as_str(), arguments.join(" ").as_str()),
            ("hot-path", "--json --threads 2")
        );
    }
}
