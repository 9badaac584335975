//! Connections that wait for a request, and which of them makes room for another.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// How long a connection is left alone once it waits: what its client sends right away is read first.
const GRACE: Duration = Duration::from_millis(20);

/// The connections of a server that wait for a request, by how long they have.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    line: Mutex<Line>,
    joined: Notify,
}

#[derive(Debug, Default)]
struct Line {
    /// The number that was given last.
    last: u64,
    /// Ascending by number, so that the one that has waited longest is the first.
    leaving: BTreeMap<u64, Waiter>,
}

#[derive(Debug)]
struct Waiter {
    since: Instant,
    leave: Arc<Notify>,
}

/// What there is to do about whoever has waited longest.
enum Next {
    Asked,
    /// It is too soon until then.
    At(Instant),
    Nobody,
}

/// One connection, in the line whenever it waits.
#[derive(Debug)]
pub(crate) struct Place {
    waiting: Arc<Waiting>,
    leave: Arc<Notify>,
    number: Mutex<Option<u64>>,
    has_served: AtomicBool,
}

impl Waiting {
    /// A connection, which waits for its first request.
    pub(crate) fn join(self: &Arc<Self>) -> Place {
        let place = Place {
            waiting: Arc::clone(self),
            leave: Arc::default(),
            number: Mutex::default(),
            has_served: AtomicBool::new(false),
        };
        place.wait();
        place
    }

    /// Asks the connection that has waited longest to leave, as soon as there is one that has waited long enough.
    pub(crate) async fn make_room(&self) {
        loop {
            match self.ask_first() {
                Next::Asked => return,
                Next::At(due) => sleep_until(due).await,
                Next::Nobody => self.joined.notified().await,
            }
        }
    }

    fn ask_first(&self) -> Next {
        let mut line = lock(&self.line);
        let Some(first) = line.leaving.first_entry() else {
            return Next::Nobody;
        };
        let due = first.get().since + GRACE;
        if Instant::now() < due {
            return Next::At(due);
        }
        first.remove().leave.notify_one();
        Next::Asked
    }
}

impl Place {
    /// It waits from now on.
    pub(crate) fn wait(&self) {
        let number = {
            let mut line = lock(&self.waiting.line);
            line.last += 1;
            let number = line.last;
            let waiter = Waiter {
                since: Instant::now(),
                leave: Arc::clone(&self.leave),
            };
            line.leaving.insert(number, waiter);
            number
        };
        *lock(&self.number) = Some(number);
        self.waiting.joined.notify_one();
    }

    /// Its request is there: it leaves nobody any room until it waits again.
    pub(crate) fn serve(&self) {
        self.has_served.store(true, Relaxed);
        self.leave_the_line();
    }

    /// Whether it had a request, the answer to which may still be on its way.
    pub(crate) fn has_served(&self) -> bool {
        self.has_served.load(Relaxed)
    }

    fn leave_the_line(&self) {
        let number = lock(&self.number).take();
        if let Some(number) = number {
            lock(&self.waiting.line).leaving.remove(&number);
        }
    }

    /// Ends when another connection needs the room.
    pub(crate) async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave_the_line();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is done under these locks can leave the data half-changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
