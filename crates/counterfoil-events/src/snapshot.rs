//! What the rings held at one moment.

use counterfoil_core::{
    Clock, EVENT_WORDS, Event, EventWords, NameCheck, Ticks, Timeline, Timestamp,
};

use crate::filter::Filter;
use crate::pool::Pool;

/// Events in time order, and how much is missing among them.
///
/// `offered = held + overwritten + skipped` holds exactly, where `held` is what an unfiltered snapshot contains.
#[derive(Clone, Debug)]
pub struct Snapshot {
    events: Vec<Event>,
    time: Timestamp,
    complete_since: Timestamp,
    offered: u64,
    overwritten: u64,
    skipped: u64,
}

impl Snapshot {
    /// Reads every ring without consuming anything and without holding up a writer.
    pub(crate) fn take(
        pool: &Pool<EVENT_WORDS>,
        clock: &dyn Clock,
        created: Ticks,
        filter: &Filter,
        names: &NameCheck,
    ) -> Self {
        let mut scan = Scan::default();
        for ring in pool.rings() {
            scan.ring(&ring);
        }
        // Asked after the scan, so that it covers whatever was overwritten meanwhile.
        scan.complete_since = (scan.complete_since).max(pool.latest_overwritten_in_shared());
        let timeline = Timeline::read(clock);
        let complete_since = if scan.open_gap {
            timeline.ticks()
        } else {
            scan.complete_since.unwrap_or(created).max(created)
        };
        scan.found
            .retain(|words| filter.covers(timeline.at(words.ticks())));
        // Stable, and each ring is in order already: this is a merge of runs.
        scan.found.sort_by_key(EventWords::ticks);
        let mut events = Vec::with_capacity(scan.found.len());
        for words in &scan.found {
            match event(words, &timeline, names) {
                Some(event) if filter.matches(&event) => events.push(event),
                Some(_) => {}
                None => scan.skipped += 1,
            }
        }
        Self {
            events,
            time: timeline.utc(),
            complete_since: timeline.at(complete_since),
            offered: scan.offered,
            overwritten: scan.overwritten,
            skipped: scan.skipped,
        }
    }

    /// The events, oldest first; those of the same nanosecond stand ring by ring, each ring in the order of its pushes.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The events, by value.
    #[must_use]
    pub fn into_events(self) -> Vec<Event> {
        self.events
    }

    /// Iterates over the events, oldest first.
    pub fn iter(&self) -> std::slice::Iter<'_, Event> {
        self.events.iter()
    }

    /// How many events it contains.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether it contains none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// When it was taken.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// No ring, the shared one included, has lost an event that was stamped later than this: from here on the picture is
    /// whole. It is the time at which the buffer was built as long as nothing was ever lost.
    #[must_use]
    pub const fn complete_since(&self) -> Timestamp {
        self.complete_since
    }

    /// How many events were ever pushed into the buffer.
    #[must_use]
    pub const fn offered(&self) -> u64 {
        self.offered
    }

    /// How many of them had been overwritten by later ones.
    #[must_use]
    pub const fn overwritten(&self) -> u64 {
        self.overwritten
    }

    /// How many more could not be read: a writer lapped them meanwhile, or the words pushed were no event's.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }
}

impl<'a> IntoIterator for &'a Snapshot {
    type Item = &'a Event;
    type IntoIter = std::slice::Iter<'a, Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Snapshot {
    type Item = Event;
    type IntoIter = std::vec::IntoIter<Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.events.into_iter()
    }
}

/// Translates words into an event, redacted; `None` for words that encode none.
pub(crate) fn event(words: &EventWords, timeline: &Timeline, names: &NameCheck) -> Option<Event> {
    let (event, context) = words.decode()?;
    let event = Event {
        time: timeline.at(words.ticks()),
        context,
        event,
    };
    Some(match names.is_clean(words) {
        true => event,
        false => event.redacted(&**names.policy()).into_owned(),
    })
}

#[derive(Default)]
struct Scan {
    found: Vec<EventWords>,
    offered: u64,
    overwritten: u64,
    skipped: u64,
    complete_since: Option<Ticks>,
    /// Whether some ring's newest event was lapped, so that nothing says until when it lost events.
    open_gap: bool,
}

impl Scan {
    fn ring(&mut self, ring: &crate::ring::Ring<EVENT_WORDS>) {
        let head = ring.head();
        let oldest = ring.oldest(head);
        self.offered += head;
        self.overwritten += oldest;
        let mut gap = oldest > 0;
        // Oldest first: those are the next to be lapped.
        for position in oldest..head {
            match ring.get(position) {
                Some(words) => {
                    let words = EventWords::from_slice(&words);
                    if gap {
                        self.complete_since = self.complete_since.max(Some(words.ticks()));
                        gap = false;
                    }
                    self.found.push(words);
                }
                None => {
                    self.skipped += 1;
                    gap = true;
                }
            }
        }
        self.open_gap |= gap;
    }
}
