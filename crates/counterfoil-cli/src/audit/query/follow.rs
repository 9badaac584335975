//! Going on until somebody asks to stop.

use std::thread;
use std::time::Duration;

use crate::failure::{Exit, Failure};
use crate::stop::Stop;

/// How often is looked for more.
pub(super) const PERIOD: Duration = Duration::from_millis(100);

/// Listens for SIGINT and SIGTERM, if there is to be an orderly end.
pub(super) fn listen() -> Result<Stop, Failure> {
    Stop::on_signals().map_err(|error| {
        Failure::new(
            Exit::Unreadable,
            format!("cannot wait for signals: {error}"),
        )
    })
}

/// Sleeps until it is time to look again; `false` when asked to stop.
pub(super) fn pause(stop: &Stop) -> bool {
    thread::sleep(PERIOD);
    !stop.is_asked()
}
