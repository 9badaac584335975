//! The exponential buckets that one thread counts in: as many adjacent ones as there are cells, at a scale of their own.

use counterfoil_core::{ExponentialBuckets, ExponentialHistogramValue};

use crate::sync::{AtomicU64, Ordering, fence, spin_loop};

/// Where a window lies, as it stands in its cell: a version, the scale and the number of the first bucket. A cell of zero is
/// a window that nothing was counted in; no value is within it.
///
/// The version is odd while counts are moved. It cannot come round to where it was: a window is moved when a value lies
/// outside, each move widens what is counted or lowers the scale, and there is room for no more than 13 × 160 of them.
#[derive(Clone, Copy, PartialEq)]
struct Place(u64);

const SCALE_AT: u32 = 32;
const VERSION_AT: u32 = 48;
const BUCKETS: usize = ExponentialHistogramValue::BUCKETS_MAX;
const ONE_VERSION: u64 = 1 << VERSION_AT;
/// What a scale is stored with, so that zero is none.
const SCALE_BIAS: i32 = 1 - ExponentialHistogramValue::SCALE_MIN;

impl Place {
    const fn new(version: u64, scale: i32, first: i32) -> Self {
        let scale = (scale + SCALE_BIAS).cast_unsigned() as u64;
        let first = first.wrapping_sub(i32::MIN).cast_unsigned() as u64;
        Self((version << VERSION_AT) | (scale << SCALE_AT) | first)
    }

    const fn version(self) -> u64 {
        self.0 >> VERSION_AT
    }

    const fn is_being_moved(self) -> bool {
        self.version() % 2 == 1
    }

    const fn is_empty(self) -> bool {
        self.0 << (64 - VERSION_AT) == 0
    }

    #[inline]
    const fn scale(self) -> i32 {
        (self.0 >> SCALE_AT) as u8 as i32 - SCALE_BIAS
    }

    /// The number of the first bucket; as small as can be for a window of which nothing is known.
    #[inline]
    const fn first(self) -> i32 {
        (self.0 as u32).cast_signed().wrapping_add(i32::MIN)
    }

    /// The bucket's distance from the first one, for a number at the finest scale.
    #[inline]
    const fn distance(self, index: i32) -> usize {
        let index = index >> (ExponentialHistogramValue::SCALE_MAX - self.scale()).cast_unsigned();
        index.wrapping_sub(self.first()).cast_unsigned() as usize
    }
}

/// Which bucket counts the value with this number at the finest scale, if the window reaches so far.
#[inline]
pub(crate) fn within(place: &AtomicU64, index: i32, len: usize) -> Option<usize> {
    let at = Place(place.load(Ordering::Relaxed)).distance(index);
    (at < len).then_some(at)
}

/// Moves the window, and makes it coarser as far as need be, until it has a bucket for the value with this number at the
/// finest scale; that bucket. Only the owner may call it.
#[cold]
#[inline(never)]
pub(crate) fn reach(place: &AtomicU64, buckets: &[AtomicU64], index: i32) -> usize {
    let before = Place(place.load(Ordering::Relaxed));
    let window = Window::read(before, buckets);
    let after = window.reaching(before, index, buckets.len());

    place.store(before.0.wrapping_add(ONE_VERSION), Ordering::Relaxed);
    // No count below may become visible before the version is odd.
    fence(Ordering::Release);
    let mut counts = [0_u64; BUCKETS];
    let steps = (before.scale() - after.scale()).max(0);
    for (number, count) in window.counted() {
        let at = (number >> steps).abs_diff(after.first()) as usize;
        if let Some(sum) = counts.get_mut(at) {
            *sum = sum.saturating_add(count);
        }
    }
    for (cell, count) in buckets.iter().zip(counts) {
        cell.store(count, Ordering::Relaxed);
    }
    place.store(after.0, Ordering::Release);
    after.distance(index).min(buckets.len() - 1)
}

/// What the window counts, as a distribution of one sign; `None` when it counts nothing. Waits for an owner who is moving
/// it, which happens some dozen times in a window's life.
pub(crate) fn read(place: &AtomicU64, buckets: &[AtomicU64]) -> Option<(i32, ExponentialBuckets)> {
    loop {
        let before = Place(place.load(Ordering::Acquire));
        if !before.is_being_moved() {
            let window = Window::read(before, buckets);
            // Pairs with the owner's release fence: had one count been of a later place, so would be the version read below.
            fence(Ordering::Acquire);
            if place.load(Ordering::Relaxed) == before.0 {
                return window.trimmed(before.scale());
            }
        }
        pause();
    }
}

fn pause() {
    spin_loop();
    std::thread::yield_now();
}

/// A copy of the counts.
struct Window {
    first: i32,
    counts: [u64; BUCKETS],
}

impl Window {
    fn read(place: Place, buckets: &[AtomicU64]) -> Self {
        let mut counts = [0; BUCKETS];
        for (count, cell) in counts.iter_mut().zip(buckets) {
            *count = cell.load(Ordering::Relaxed);
        }
        let first = place.first();
        Self { first, counts }
    }

    /// Numbers and counts of the buckets that count something.
    fn counted(&self) -> impl DoubleEndedIterator<Item = (i32, u64)> + '_ {
        let numbered = self.counts.iter().enumerate();
        numbered
            .filter(|(_, count)| **count > 0)
            .map(|(at, count)| (self.first.saturating_add(at as i32), *count))
    }

    /// The place at which a window of `len` buckets holds what it holds now and the value of this number, at the finest
    /// scale that allows it and with as much room on either side.
    fn reaching(&self, before: Place, index: i32, len: usize) -> Place {
        let finest = ExponentialHistogramValue::SCALE_MAX;
        let scale = if before.is_empty() {
            finest
        } else {
            before.scale()
        };
        let number = index >> (finest - scale);
        let mut counted = self.counted().map(|(number, _)| number);
        let (lowest, highest) = (counted.next(), counted.next_back());
        let lowest = lowest.unwrap_or(number);
        let low = number.min(lowest);
        let high = number.max(highest.unwrap_or(lowest));
        let span = |steps: i32| (high >> steps).abs_diff(low >> steps) as usize + 1;
        let coarsest = scale - ExponentialHistogramValue::SCALE_MIN;
        let steps = (0..coarsest)
            .find(|steps| span(*steps) <= len)
            .unwrap_or(coarsest);
        let margin = len.saturating_sub(span(steps)) / 2;
        let version = before.version().wrapping_add(2) & 0xffff;
        Place::new(version, scale - steps, (low >> steps) - margin as i32)
    }

    fn trimmed(self, scale: i32) -> Option<(i32, ExponentialBuckets)> {
        let from = self.counts.iter().position(|it| *it > 0)?;
        let to = self.counts.iter().rposition(|it| *it > 0)?;
        Some((
            scale,
            ExponentialBuckets {
                offset: self.first.saturating_add(from as i32),
                counts: self.counts[from..=to].to_vec(),
            },
        ))
    }
}
