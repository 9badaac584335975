//! The command from the outside: arguments in, standard output, standard error and exit code out.

mod crash;
mod demo;
mod http;
mod messages;
mod prometheus;
mod python;
mod query;
mod run;
mod verify;
