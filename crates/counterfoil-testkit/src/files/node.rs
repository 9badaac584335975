//! Files and directories: what processes see, and what is on stable storage.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::SeededRng;

pub(super) const PAGE: usize = 4_096;
const SECTOR: usize = 512;

#[derive(Clone, Debug)]
pub(super) enum Node {
    File(File),
    Dir(Dir),
}

/// Names and the nodes they stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct Dir {
    pub(super) now: BTreeMap<String, usize>,
    pub(super) stable: BTreeMap<String, usize>,
}

#[derive(Clone, Debug)]
pub(super) struct File {
    /// The contents since the last sync: the first is on stable storage, the last is what processes see.
    versions: Vec<Arc<Vec<u8>>>,
    /// Pages that differ from what is stored and that no sync will write: a sync of them failed before.
    stale: BTreeSet<usize>,
}

impl File {
    pub(super) fn new(content: Vec<u8>) -> Self {
        Self {
            versions: vec![Arc::new(content)],
            stale: BTreeSet::new(),
        }
    }

    pub(super) fn now(&self) -> &[u8] {
        self.versions.last().map_or(&[], |content| content)
    }

    pub(super) fn stable(&self) -> &[u8] {
        self.versions.first().map_or(&[], |content| content)
    }

    pub(super) fn is_stable(&self) -> bool {
        self.versions.len() == 1
    }

    pub(super) fn write_at(&mut self, at: usize, bytes: &[u8]) {
        let mut content = self.now().to_vec();
        let end = at + bytes.len();
        content.resize(content.len().max(end), 0);
        content[at..end].copy_from_slice(bytes);
        self.versions.push(Arc::new(content));
        if !bytes.is_empty() {
            // A page that is written to is dirty as a whole again.
            (at / PAGE..=(end - 1) / PAGE).for_each(|page| {
                self.stale.remove(&page);
            });
        }
    }

    pub(super) fn truncate(&mut self) {
        if !self.now().is_empty() {
            self.versions.push(Arc::default());
            self.stale.clear();
        }
    }

    pub(super) fn sync(&mut self) {
        let mut stored = self.now().to_vec();
        for page in &self.stale {
            let (from, to) = (page * PAGE, stored.len().min((page + 1) * PAGE));
            stored[from..to].fill(0);
            copy_block(&mut stored, self.stable(), from, PAGE);
        }
        self.settle(stored);
    }

    /// Some of the pages are written, the others never will be.
    pub(super) fn fail_sync(&mut self, reverts: bool, rng: &mut SeededRng) {
        let stored = self.after_crash(rng);
        if reverts {
            *self = Self::new(stored);
            return;
        }
        self.stale = (0..self.now().len().div_ceil(PAGE))
            .filter(|page| {
                block(self.now(), page * PAGE, PAGE) != block(&stored, page * PAGE, PAGE)
            })
            .collect();
        self.settle(stored);
    }

    fn settle(&mut self, stored: Vec<u8>) {
        let now = self.versions.pop();
        self.versions.clear();
        let differs = now.as_deref() != Some(&stored);
        self.versions.push(Arc::new(stored));
        if differs {
            self.versions.extend(now);
        } else {
            self.stale.clear();
        }
    }

    /// What of the file a power failure leaves.
    pub(super) fn after_crash(&self, rng: &mut SeededRng) -> Vec<u8> {
        if self.is_stable() {
            return self.stable().to_vec();
        }
        let leaning = Leaning::draw(rng);
        let len = self.draw(leaning, rng).len();
        let mut left = vec![0; len];
        let (block_len, tears) = match rng.below(3) {
            0 => (SECTOR, false),
            1 => (PAGE, false),
            _ => (PAGE, true),
        };
        // What is stored where a file grew and was not written yet: zeros as a rule.
        let filler = if rng.below(8) == 0 { 0xa5 } else { 0 };
        for at in (0..len).step_by(block_len) {
            let end = len.min(at + block_len);
            let cut = if tears {
                at + rng.below((end - at + 1) as u64) as usize
            } else {
                end
            };
            for (from, to) in [(at, cut), (cut, end)] {
                let version = if self.stale.contains(&(at / PAGE)) {
                    self.stable()
                } else {
                    self.draw(leaning, rng)
                };
                left[from..to].fill(filler);
                copy_block(&mut left[..to], version, from, to - from);
            }
        }
        left
    }

    fn draw(&self, leaning: Leaning, rng: &mut SeededRng) -> &[u8] {
        let last = self.versions.len() - 1;
        let index = match leaning.keep(rng) {
            Some(true) => last,
            Some(false) => 0,
            None => rng.below(self.versions.len() as u64) as usize,
        };
        &self.versions[index]
    }

    /// Only the process is gone; and then some pages could not be written, and nobody was told.
    pub(super) fn after_failed_write_back(&self, rng: &mut SeededRng) -> Self {
        let mut after = self.clone();
        if !after.is_stable() {
            after.fail_sync(false, rng);
        }
        after
    }

    /// What is stable, and `kept` bytes more of what was appended.
    pub(super) fn stable_and(&self, kept: usize) -> Vec<u8> {
        let (now, stable) = (self.now(), self.stable());
        let len = stable.len().saturating_add(kept).min(now.len());
        if now.starts_with(stable) {
            now[..len].to_vec()
        } else {
            stable.to_vec()
        }
    }
}

/// How much of what was not synced survives one crash: a random half of it would hardly ever be all or nothing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leaning {
    /// So many of eight changes are kept.
    Some(u64),
    /// A moment between the last sync and the crash.
    Any,
}

impl Leaning {
    pub(super) fn draw(rng: &mut SeededRng) -> Self {
        match rng.below(6) {
            0 => Self::Some(0),
            1 => Self::Some(8),
            2 => Self::Some(7),
            3 => Self::Some(4),
            4 => Self::Some(1),
            _ => Self::Any,
        }
    }

    /// Whether a change is kept; `None` when any moment will do.
    pub(super) fn keep(self, rng: &mut SeededRng) -> Option<bool> {
        match self {
            Self::Some(eighths) => Some(rng.below(8) < eighths),
            Self::Any => None,
        }
    }
}

fn block(content: &[u8], at: usize, len: usize) -> &[u8] {
    let end = content.len().min(at + len);
    content.get(at..end).unwrap_or_default()
}

/// Copies what `from` has of a block, as far as `to` reaches.
fn copy_block(to: &mut [u8], from: &[u8], at: usize, len: usize) {
    let bytes = block(from, at, len);
    let room = block(to, at, len).len().min(bytes.len());
    if room > 0 {
        to[at..at + room].copy_from_slice(&bytes[..room]);
    }
}
