//! Models of what is read while it is written, run through every order of execution that the memory model allows:
//! `RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test -p counterfoil-metrics --release --lib loom`.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use counterfoil_core::{Exemplar, Timestamp, TraceContext};
use loom::thread;

use crate::exemplars::{Slot, Words};
use crate::sync::{AtomicU64, Ordering};
use crate::window;

/// Runs a model in every order within the bound on preemptions. A model that has only one order proves nothing, which has
/// happened: where the thread that runs the model is the reader, nothing interrupts it here.
fn model(run: impl Fn() + Send + Sync + 'static) {
    let orders = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&orders);
    loom::model(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        run();
    });
    let orders = orders.load(Ordering::Relaxed);
    assert!(orders > 1, "one order of execution was tried");
}

/// Value, time and ids all tell the number, so an exemplar put together of two shows.
fn words(number: u8) -> Words {
    let trace = format!("00-{0:032x}-{0:016x}-01", number);
    let trace: TraceContext = trace.parse().unwrap();
    let time = Timestamp::from_unix_nanos(u64::from(number));
    Words::of(f64::from(number), time, &trace)
}

fn number_of(exemplar: &Exemplar) -> u8 {
    let number = exemplar.value as u8;
    assert_eq!(exemplar.time.unix_nanos(), u64::from(number));
    assert_eq!(exemplar.trace_id.as_bytes()[15], number);
    assert_eq!(exemplar.span_id.as_bytes()[7], number);
    number
}

#[test]
fn loom_a_value_is_never_shown_with_the_trace_of_another() {
    model(|| {
        let slot = Arc::new(Slot::default());
        let writer = thread::spawn({
            let slot = Arc::clone(&slot);
            move || {
                slot.write(1, words(1));
                slot.write(2, words(2));
            }
        });
        let reader = thread::spawn({
            let slot = Arc::clone(&slot);
            move || slot.read().as_ref().map(number_of)
        });
        let seen = reader.join().unwrap();
        assert!(matches!(seen, None | Some(1 | 2)));
        writer.join().unwrap();
        assert_eq!(slot.read().as_ref().map(number_of), Some(2));
    });
}

#[test]
fn loom_of_two_threads_that_want_the_same_slot_one_goes_away() {
    model(|| {
        let slot = Arc::new(Slot::default());
        slot.write(1, words(1));
        let writers = [(2, 2), (3, 3)].map(|(round, number)| {
            let slot = Arc::clone(&slot);
            thread::spawn(move || slot.write(round, words(number)))
        });
        let seen = slot.read().as_ref().map(number_of);
        assert!(matches!(seen, None | Some(1..=3)));
        for writer in writers {
            writer.join().unwrap();
        }
        let last = slot.read().as_ref().map(number_of);
        assert!(matches!(last, Some(2 | 3)), "{last:?}");
    });
}

/// Counts as the owner of a window does.
fn count(place: &AtomicU64, buckets: &[AtomicU64], index: i32) {
    let at = window::within(place, index, buckets.len())
        .unwrap_or_else(|| window::reach(place, buckets, index));
    buckets[at].store(buckets[at].load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

#[test]
fn loom_no_count_is_seen_at_the_place_of_another_scale() {
    model(|| {
        let window = Arc::new((AtomicU64::new(0), [AtomicU64::new(0), AtomicU64::new(0)]));
        count(&window.0, &window.1, 0);
        let owner = thread::spawn({
            let window = Arc::clone(&window);
            // Twenty octaves away: the scale goes down as far as two buckets need.
            move || count(&window.0, &window.1, 20 << 8)
        });
        let reader = thread::spawn({
            let window = Arc::clone(&window);
            move || window::read(&window.0, &window.1).unwrap()
        });
        let (scale, seen) = reader.join().unwrap();
        // The first value lies in (1, 2^(1/256)], whatever the scale; it is always there.
        assert_eq!(seen.offset, 0, "scale {scale}");
        assert_eq!(seen.counts[0], 1);
        match seen.counts.get(1) {
            None => assert!(scale == 8 || scale == -4),
            Some(count) => assert_eq!((scale, *count), (-4, 1)),
        }
        owner.join().unwrap();
    });
}
