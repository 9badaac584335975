//! The thread that ships.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::delivery::Delivery;
use crate::exporter::fitting_into;
use crate::feed::{Feed, Note};
use crate::shipper::ShipOptions;
use crate::status::Shared;
use crate::{Error, ErrorKind, ShipEvent, ShipState};

pub(crate) struct Worker {
    feed: Feed,
    delivery: Delivery,
    shared: Arc<Shared>,
    cosigned: PathBuf,
    options: ShipOptions,
    /// Whether the collector's head was asked for since the last failure.
    connected: bool,
    /// The last checkpoint that needs not be sent any more.
    checkpoint: Option<Note>,
    max_request: usize,
    failed_attempts: u32,
    /// The record that was refused last, and why.
    refused: Option<(u64, String)>,
}

/// What a step came to.
enum Step {
    /// Something was sent, so that there may be more.
    Sent,
    /// Everything was sent.
    Idle,
    /// Nothing more is to be sent.
    Halt(ShipState, String),
}

impl Worker {
    pub(crate) fn new(
        feed: Feed,
        delivery: Delivery,
        shared: Arc<Shared>,
        cosigned: PathBuf,
        options: ShipOptions,
    ) -> Self {
        Self {
            feed,
            delivery,
            shared,
            cosigned,
            connected: false,
            checkpoint: None,
            max_request: options.max_request,
            failed_attempts: 0,
            refused: None,
            options,
        }
    }

    pub(crate) fn run(mut self) {
        let _ended = Ended(Arc::clone(&self.shared));
        self.feed
            .seek(self.delivery.acknowledged().map_or(0, |(seq, _)| seq));
        while !self.shared.is_over() {
            match self.step() {
                Ok(Step::Sent) => self.succeeded(),
                Ok(Step::Idle) => {
                    self.succeeded();
                    if self.shared.is_stopping() {
                        return;
                    }
                    self.shared.pause(self.options.poll);
                }
                Ok(Step::Halt(state, why)) => return self.halt(state, &why),
                Err(error) => match self.failed(&error) {
                    Ok(delay) => self.shared.pause(delay),
                    Err((state, why)) => return self.halt(state, &why),
                },
            }
        }
    }

    fn step(&mut self) -> Result<Step, Error> {
        if !self.connected {
            if let Some((state, why)) = self.connect()? {
                return Ok(Step::Halt(state, why));
            }
            self.connected = true;
        }
        let missed = self.feed.fill(self.max_request)?;
        if missed > 0 {
            self.shared.update(|status| status.missed += missed);
            let why = format!(
                "{missed} records were removed by retention before they were shipped, and nothing behind them fits at the collector; keep records longer, and begin the log's next incarnation"
            );
            return Ok(Step::Halt(ShipState::Missed, why));
        }
        let oldest = self.feed.oldest();
        self.shared.update(|status| status.oldest_unsent = oldest);
        let next = self.unsent_checkpoint()?;
        let acknowledged = self.delivery.acknowledged().map_or(0, |(seq, _)| seq);
        if let Some(note) = next.as_ref().filter(|note| note.size <= acknowledged) {
            self.send_checkpoint(note)?;
            return Ok(Step::Sent);
        }
        self.send_lines(next.map(|note| note.size))
    }

    /// Sends a request of lines, up to record `upto` at most: a checkpoint over it follows right behind.
    fn send_lines(&mut self, upto: Option<u64>) -> Result<Step, Error> {
        let room = self.max_request;
        let waiting = self.feed.waiting();
        let most = upto.map_or(waiting.len(), |upto| {
            waiting.partition_point(|line| line.seq <= upto)
        });
        if most == 0 {
            return Ok(Step::Idle);
        }
        let lines = &waiting[..fitting_into(&waiting[..most], room)];
        let sent = self.delivery.lines(lines);
        // Some may be there although the rest was refused.
        if let Some((seq, _)) = self.delivery.acknowledged() {
            self.feed.acknowledged(seq);
            let oldest = self.feed.oldest();
            self.shared.update(|status| {
                status.acknowledged = seq;
                status.oldest_unsent = oldest;
            });
        }
        sent?;
        self.refused = None;
        Ok(Step::Sent)
    }

    fn unsent_checkpoint(&self) -> Result<Option<Note>, Error> {
        let published = self.feed.checkpoint()?;
        Ok(published.filter(|note| self.checkpoint.as_ref() != Some(note)))
    }

    /// A checkpoint that is refused is told and not sent again: it says something about records, and those are there.
    fn send_checkpoint(&mut self, note: &Note) -> Result<(), Error> {
        match self.delivery.checkpoint(&note.text) {
            Ok(answer) => {
                if let Some(line) = answer.cosignature {
                    self.keep(note, &line)?;
                }
            }
            Err(error) if error.kind() == ErrorKind::Refused && !is_passing(&error) => {
                self.count(&error);
                (self.options.on_event)(&ShipEvent::CheckpointRefused(&error));
            }
            Err(error) => return Err(error),
        }
        self.checkpoint = Some(note.clone());
        Ok(())
    }

    /// Keeps the cosigned checkpoint, a note that any C2SP verifier reads.
    fn keep(&self, note: &Note, cosignature: &str) -> Result<(), Error> {
        let text = format!("{}{}\n", note.text, cosignature.trim_end_matches('\n'));
        crate::cursor::write(&self.cosigned, text.as_bytes()).map_err(|source| {
            let context = format!("{} cannot be written", self.cosigned.display());
            Error::new(ErrorKind::Io, "keep a cosigned checkpoint", context).with_source(source)
        })
    }

    /// Asks for the collector's head and goes on behind it. An answer is why that must not be.
    fn connect(&mut self) -> Result<Option<(ShipState, String)>, Error> {
        let head = match self.delivery.client.head(&self.delivery.chain) {
            Err(error) if error.reason() == "not_found" => {
                self.register()?;
                self.delivery.client.head(&self.delivery.chain)?
            }
            other => other?,
        };
        let before = self.delivery.acknowledged();
        let durable = self.feed.durable();
        if head.seq > durable {
            return Ok(Some((
                ShipState::Forked,
                format!(
                    "the collector has {} records of {}, and this log {durable}; it lost its end, or was restored from a copy. Verify both and begin the log's next incarnation",
                    head.seq, self.delivery.chain
                ),
            )));
        }
        if head.seq > 0 {
            let here = match before {
                Some((seq, hash)) if seq == head.seq => Some(hash),
                _ => self.feed.hash_of(head.seq)?,
            };
            if here.is_some_and(|hash| hash != head.hash) {
                return Ok(Some((
                    ShipState::Forked,
                    format!(
                        "the collector has another record {} of {} than this log: two histories. Keep both and compare them",
                        head.seq, self.delivery.chain
                    ),
                )));
            }
        }
        if let Some((from, _)) = before.filter(|(seq, _)| *seq > head.seq) {
            self.shared.update(|status| status.rewound += 1);
            let to = head.seq;
            (self.options.on_event)(&ShipEvent::Rewound { from, to });
        }
        self.delivery.advance(head.seq, head.hash)?;
        self.feed.seek(head.seq);
        self.shared.update(|status| {
            status.acknowledged = head.seq;
            status.oldest_unsent = None;
        });
        Ok(None)
    }

    fn register(&self) -> Result<(), Error> {
        let key = match &self.options.verifier_key {
            Some(key) => Some(key.clone()),
            None => self.feed.first_key()?,
        };
        let Delivery { client, chain, .. } = &self.delivery;
        client.register(chain, key.as_deref())
    }

    fn succeeded(&mut self) {
        if self.failed_attempts > 0 {
            (self.options.on_event)(&ShipEvent::Recovered);
        }
        self.failed_attempts = 0;
        self.shared.update(|status| {
            status.state = ShipState::Shipping;
            status.last_error = None;
        });
    }

    /// How long to wait before the next attempt, or why there is none.
    fn failed(&mut self, error: &Error) -> Result<Duration, (ShipState, String)> {
        self.count(error);
        if error.kind() == ErrorKind::Fork || error.reason() == "fork" {
            return Err((ShipState::Forked, error.to_string()));
        }
        if error.reason() == "too_large" && self.max_request > 1 {
            // A request of one line is as small as it gets; the same refusal then comes below.
            self.max_request /= 2;
        } else if let Some(refusal) = error.refusal().filter(|_| !is_passing(error)) {
            let seq = refusal.seq.or(refusal.acknowledged.map(|it| it + 1));
            let again = (seq.unwrap_or_default(), refusal.code.clone());
            if self.refused.as_ref() == Some(&again) {
                return Err((ShipState::Refused, error.to_string()));
            }
            self.refused = Some(again);
        }
        // Where to go on is asked for after each failure.
        self.connected = false;
        if self.failed_attempts == 0 {
            (self.options.on_event)(&ShipEvent::Failing(error));
        }
        let doublings = 1_u32.checked_shl(self.failed_attempts).unwrap_or(u32::MAX);
        self.failed_attempts = self.failed_attempts.saturating_add(1);
        self.shared
            .update(|status| status.state = ShipState::Retrying);
        let nominal = self.options.first_delay.saturating_mul(doublings);
        let nominal = nominal.min(self.options.longest_delay);
        let chance = (self.options.fraction)().clamp(0.0, 1.0);
        let delay = nominal.mul_f64(0.5 + chance / 2.0);
        let asked = error.refusal().and_then(|refusal| refusal.retry_after);
        Ok(asked.unwrap_or_default() + delay)
    }

    fn count(&self, error: &Error) {
        self.shared.update(|status| {
            status.count_failure(error.reason());
            status.last_error = Some(error.to_string());
        });
    }

    fn halt(&self, state: ShipState, why: &str) {
        self.shared.update(|status| {
            status.state = state;
            status.last_error = Some(why.to_owned());
        });
        (self.options.on_event)(&ShipEvent::Halted { state, why });
    }
}

/// Whether a refusal passes with time or with what an operator does at the collector, so that the same is sent again.
fn is_passing(error: &Error) -> bool {
    let Some(refusal) = error.refusal() else {
        return true;
    };
    let by_operator = matches!(refusal.status, 300..=399 | 401 | 403 | 404 | 405);
    refusal.is_temporary() || by_operator || matches!(refusal.code.as_str(), "conflict")
}

/// Says that the thread has ended, also when it panicked.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}
