//! What a connection is in the middle of, and when it has taken too long.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The part of a conversation that a connection is in, shared between what reads from it and what answers.
///
/// hyper counts the time for a head from the end of the request before, so it cannot tell a client that has nothing to ask from
/// one that sends a byte a minute. Here the time for a head runs from its first byte, and hyper's is the time to be idle.
#[derive(Clone, Debug)]
pub(super) struct Phase(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    head: Duration,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A head is being read, until this moment at most.
    Head(Instant),
    /// A request is being answered.
    Busy,
    /// Nothing is under way.
    Idle,
}

impl Phase {
    /// A new connection: its first head has begun.
    pub(super) fn new(head: Duration) -> Self {
        Self(Arc::new(Inner {
            head,
            state: Mutex::new(State::Head(Instant::now() + head)),
            changed: Notify::new(),
        }))
    }

    /// Bytes came: the beginning of a head, if nothing else is under way.
    pub(super) fn bytes_came(&self) {
        let mut state = self.0.state.lock();
        if *state == State::Idle {
            *state = State::Head(Instant::now() + self.0.head);
            self.0.changed.notify_one();
        }
    }

    /// A head is complete. The request is under way until what this gives is dropped.
    pub(super) fn request(&self) -> Request {
        *self.0.state.lock() = State::Busy;
        Request(self.clone())
    }

    /// Completes when a head takes too long.
    pub(super) async fn head_is_late(&self) {
        loop {
            let state = *self.0.state.lock();
            match state {
                State::Head(until) if until <= Instant::now() => return,
                State::Head(until) => tokio::time::sleep_until(until).await,
                State::Busy | State::Idle => self.0.changed.notified().await,
            }
        }
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Request(Phase);

impl Drop for Request {
    fn drop(&mut self) {
        *self.0.0.state.lock() = State::Idle;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_head_is_late_from_its_first_byte_and_never_while_a_request_is_answered() {
        let phase = Phase::new(HEAD);
        let request = phase.request();
        let late = tokio::time::timeout(HEAD * 10, phase.head_is_late());
        assert!(late.await.is_err(), "a request is answered");
        drop(request);
        let late = tokio::time::timeout(HEAD * 10, phase.head_is_late());
        assert!(late.await.is_err(), "nothing is under way");
        phase.bytes_came();
        tokio::time::advance(HEAD / 2).await;
        phase.bytes_came();
        let late = tokio::time::timeout(HEAD * 6 / 10, phase.head_is_late());
        assert!(late.await.is_ok(), "further bytes give no further time");
    }
}
