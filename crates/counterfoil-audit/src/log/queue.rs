//! A bounded queue of entries of differing length, from one producer to one consumer.
//!
//! An entry is a header word (length, tag, number) and up to [`MAX_WORDS`] words. Every word is an atomic that is stored and
//! loaded relaxed, so there is no data race to have even if two threads were both to push by mistake; order is carried by
//! `tail` (what is published) and `head` (what may be overwritten) alone.

use crate::log::sync::{Alone, AtomicU64, Ordering};

/// Most words an entry may have besides its header.
pub(crate) const MAX_WORDS: usize = 31;

const LEN_BITS: u32 = 5;
const TAG_BITS: u32 = 3;

/// What is said of an entry apart from its words: its length (5 bits), a tag (3 bits) and its number (56 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) len: usize,
    pub(crate) tag: u64,
    pub(crate) n: u64,
}

impl Header {
    const fn pack(self) -> u64 {
        self.len as u64 | (self.tag << LEN_BITS) | (self.n << (LEN_BITS + TAG_BITS))
    }

    const fn unpack(word: u64) -> Self {
        Self {
            len: (word & ((1 << LEN_BITS) - 1)) as usize,
            tag: (word >> LEN_BITS) & ((1 << TAG_BITS) - 1),
            n: word >> (LEN_BITS + TAG_BITS),
        }
    }
}

/// The words, and the two positions on cache lines of their own. Positions count words since the queue was made and never
/// wrap (2^64 words are centuries).
#[derive(Debug)]
pub(crate) struct Queue {
    words: Box<[AtomicU64]>,
    tail: Alone<AtomicU64>,
    head: Alone<AtomicU64>,
}

/// The producer's side: where it writes next, and how far the consumer was when it last looked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Producer {
    tail: u64,
    head: u64,
}

/// The consumer's side: where it reads next, and what was published when it last looked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Consumer {
    head: u64,
    released: u64,
    tail: u64,
}

impl Producer {
    /// Words published since the queue was made.
    pub(crate) const fn published(&self) -> u64 {
        self.tail
    }
}

impl Queue {
    /// A queue of at least `words` words, rounded up to a power of two of at least one entry.
    pub(crate) fn new(words: usize) -> Self {
        let len = words.max(MAX_WORDS + 1).next_power_of_two();
        Self::with_exactly(len)
    }

    fn with_exactly(len: usize) -> Self {
        Self {
            words: (0..len).map(|_| AtomicU64::new(0)).collect(),
            tail: Alone(AtomicU64::new(0)),
            head: Alone(AtomicU64::new(0)),
        }
    }

    /// Capacity in words.
    pub(crate) const fn capacity(&self) -> u64 {
        self.words.len() as u64
    }

    /// Words in use, as far as this thread sees.
    pub(crate) fn depth(&self) -> u64 {
        let head = self.head.0.load(Ordering::Relaxed);
        self.tail.0.load(Ordering::Relaxed).saturating_sub(head)
    }

    /// The producer's side for a thread that takes the queue over. The hand-over itself must order the two threads.
    pub(crate) fn adopt(&self) -> Producer {
        Producer {
            tail: self.tail.0.load(Ordering::Relaxed),
            head: self.head.0.load(Ordering::Acquire),
        }
    }

    /// Appends an entry; `false`, and nothing happened, when there is no room for it.
    #[inline]
    pub(crate) fn push(&self, at: &mut Producer, tag: u64, n: u64, words: &[u64]) -> bool {
        debug_assert!(words.len() <= MAX_WORDS);
        if !self.has_room(at, words.len()) {
            return false;
        }
        let header = Header {
            len: words.len(),
            tag,
            n,
        };
        let start = at.tail as usize & (self.words.len() - 1);
        // Nearly always the entry lies in one piece, and then no word needs its position wrapped.
        if let Some(cells) = self.words.get(start..start + 1 + words.len()) {
            if let Some((first, rest)) = cells.split_first() {
                first.store(header.pack(), Ordering::Relaxed);
                for (cell, word) in rest.iter().zip(words) {
                    cell.store(*word, Ordering::Relaxed);
                }
            }
        } else {
            self.cell(at.tail).store(header.pack(), Ordering::Relaxed);
            for (offset, word) in (1..).zip(words) {
                self.cell(at.tail + offset).store(*word, Ordering::Relaxed);
            }
        }
        at.tail += 1 + words.len() as u64;
        self.tail.0.store(at.tail, Ordering::Release);
        true
    }

    /// Whether an entry of `len` words fits. Once it does it goes on to, for only the producer takes room away.
    #[inline]
    pub(crate) fn has_room(&self, at: &mut Producer, len: usize) -> bool {
        let end = at.tail + 1 + len as u64;
        if end - at.head <= self.capacity() {
            return true;
        }
        // Acquire: the consumer has read the words before it said so, and only then may they be overwritten.
        at.head = self.head.0.load(Ordering::Acquire);
        end - at.head <= self.capacity()
    }

    /// How many words wait, by what the producer knows; looks again only when that is more than half the queue.
    #[inline]
    pub(crate) fn is_more_than_half_full(&self, at: &mut Producer) -> bool {
        let half = self.capacity() / 2;
        if at.tail - at.head <= half {
            return false;
        }
        at.head = self.head.0.load(Ordering::Acquire);
        at.tail - at.head > half
    }

    /// Looks what was published; the entries up to there are what [`peek`](Self::peek) shows until the next look.
    pub(crate) fn look(&self, at: &mut Consumer) {
        at.tail = self.tail.0.load(Ordering::Acquire);
    }

    /// The next entry and its first word (0 where it has none), without taking it.
    pub(crate) fn peek(&self, at: &Consumer) -> Option<(Header, u64)> {
        if at.head == at.tail {
            return None;
        }
        let header = Header::unpack(self.cell(at.head).load(Ordering::Relaxed));
        let first = if header.len == 0 {
            0
        } else {
            self.cell(at.head + 1).load(Ordering::Relaxed)
        };
        Some((header, first))
    }

    /// Takes the entry that [`peek`](Self::peek) showed; its words are copied to the front of `out`.
    pub(crate) fn take(&self, at: &mut Consumer, header: Header, out: &mut [u64; MAX_WORDS]) {
        for (offset, word) in (1..=header.len as u64).zip(out.iter_mut()) {
            *word = self.cell(at.head + offset).load(Ordering::Relaxed);
        }
        at.head += 1 + header.len as u64;
        // Room is given back in eighths: each time costs the producer a cache miss, and under overload each time it makes
        // room ends one range of refusals and begins another.
        if at.head - at.released >= self.capacity() / 8 {
            self.release(at);
        }
    }

    /// Gives the room of everything taken back to the producer.
    pub(crate) fn release(&self, at: &mut Consumer) {
        if at.released != at.head {
            at.released = at.head;
            self.head.0.store(at.head, Ordering::Release);
        }
    }

    fn cell(&self, position: u64) -> &AtomicU64 {
        &self.words[position as usize & (self.words.len() - 1)]
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn take(queue: &Queue, at: &mut Consumer) -> Option<(Header, Vec<u64>)> {
        let (header, _) = queue.peek(at)?;
        let mut words = [0; MAX_WORDS];
        queue.take(at, header, &mut words);
        Some((header, words[..header.len].to_vec()))
    }

    #[test]
    fn headers_keep_what_they_are_given() {
        for header in [
            Header {
                len: 0,
                tag: 0,
                n: 1,
            },
            Header {
                len: MAX_WORDS,
                tag: 7,
                n: (1 << 53) - 1,
            },
        ] {
            assert_eq!(Header::unpack(header.pack()), header);
        }
    }

    #[test]
    fn entries_of_every_length_come_out_as_they_went_in_across_many_turns() {
        let queue = Queue::new(64);
        let (mut producer, mut consumer) = (queue.adopt(), Consumer::default());
        for n in 1..5_000_u64 {
            let words: Vec<u64> = (0..n % 32).map(|at| n * 100 + at).collect();
            assert!(queue.push(&mut producer, n % 8, n, &words));
            queue.look(&mut consumer);
            let (header, out) = take(&queue, &mut consumer).unwrap();
            assert_eq!((header.n, header.tag, out), (n, n % 8, words));
            queue.release(&mut consumer);
        }
        assert!(take(&queue, &mut consumer).is_none());
    }

    #[test]
    fn a_full_queue_refuses_and_keeps_what_it_has() {
        let queue = Queue::new(32);
        let (mut producer, mut consumer) = (queue.adopt(), Consumer::default());
        let accepted = (1..=20)
            .filter(|n| queue.push(&mut producer, 0, *n, &[*n, *n]))
            .count();
        assert_eq!(accepted, 10);
        assert!(queue.is_more_than_half_full(&mut producer));
        queue.look(&mut consumer);
        let read: Vec<u64> = std::iter::from_fn(|| take(&queue, &mut consumer))
            .map(|(header, _)| header.n)
            .collect();
        assert_eq!(read, (1..=10).collect::<Vec<_>>());
        queue.release(&mut consumer);
        assert!(!queue.is_more_than_half_full(&mut producer));
        assert!(queue.push(&mut producer, 0, 21, &[1, 2]));
    }

    #[test]
    fn two_threads_lose_and_tear_nothing() {
        let queue = std::sync::Arc::new(Queue::new(256));
        let reader = std::sync::Arc::clone(&queue);
        let thread = std::thread::spawn(move || {
            let (mut at, mut next) = (Consumer::default(), 1);
            while next <= 100_000 {
                reader.look(&mut at);
                while let Some((header, words)) = take(&reader, &mut at) {
                    assert_eq!(header.n, next);
                    assert!(words.iter().all(|word| *word == next));
                    next += 1;
                }
                reader.release(&mut at);
                std::thread::yield_now();
            }
        });
        let mut at = queue.adopt();
        for n in 1..=100_000_u64 {
            let words = vec![n; (n % 20) as usize];
            while !queue.push(&mut at, 0, n, &words) {
                std::thread::yield_now();
            }
        }
        thread.join().unwrap();
    }
}

#[cfg(all(test, loom))]
mod loom_models {
    use super::*;
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    fn drain(queue: &Queue, at: &mut Consumer, into: &mut Vec<u64>) {
        queue.look(at);
        while let Some((header, _)) = queue.peek(at) {
            let mut words = [0; MAX_WORDS];
            queue.take(at, header, &mut words);
            assert!(
                words[..header.len]
                    .iter()
                    .all(|word| *word == header.n * 10)
            );
            into.push(header.n);
        }
        queue.release(at);
    }

    #[test]
    fn loom_no_entry_is_torn_lost_or_doubled_while_the_queue_wraps() {
        loom::model(|| {
            // Four words hold one entry of three and a word: the second push overwrites the first.
            let queue = Arc::new(Queue::with_exactly(4));
            let pushing = Arc::clone(&queue);
            // Adopted here and not in the thread: loom remembers one access to a cell only, and the load of `tail` in there
            // would hide the consumer's from it, so that it explored nothing.
            let mut at = queue.adopt();
            let producer = thread::spawn(move || {
                (1..=3_u64)
                    .filter(|n| pushing.push(&mut at, 0, *n, &[n * 10, n * 10]))
                    .collect::<Vec<_>>()
            });
            let (mut at, mut seen) = (Consumer::default(), Vec::new());
            drain(&queue, &mut at, &mut seen);
            drain(&queue, &mut at, &mut seen);
            let accepted = producer.join().unwrap();
            drain(&queue, &mut at, &mut seen);
            assert_eq!(seen, accepted);
        });
    }

    #[test]
    fn loom_a_lane_handed_from_thread_to_thread_goes_on_in_order() {
        loom::model(|| {
            let queue = Arc::new(Queue::with_exactly(4));
            let hand = Arc::new(Mutex::new(0_u64));
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let (queue, hand) = (Arc::clone(&queue), Arc::clone(&hand));
                    thread::spawn(move || {
                        // As a claim does: under a lock that orders one owner after the other.
                        let mut n = hand.lock().unwrap();
                        let mut at = queue.adopt();
                        if queue.push(&mut at, 0, *n + 1, &[(*n + 1) * 10]) {
                            *n += 1;
                        }
                    })
                })
                .collect();
            let (mut at, mut seen) = (Consumer::default(), Vec::new());
            drain(&queue, &mut at, &mut seen);
            for thread in threads {
                thread.join().unwrap();
            }
            drain(&queue, &mut at, &mut seen);
            assert_eq!(seen, vec![1, 2]);
        });
    }
}
