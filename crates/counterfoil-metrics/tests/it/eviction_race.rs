//! Series go while threads register, count and drop handles: what was shown adds up to what was counted.

use std::collections::HashMap;
use std::hint::spin_loop;
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use counterfoil_core::{MetricSnapshot, MetricValue, SeriesMeta};
use counterfoil_metrics::Registry;
use metrics::{Key, Label, Level, Metadata, Recorder};

use crate::at;

const THREADS: usize = 3;
const ROUNDS: u64 = 30_000;
const COUNTED: u64 = THREADS as u64 * ROUNDS;
const NAMES: [&str; 3] = ["counts", "times", "balance"];

#[test]
fn what_was_shown_of_series_that_went_and_of_those_that_came_back_is_all_that_was_counted() {
    let registry = Registry::builder().idle_limit(Duration::ZERO).build();
    let mut scraper = Scraper::default();
    let mut now = 0;
    let mut look = || {
        now += 1;
        let snapshot = registry.snapshot(at(now));
        scraper.take(&snapshot);
        snapshot
    };
    thread::scope(|scope| {
        let threads = [0, 1, 2].map(|own| {
            let registry = &registry;
            scope.spawn(move || count(registry, own))
        });
        while !threads.iter().all(ScopedJoinHandle::is_finished) {
            drop(look());
        }
    });
    // The first finds the last change, the second shows every series a last time.
    drop((look(), look()));
    assert!(
        !look().families.iter().any(|it| NAMES.contains(&&*it.name)),
        "a gauge that is not back at zero stays"
    );
    let (counts, _) = scraper.total("counts");
    let (times, sum) = scraper.total("times");
    assert_eq!((counts, times), (COUNTED, COUNTED));
    assert!((sum - 180_000.0).abs() < 0.5, "{sum} is not two per round");
    let lives = scraper.shown.len();
    assert!(lives > 3 * THREADS, "series went and came back: {lives}");
}

/// Counts through handles that live for one call each, mostly on this thread's own series, now and then on another's.
fn count(registry: &Registry, own: usize) {
    let about = Metadata::new(module_path!(), Level::INFO, None);
    let keys = [0, 1, 2].map(|whose: usize| {
        NAMES.map(|name| Key::from_parts(name, vec![Label::new("of", whose.to_string())]))
    });
    let mut random = 88_172_645_463_325_252_u64 + own as u64;
    for round in 0..ROUNDS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // Up and down again on the same series.
        let strays = round % 16 < 2;
        let whose = if strays { own + 1 } else { own } % THREADS;
        let [counts, times, balance] = &keys[whose];
        registry.register_counter(counts, &about).increment(1);
        registry.register_histogram(times, &about).record(2.0);
        let balance = registry.register_gauge(balance, &about);
        balance.increment(if round % 2 == 0 { 1.0 } else { -1.0 });
        drop(balance);
        for _ in 0..random % 1_000 {
            spin_loop();
        }
    }
}

/// Adds up over time, as whatever stores what is scraped does: a series that starts anew is one more to add.
#[derive(Default)]
struct Scraper {
    /// The last value of every series, by its address, which is kept from being used again.
    shown: HashMap<*const SeriesMeta, (Arc<str>, Arc<SeriesMeta>, MetricValue)>,
}

impl Scraper {
    fn take(&mut self, snapshot: &MetricSnapshot) {
        let ours = snapshot.families.iter();
        for family in ours.filter(|it| NAMES.contains(&&*it.name)) {
            for series in &family.series {
                let name = Arc::clone(&family.name);
                let (meta, value) = (Arc::clone(&series.meta), series.value.clone());
                self.shown.insert(Arc::as_ptr(&meta), (name, meta, value));
            }
        }
    }

    fn total(&self, name: &str) -> (u64, f64) {
        let named = self.shown.values().filter(|it| &*it.0 == name);
        named.fold((0, 0.0), |(count, sum), (_, _, value)| match value {
            MetricValue::Counter(more) => (count + more, sum),
            MetricValue::Histogram(more) => (count + more.count(), sum + more.sum),
            _ => (count, sum),
        })
    }
}
