//! Automation of this workspace: `cargo xtask help` lists what there is.
//!
//! `.ci/run` calls `cargo xtask ci`, and every step of it can be run alone. The program has few
//! dependencies and uses none of our own crates, so it starts while they do not compile.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

mod cli;
mod command;
mod debian;
mod failure;
mod manifest;
mod pipeline;
mod python;
mod steps;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
