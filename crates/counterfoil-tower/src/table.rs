//! A bounded map that only grows and whose look-ups wait for nobody.

use std::borrow::Borrow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Open addressing over cells that are set once. What is in it stays, so a reader needs no lock; what finds no room is the
/// caller's to put elsewhere.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    cells: Box<[OnceLock<(K, V)>]>,
    len: AtomicUsize,
    limit: usize,
}

impl<K: Eq, V> Table<K, V> {
    /// Room for `limit` entries.
    pub(crate) fn new(limit: usize) -> Self {
        // Half of the cells stay empty, so that looking for what is not there ends soon.
        let cells = limit.max(1).saturating_mul(2).next_power_of_two();
        Self {
            cells: (0..cells).map(|_| OnceLock::new()).collect(),
            len: AtomicUsize::new(0),
            limit,
        }
    }

    /// The value of `key`, whose hash is `hash`.
    pub(crate) fn get<Q: Eq + ?Sized>(&self, hash: u64, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        for cell in self.probe(hash) {
            let (found, value) = cell.get()?;
            if found.borrow() == key {
                return Some(value);
            }
        }
        None
    }

    /// The value of `key`, made if need be; `None` when there is no room for it.
    pub(crate) fn get_or_insert<Q: Eq + ?Sized>(
        &self,
        hash: u64,
        key: &Q,
        make: impl FnOnce() -> (K, V),
    ) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        if let Some(found) = self.get(hash, key) {
            return Some(found);
        }
        self.reserve()?;
        let mut made = Some(make());
        for cell in self.probe(hash) {
            let mut own = false;
            let (found, value) = cell.get_or_init(|| {
                own = true;
                // Taken once: after that, this loop ends.
                made.take()
                    .unwrap_or_else(|| unreachable!("made once and set once"))
            });
            if own || found.borrow() == key {
                if !own {
                    // Another thread was faster.
                    self.len.fetch_sub(1, Relaxed);
                }
                return Some(value);
            }
        }
        self.len.fetch_sub(1, Relaxed);
        None
    }

    fn reserve(&self) -> Option<()> {
        self.len
            .try_update(Relaxed, Relaxed, |len| {
                (len < self.limit).then_some(len + 1)
            })
            .ok()
            .map(|_before| ())
    }

    fn probe(&self, hash: u64) -> impl Iterator<Item = &OnceLock<(K, V)>> {
        let mask = self.cells.len() - 1;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the low bits are as good as all of them"
        )]
        let start = hash as usize & mask;
        self.cells[start..].iter().chain(&self.cells[..start])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(table: &Table<String, u32>, key: &str, value: u32) -> Option<u32> {
        // One hash for all: every look-up has to walk.
        table
            .get_or_insert(7, key, || (key.to_owned(), value))
            .copied()
    }

    #[test]
    fn what_is_in_stays_and_what_finds_no_room_is_refused() {
        let table = Table::new(2);
        assert_eq!(insert(&table, "a", 1), Some(1));
        assert_eq!(insert(&table, "b", 2), Some(2));
        assert_eq!(insert(&table, "c", 3), None);
        assert_eq!(insert(&table, "a", 9), Some(1));
        assert_eq!(table.get(7, "b"), Some(&2));
        assert_eq!(table.get(7, "c"), None);
    }

    #[test]
    fn threads_that_insert_the_same_key_get_the_same_value() {
        let table = Table::new(8);
        let keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let table = &table;
                scope.spawn(move || {
                    for key in keys {
                        let first = insert(table, key, thread);
                        assert_eq!(insert(table, key, 99), first, "{key}");
                    }
                });
            }
        });
        assert_eq!(table.len.load(Relaxed), keys.len());
    }
}
