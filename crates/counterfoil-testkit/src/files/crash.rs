//! What a machine finds when it starts again, and what tests do behind the log's back.

use std::path::Path;
use std::sync::Arc;

use super::disk::{Disk, set};
use super::node::{Dir, File, Leaning, Node};
use crate::SeededRng;

impl Disk {
    /// Nothing survived that was not synced.
    pub(super) fn stable_only(&self) -> Self {
        self.left(|file| file.stable().to_vec())
    }

    pub(super) fn stable_and(&self, kept: usize) -> Self {
        self.left(|file| file.stable_and(kept))
    }

    /// Each change that was not synced is kept or lost by lot.
    pub(super) fn after_crash(&self, rng: &mut SeededRng) -> Self {
        let mut disk = self.clone();
        let leaning = Leaning::draw(rng);
        for change in std::mem::take(&mut disk.pending) {
            if leaning.keep(rng).unwrap_or_else(|| rng.below(2) == 0) {
                disk.settle(&change);
            }
        }
        disk.left(|file| file.after_crash(rng))
    }

    pub(super) fn after_failed_write_back(&self, rng: &mut SeededRng) -> Self {
        let mut disk = self.clone();
        for node in &mut disk.nodes {
            if let Node::File(file) = &**node
                && !file.is_stable()
            {
                *node = Arc::new(Node::File(file.after_failed_write_back(rng)));
            }
        }
        disk
    }

    pub(super) fn is_stable(&self) -> bool {
        self.pending.is_empty()
            && self.nodes.iter().all(|node| match &**node {
                Node::File(file) => file.is_stable(),
                Node::Dir(_) => true,
            })
    }

    /// The machine with the stable names and the content that `survives`.
    fn left(&self, mut survives: impl FnMut(&File) -> Vec<u8>) -> Self {
        let mut disk = self.clone();
        disk.pending.clear();
        for node in &mut disk.nodes {
            let left = match &**node {
                Node::File(file) if file.is_stable() => continue,
                Node::File(file) => Node::File(File::new(survives(file))),
                Node::Dir(dir) => Node::Dir(Dir {
                    now: dir.stable.clone(),
                    stable: dir.stable.clone(),
                }),
            };
            *node = Arc::new(left);
        }
        disk
    }

    #[expect(clippy::expect_used, reason = "help for tests fails as tests do")]
    pub(super) fn log_bytes(&self, dir: &Path) -> Vec<u8> {
        let segments = dir.join("segments");
        let Ok(node) = self.find(&segments) else {
            return Vec::new();
        };
        let names = &self.dir(node).expect("segments is a directory").now;
        let mut bytes = Vec::new();
        for (name, node) in names {
            if name.ends_with(".jsonl") {
                bytes.extend(self.file(*node).expect("a segment is a file").now());
            }
        }
        bytes
    }

    #[expect(clippy::expect_used, reason = "help for tests fails as tests do")]
    pub(super) fn tamper(&mut self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let node = self.find(path).expect("the file is there");
        let file = self.file_mut(node).expect("it is a file");
        let mut content = file.now().to_vec();
        change(&mut content);
        *file = File::new(content);
    }

    pub(super) fn delete(&mut self, path: &Path) {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return;
        };
        if let (Ok(parent), Some(name)) = (self.find(parent), name.to_str())
            && let Node::Dir(dir) = self.node_mut(parent)
        {
            set(&mut dir.now, name, None);
            set(&mut dir.stable, name, None);
            self.pending
                .retain(|change| change.0.iter().all(|(d, n, _)| *d != parent || n != name));
        }
    }
}
