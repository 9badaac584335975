//! The tamper matrix: every class of damage at every place, with the exit code and the record that a verification has to name
//! (audit specification §10 to §13).

mod bits;
mod clean;
mod cloudtrail;
mod directory;
mod encodings;
mod forgery;
mod histories;
mod lines;
pub(crate) mod subject;
mod truncation;
