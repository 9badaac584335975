//! Batches that arrive in part.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use counterfoil_exporter::{
    Batch, Error, ErrorKind, Exporter, Limit, Pacer, Retry, RetryPolicy, Signals,
};

use crate::scripted::lines;

/// Takes the first `taken` lines of a batch, loses the next `lost`, and fails with `kind` over the rest.
#[derive(Clone, Copy, Debug)]
struct Step {
    taken: usize,
    lost: usize,
    kind: ErrorKind,
    wait: Option<u64>,
}

#[derive(Clone, Debug, Default)]
struct InParts {
    script: Arc<Mutex<VecDeque<Step>>>,
    arrived: Arc<Mutex<Vec<u64>>>,
    slept: Arc<Mutex<Vec<Duration>>>,
}

impl InParts {
    fn new(script: impl IntoIterator<Item = Step>) -> Self {
        let parts = Self::default();
        parts.script.lock().unwrap().extend(script);
        parts
    }

    fn retry(&self) -> Retry<Self, Self> {
        let policy = RetryPolicy::new()
            .attempts(3)
            .longest_wait(Duration::from_secs(10));
        let policy = policy.first_delay(Duration::from_millis(100));
        Retry::new(self.clone(), policy).with_pacer(self.clone())
    }

    fn slept(&self) -> Vec<u128> {
        self.slept
            .lock()
            .unwrap()
            .iter()
            .map(Duration::as_millis)
            .collect()
    }
}

impl Exporter for InParts {
    fn signals(&self) -> Signals {
        Signals::SEALED
    }

    fn export(&self, batch: Batch) -> Result<(), Error> {
        let Batch::Sealed(lines) = &batch else {
            return Err(batch.unsupported(self.signals()));
        };
        let step = self.script.lock().unwrap().pop_front();
        let taken = step.map_or(lines.len(), |step| step.taken);
        let seqs = lines[..taken].iter().map(|line| line.seq);
        self.arrived.lock().unwrap().extend(seqs);
        let Some(step) = step else { return Ok(()) };
        let mut error = Error::new(step.kind, "follow the script", "it says so");
        if let Some(wait) = step.wait {
            error = error.with_retry_after(Duration::from_secs(wait));
        }
        if step.taken + step.lost == 0 {
            return Err(error);
        }
        let rest = batch.without_first(step.taken + step.lost);
        Err(error.with_part(step.lost as u64, Some(rest).filter(|rest| !rest.is_empty())))
    }

    fn flush(&self, _deadline: Instant) -> Result<(), Error> {
        Ok(())
    }
}

impl Pacer for InParts {
    fn fraction(&self) -> f64 {
        1.0
    }

    fn sleep(&self, duration: Duration) {
        self.slept.lock().unwrap().push(duration);
    }
}

const fn step(taken: usize, lost: usize, kind: ErrorKind) -> Step {
    Step {
        taken,
        lost,
        kind,
        wait: None,
    }
}

/// Offered, exported and failed after ten lines, and what arrived.
fn counted(script: &[Step]) -> ((u64, u64, u64), Vec<u64>) {
    let parts = InParts::new(script.iter().copied());
    let limit = Limit::new(parts.retry(), 100).unwrap();
    limit.export(lines(1..=10)).unwrap();
    let told = limit.flush(Instant::now() + Duration::from_secs(60));
    let counts = limit.counts();
    assert_eq!(told.is_err(), counts.failed > 0);
    let arrived = parts.arrived.lock().unwrap().clone();
    ((counts.offered, counts.exported, counts.failed), arrived)
}

#[test]
fn the_next_attempt_sends_only_the_rest() {
    let (counts, arrived) = counted(&[step(4, 0, ErrorKind::Unavailable)]);
    assert_eq!(counts, (10, 10, 0));
    assert_eq!(arrived, (1..=10).collect::<Vec<_>>());
}

#[test]
fn what_an_earlier_attempt_lost_is_told_at_the_end() {
    let (counts, arrived) = counted(&[step(4, 2, ErrorKind::Unavailable)]);
    assert_eq!(
        (counts, arrived),
        ((10, 8, 2), vec![1, 2, 3, 4, 7, 8, 9, 10])
    );
}

#[test]
fn what_is_given_up_in_the_end_is_the_rest_of_the_rest() {
    let down = step(0, 0, ErrorKind::Unavailable);
    let (counts, arrived) = counted(&[step(4, 0, ErrorKind::Unavailable), down, down]);
    assert_eq!((counts, arrived), ((10, 4, 6), vec![1, 2, 3, 4]));
    let again = step(1, 1, ErrorKind::Timeout);
    let (counts, arrived) = counted(&[step(4, 1, ErrorKind::Unavailable), again, again]);
    assert_eq!((counts, arrived), ((10, 6, 4), vec![1, 2, 3, 4, 6, 8]));
}

#[test]
fn a_part_that_is_lost_for_good_is_not_sent_again() {
    let (counts, arrived) = counted(&[step(7, 3, ErrorKind::Rejected)]);
    assert_eq!((counts, arrived), ((10, 7, 3), (1..=7).collect()));
}

#[test]
fn a_destination_is_left_alone_for_as_long_as_it_asks() {
    let wait = |seconds| Step {
        wait: Some(seconds),
        ..step(0, 0, ErrorKind::Unavailable)
    };
    let parts = InParts::new([wait(7), wait(0)]);
    parts.retry().export(lines([1])).unwrap();
    assert_eq!(parts.slept(), [7_100, 200]);
}

#[test]
fn one_that_asks_for_too_long_is_not_tried_again() {
    let too_long = Step {
        wait: Some(11),
        ..step(0, 0, ErrorKind::Unavailable)
    };
    let parts = InParts::new([too_long]);
    let error = parts.retry().export(lines([1])).unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(11)));
    assert!(parts.slept().is_empty());
}

#[test]
fn the_rest_of_a_batch_is_counted_as_its_length_is() {
    for batch in counterfoil_testkit::exporter::batches() {
        for items in 0..=batch.len() + 1 {
            let left = batch.len().saturating_sub(items);
            assert_eq!(batch.without_first(items).len(), left);
        }
    }
}
