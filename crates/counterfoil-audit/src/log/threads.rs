//! The threads of a log.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::log::anchoring::Anchorer;
use crate::log::commit::Committer;
use crate::log::opening::OPEN;
use crate::log::sealer::{Sealer, Stopped};
use crate::log::shared::Shared;
use crate::{Error, ErrorKind};

/// Starts the three threads of a log.
pub(crate) fn spawn(
    shared: &Arc<Shared>,
    mut sealer: Sealer,
    mut committer: Committer,
    mut anchorer: Anchorer,
) -> Result<Vec<JoinHandle<()>>, Error> {
    let desk = Arc::clone(&anchorer.desk);
    let sealing = Guard::new(shared, "sealer");
    let committing = Guard::new(shared, "committer");
    let anchoring = Guard::new(shared, "anchorer");
    let start = |name: &str, work: Box<dyn FnOnce() + Send>| {
        thread::Builder::new()
            .name(format!("audit-{name}"))
            .spawn(work)
            .map_err(|error| {
                Error::new(ErrorKind::Io, OPEN, "a thread could not be started").with_source(error)
            })
    };
    Ok(vec![
        start(
            "sealer",
            Box::new(move || {
                if let Err(Stopped(why)) = sealer.run() {
                    sealer.shared.fail(why);
                }
                sealer.finish_pruning();
                sealer.end_epoch();
                sealing.done();
            }),
        )?,
        start(
            "committer",
            Box::new(move || {
                committer.run();
                desk.finish();
                committing.done();
            }),
        )?,
        start(
            "anchorer",
            Box::new(move || {
                anchorer.run();
                anchorer.shared.end();
                anchoring.done();
            }),
        )?,
    ])
}

/// Fails the log when its thread panics: nobody may wait for a thread that is gone.
struct Guard {
    shared: Arc<Shared>,
    name: &'static str,
    done: bool,
}

impl Guard {
    fn new(shared: &Arc<Shared>, name: &'static str) -> Self {
        Self {
            shared: Arc::clone(shared),
            name,
            done: false,
        }
    }

    fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.done {
            self.shared
                .fail(format!("its {} thread ended unexpectedly", self.name));
            self.shared.end();
        }
    }
}
