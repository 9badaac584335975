//! An exporter that does what a test says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use counterfoil_core::{Digest, SealedLine};
use counterfoil_exporter::{Batch, Error, ErrorKind, Exporter, Signals};

/// Answers each call of `export` with the next step of its script, and with success when the script is over.
#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    signals: Signals,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<Step>,
    calls: usize,
    arrived: Vec<u64>,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Fail(ErrorKind),
    Panic,
    /// Waits until the other end is dropped.
    Wait(Arc<Mutex<std::sync::mpsc::Receiver<()>>>),
}

impl Scripted {
    pub(crate) fn new(script: impl IntoIterator<Item = Step>) -> Self {
        let state = State {
            script: script.into_iter().collect(),
            ..State::default()
        };
        Self {
            signals: Signals::SEALED,
            state: Arc::new(Mutex::new(state)),
        }
    }

    pub(crate) fn calls(&self) -> usize {
        self.state.lock().unwrap().calls
    }

    /// Sequence numbers, in the order in which they arrived.
    pub(crate) fn arrived(&self) -> Vec<u64> {
        self.state.lock().unwrap().arrived.clone()
    }
}

impl Exporter for Scripted {
    fn signals(&self) -> Signals {
        self.signals
    }

    fn export(&self, batch: Batch) -> Result<(), Error> {
        let step = {
            let mut state = self.state.lock().unwrap();
            state.calls += 1;
            state.script.pop_front()
        };
        match step {
            Some(Step::Fail(kind)) => {
                return Err(Error::new(kind, "follow the script", "it says so"));
            }
            Some(Step::Panic) => panic!("the script says so"),
            Some(Step::Wait(until)) => assert!(until.lock().unwrap().recv().is_err()),
            None => {}
        }
        let Batch::Sealed(lines) = batch else {
            panic!("only lines are sent here")
        };
        self.state
            .lock()
            .unwrap()
            .arrived
            .extend(lines.iter().map(|line| line.seq));
        Ok(())
    }

    fn flush(&self, _deadline: Instant) -> Result<(), Error> {
        Ok(())
    }
}

pub(crate) fn lines(seqs: impl IntoIterator<Item = u64>) -> Batch {
    let line = |seq| SealedLine {
        seq,
        hash: Digest::ZERO,
        bytes: b"{}\n".to_vec(),
    };
    seqs.into_iter().map(line).collect::<Vec<_>>().into()
}
