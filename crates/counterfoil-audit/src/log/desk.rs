//! Where the committer leaves what has become durable, for the thread that writes tiles and anchors.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use counterfoil_core::{Digest, Head};

use crate::log::leaves::Leaves;

/// So many hashes are worth writing tiles for although no head is due: 64 tiles.
const WORTH_IT: usize = 64 * 256;
/// Most hashes that are kept: 8 MiB. Beyond it, because a store or the disk takes long, they are read from the segments later.
const MOST: usize = 1 << 18;

/// Leaves in their order, and durable heads, of which only the newest counts.
#[derive(Debug)]
pub(crate) struct AnchorDesk {
    inner: Mutex<Desk>,
    changed: Condvar,
}

#[derive(Debug)]
struct Desk {
    leaves: Leaves,
    head: Option<Head>,
    finished: bool,
}

/// What is taken from the desk.
#[derive(Debug)]
pub(crate) struct Work {
    /// Up to the head, when there is one. They need not follow what was taken before.
    pub(crate) leaves: Leaves,
    /// To be anchored.
    pub(crate) head: Option<Head>,
}

impl AnchorDesk {
    /// A desk for the records after `seq`.
    pub(crate) fn new(seq: u64) -> Self {
        Self {
            inner: Mutex::new(Desk {
                leaves: Leaves {
                    after: seq,
                    hashes: Vec::new(),
                },
                head: None,
                finished: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Leaves the hashes of the records that follow those left before, and the newest head among them that is to be anchored. All at
    /// once, for who takes leaves without a head must not come beyond one: its tiles could not be completed any more.
    pub(crate) fn leave<'a>(
        &self,
        hashes: impl IntoIterator<Item = &'a [Digest]>,
        head: Option<Head>,
    ) {
        let mut desk = self.lock();
        for hashes in hashes {
            desk.add(hashes);
        }
        let enough = desk.leaves.hashes.len() >= WORTH_IT || head.is_some();
        desk.head = head.or(desk.head.take());
        drop(desk);
        if enough {
            self.changed.notify_one();
        }
    }

    /// Leaves a head whose records were left before, and no other ones.
    pub(crate) fn submit(&self, head: Head) {
        self.leave([], Some(head));
    }

    /// Nothing will come any more.
    pub(crate) fn finish(&self) {
        self.lock().finished = true;
        self.changed.notify_one();
    }

    /// The next work; `None` at the end. A head that is to be tried again is answered at its time, unless a newer one comes
    /// before.
    pub(crate) fn take(&self, again: Option<(Head, Instant)>) -> Option<Work> {
        let (again, at) = again.unzip();
        let mut desk = self.lock();
        loop {
            let rest = at.map(|at| at.saturating_duration_since(Instant::now()));
            let due = rest.is_some_and(|rest| rest.is_zero()) && !desk.finished;
            if due && desk.head.is_none() {
                desk.head.clone_from(&again);
            }
            if let Some(head) = desk.head.take() {
                return Some(Work {
                    leaves: desk.take_leaves(head.seq),
                    head: Some(head),
                });
            }
            // While a head waits, the tiles must not grow beyond it.
            if again.is_none() && desk.leaves.hashes.len() >= WORTH_IT {
                return Some(Work {
                    leaves: desk.take_leaves(u64::MAX),
                    head: None,
                });
            }
            if desk.finished {
                return None;
            }
            desk = match rest {
                None => self
                    .changed
                    .wait(desk)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(rest) => {
                    self.changed
                        .wait_timeout(desk, rest)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    fn add(&mut self, hashes: &[Digest]) {
        if self.leaves.hashes.len() + hashes.len() > MOST {
            self.leaves.after = self.leaves.last() + hashes.len() as u64;
            self.leaves.hashes.clear();
        } else {
            self.leaves.hashes.extend_from_slice(hashes);
        }
    }

    /// The leaves up to record `last`; later ones stay.
    fn take_leaves(&mut self, last: u64) -> Leaves {
        let after = self.leaves.after;
        let taken = last
            .saturating_sub(after)
            .min(self.leaves.hashes.len() as u64);
        let later = self.leaves.hashes.split_off(taken as usize);
        let hashes = std::mem::replace(&mut self.leaves.hashes, later);
        self.leaves.after += taken;
        Leaves { after, hashes }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use counterfoil_core::ChainId;

    fn head(seq: u64) -> Head {
        #[allow(clippy::unwrap_used, reason = "it is a chain's name")]
        let chain = ChainId::first("audit.example.com/leases").unwrap();
        Head {
            chain,
            seq,
            hash: Digest::ZERO,
            root: None,
        }
    }

    #[test]
    fn a_head_comes_with_the_leaves_up_to_it_and_later_ones_stay() {
        let desk = AnchorDesk::new(10);
        desk.leave([&[Digest::ZERO; 5][..]], None);
        desk.submit(head(13));
        desk.submit(head(15));
        desk.leave([&[Digest::ZERO; 3][..]], None);
        let work = desk.take(None).unwrap();
        assert_eq!(work.head, Some(head(15)));
        assert_eq!((work.leaves.after, work.leaves.last()), (10, 15));
        desk.submit(head(18));
        let work = desk.take(None).unwrap();
        assert_eq!((work.leaves.after, work.leaves.last()), (15, 18));
    }

    #[test]
    fn what_is_too_much_is_forgotten_and_the_next_leaves_say_where_they_begin() {
        let desk = AnchorDesk::new(0);
        desk.leave([&vec![Digest::ZERO; MOST][..]], None);
        desk.leave([&[Digest::ZERO][..]], None);
        desk.submit(head(MOST as u64 + 1));
        let work = desk.take(None).unwrap();
        assert_eq!(work.leaves.after, MOST as u64 + 1);
        assert!(work.leaves.hashes.is_empty());
    }

    #[test]
    fn what_was_left_before_the_end_is_still_taken() {
        let desk = AnchorDesk::new(0);
        desk.leave([&[Digest::ZERO; 3][..]], None);
        desk.submit(head(3));
        desk.finish();
        assert!(desk.take(None).is_some());
        assert!(desk.take(None).is_none());
    }

    #[test]
    fn a_head_is_tried_again_unless_a_newer_one_came_or_the_log_is_closed() {
        let desk = AnchorDesk::new(3);
        let now = Instant::now();
        let again = |seq| Some((head(seq), now));
        assert_eq!(desk.take(again(3)).unwrap().head, Some(head(3)));
        desk.submit(head(4));
        assert_eq!(desk.take(again(3)).unwrap().head, Some(head(4)));
        desk.finish();
        assert!(desk.take(again(4)).is_none());
    }

    #[test]
    fn leaves_are_not_taken_beyond_a_head_that_has_to_be_anchored() {
        let desk = AnchorDesk::new(0);
        let group = vec![Digest::ZERO; WORTH_IT];
        // The head of the first batch of a group.
        desk.leave([&group[..5], &group[..]], Some(head(5)));
        let work = desk.take(None).unwrap();
        assert_eq!((work.leaves.last(), work.head), (5, Some(head(5))));
        // It could not be anchored: it comes back before what is worth writing tiles for.
        let at = Instant::now() + std::time::Duration::from_millis(20);
        let work = desk.take(Some((head(5), at))).unwrap();
        assert_eq!((work.leaves.last(), work.head), (5, Some(head(5))));
        let work = desk.take(None).unwrap();
        assert_eq!(work.leaves.last(), 5 + WORTH_IT as u64);
        assert_eq!(work.head, None);
    }
}
