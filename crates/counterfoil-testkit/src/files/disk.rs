//! The files of one machine, and every call on them.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path};
use std::sync::Arc;

use super::faults::{Failure, Faults};
use super::node::{Dir, File, Node};
use crate::SeededRng;

const ROOT: usize = 0;

#[derive(Clone, Debug)]
pub(super) struct Disk {
    pub(super) nodes: Vec<Arc<Node>>,
    /// Changes of names that no sync covers, the oldest first.
    pub(super) pending: Vec<Change>,
    pub(super) faults: Faults,
    pub(super) operations: u64,
    pub(super) calls: u64,
}

/// One change of names: what each name stands for afterwards, if anything.
#[derive(Clone, Debug)]
pub(super) struct Change(pub(super) Vec<(usize, String, Option<usize>)>);

impl Default for Disk {
    fn default() -> Self {
        Self {
            nodes: vec![Arc::new(Node::Dir(Dir::default()))],
            pending: Vec::new(),
            faults: Faults::default(),
            operations: 0,
            calls: 0,
        }
    }
}

impl Disk {
    /// Finds what a path stands for, without counting as a call.
    pub(super) fn find(&self, path: &Path) -> io::Result<usize> {
        let mut node = ROOT;
        for component in path.components() {
            if let Component::Normal(name) = component {
                node = *self
                    .dir(node)?
                    .now
                    .get(text(name)?)
                    .ok_or(io::ErrorKind::NotFound)?;
            }
        }
        Ok(node)
    }

    pub(super) fn look_up(&mut self, path: &Path) -> io::Result<usize> {
        self.call()?;
        self.find(path)
    }

    pub(super) fn list(&mut self, path: &Path) -> io::Result<Vec<String>> {
        self.call()?;
        match self.find(path) {
            Ok(node) => Ok(self.dir(node)?.now.keys().cloned().collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        self.call()?;
        Ok(self.file(self.find(path)?)?.now().to_vec())
    }

    pub(super) fn read_first(&mut self, node: usize, len: u64) -> io::Result<Vec<u8>> {
        self.call()?;
        let content = self.file(node)?.now();
        usize::try_from(len)
            .ok()
            .and_then(|len| content.get(..len))
            .map(<[u8]>::to_vec)
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    pub(super) fn is_at(&mut self, node: usize, path: &Path) -> io::Result<bool> {
        self.call()?;
        Ok(self.find(path).is_ok_and(|found| found == node))
    }

    pub(super) fn make_dir(&mut self, path: &Path) -> io::Result<()> {
        self.operate()?;
        let (parent, name) = self.place(path)?;
        let node = self.add(Node::Dir(Dir::default()));
        self.name(Change(vec![(parent, name, Some(node))]))
    }

    /// Makes an empty file, or empties the one that is there.
    pub(super) fn create(&mut self, path: &Path) -> io::Result<usize> {
        self.operate()?;
        if let Ok(node) = self.find(path) {
            self.file_mut(node)?.truncate();
            return Ok(node);
        }
        let (parent, name) = self.place(path)?;
        let node = self.add(Node::File(File::new(Vec::new())));
        self.name(Change(vec![(parent, name, Some(node))]))?;
        Ok(node)
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.operate()?;
        let node = self.find(from)?;
        let (old_dir, old) = self.place(from)?;
        let (new_dir, new) = self.place(to)?;
        self.name(Change(vec![
            (old_dir, old, None),
            (new_dir, new, Some(node)),
        ]))
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.operate()?;
        self.find(path)?;
        let (parent, name) = self.place(path)?;
        self.name(Change(vec![(parent, name, None)]))
    }

    pub(super) fn write(&mut self, node: usize, bytes: &[u8]) -> io::Result<usize> {
        let failure = self.operate()?;
        let mut len = bytes.len();
        if failure == Some(Failure::Short) {
            len = len.div_ceil(2);
        }
        if let Some(most) = self.faults.longest_write {
            len = len.min(most);
        }
        if let Some(space) = self.faults.space {
            len = len.min(space);
            if len == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.faults.space = Some(space - len);
        }
        let file = self.file_mut(node)?;
        file.write_at(file.now().len(), &bytes[..len]);
        Ok(len)
    }

    pub(super) fn overwrite(&mut self, node: usize, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.operate()?;
        let at = usize::try_from(at).map_err(io::Error::other)?;
        self.file_mut(node)?.write_at(at, bytes);
        Ok(())
    }

    pub(super) fn sync(&mut self, node: usize, is_segment: bool) -> io::Result<()> {
        let outcome = self.operate();
        let outcome = outcome.and_then(|_| self.take_failing_sync(is_segment));
        match outcome {
            Ok(()) => match self.node_mut(node) {
                Node::File(file) => file.sync(),
                Node::Dir(_) => self.sync_dir(node),
            },
            Err(ref error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if self.is_gone() => {}
            Err(_) => {
                let mut rng = SeededRng::new(self.faults.seed ^ self.calls);
                let reverts = self.faults.reverts;
                if let Node::File(file) = self.node_mut(node) {
                    file.fail_sync(reverts, &mut rng);
                }
            }
        }
        outcome
    }

    pub(super) fn sync_path(&mut self, path: &Path) -> io::Result<()> {
        let node = self.find(path)?;
        self.sync(node, false)
    }

    fn take_failing_sync(&mut self, is_segment: bool) -> io::Result<()> {
        match &mut self.faults.failing_syncs {
            Some((good, _)) if is_segment && *good > 0 => *good -= 1,
            Some((_, bad)) if is_segment && *bad > 0 => {
                *bad -= 1;
                return Err(io::Error::other("input/output error"));
            }
            _ => {}
        }
        Ok(())
    }

    /// Makes every change in a directory stable, and those before it that concern the same names elsewhere.
    fn sync_dir(&mut self, node: usize) {
        let mut names: Vec<(usize, String)> = Vec::new();
        let mut stable = Vec::new();
        for change in std::mem::take(&mut self.pending).into_iter().rev() {
            let concerns = |(dir, name, _): &(usize, String, Option<usize>)| {
                *dir == node || names.iter().any(|(d, n)| d == dir && n == name)
            };
            if change.0.iter().any(concerns) {
                names.extend(change.0.iter().map(|(dir, name, _)| (*dir, name.clone())));
                stable.push(change);
            } else {
                self.pending.push(change);
            }
        }
        self.pending.reverse();
        stable
            .into_iter()
            .rev()
            .for_each(|change| self.settle(&change));
    }

    /// Makes a change of names stable.
    pub(super) fn settle(&mut self, change: &Change) {
        for (dir, name, node) in &change.0 {
            if let Node::Dir(dir) = self.node_mut(*dir) {
                set(&mut dir.stable, name, *node);
            }
        }
    }

    /// Counts a call; fails when it is to fail.
    fn call(&mut self) -> io::Result<Option<Failure>> {
        self.calls += 1;
        if self.is_gone() {
            return Err(io::Error::other("the machine is gone"));
        }
        let failure = self
            .faults
            .at
            .filter(|(from, to, _)| (*from..*to).contains(&self.calls))
            .map(|(_, _, failure)| failure);
        match failure.and_then(Failure::error) {
            Some(error) => Err(error),
            None => Ok(failure),
        }
    }

    /// Counts a call that changes something.
    fn operate(&mut self) -> io::Result<Option<Failure>> {
        self.operations += 1;
        self.call()
    }

    fn is_gone(&self) -> bool {
        self.faults
            .dies_at
            .is_some_and(|last| self.operations > last)
    }

    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(Arc::new(node));
        self.nodes.len() - 1
    }

    fn name(&mut self, change: Change) -> io::Result<()> {
        for (dir, name, node) in &change.0 {
            if let Node::Dir(dir) = self.node_mut(*dir) {
                set(&mut dir.now, name, *node);
            }
        }
        self.pending.push(change);
        Ok(())
    }

    /// The directory that a path lies in, and its name there.
    fn place(&self, path: &Path) -> io::Result<(usize, String)> {
        let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let node = self.find(parent)?;
        self.dir(node)?;
        Ok((node, text(name)?.to_owned()))
    }

    pub(super) fn dir(&self, node: usize) -> io::Result<&Dir> {
        match &*self.nodes[node] {
            Node::Dir(dir) => Ok(dir),
            Node::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn file(&self, node: usize) -> io::Result<&File> {
        match &*self.nodes[node] {
            Node::File(file) => Ok(file),
            Node::Dir(_) => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn file_mut(&mut self, node: usize) -> io::Result<&mut File> {
        match self.node_mut(node) {
            Node::File(file) => Ok(file),
            Node::Dir(_) => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn node_mut(&mut self, node: usize) -> &mut Node {
        Arc::make_mut(&mut self.nodes[node])
    }
}

pub(super) fn set(
    entries: &mut std::collections::BTreeMap<String, usize>,
    name: &str,
    node: Option<usize>,
) {
    match node {
        Some(node) => entries.insert(name.to_owned(), node),
        None => entries.remove(name),
    };
}

fn text(name: &OsStr) -> io::Result<&str> {
    name.to_str()
        .ok_or_else(|| io::ErrorKind::InvalidInput.into())
}
