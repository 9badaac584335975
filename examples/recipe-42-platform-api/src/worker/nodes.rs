//! The nodes that allocations lie on: a directory for each, and a file in it for each allocation.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::domain::is_name;
use crate::errors::{Failure, NODE_FULL, NODE_UNREACHABLE};

/// Nodes that are made where there is no directory of them.
const FIRST: [&str; 2] = ["node-a", "node-b"];

/// What the file of an allocation ends with.
const VOLUME: &str = "volume";
/// What it ends with until it has its size.
const UNFINISHED: &str = "unfinished";

/// The nodes. Every call may block.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    directory: PathBuf,
}

impl Nodes {
    pub(super) fn open(directory: &Path) -> Result<Self, String> {
        let make = || -> io::Result<()> {
            if !directory.exists() {
                for node in FIRST {
                    fs::create_dir_all(directory.join(node))?;
                }
            }
            fs::read_dir(directory).map(|_| ())
        };
        let path = directory.display();
        make().map_err(|error| format!("cannot use {path} as the directory of nodes: {error}"))?;
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    /// The node with the fewest allocations.
    pub(super) fn choose(&self) -> Result<String, Failure> {
        let mut best: Option<(usize, String)> = None;
        for name in self.names()? {
            let allocations = self.directory.join(&name);
            let allocations = fs::read_dir(allocations).map_err(failure)?.count();
            let candidate = (allocations, name);
            best = best.filter(|best| *best <= candidate).or(Some(candidate));
        }
        let (_, name) = best.ok_or_else(|| {
            Failure::because(
                NODE_UNREACHABLE,
                "there is no node; make a directory for one",
            )
        })?;
        Ok(name)
    }

    /// The nodes that there are.
    pub(super) fn names(&self) -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(failure)? {
            let entry = entry.map_err(failure)?;
            if let Some(name) = entry.file_name().to_str()
                && is_name(name)
                && entry.path().is_dir()
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// The allocations that something of lies on a node, finished or not.
    pub(super) fn volumes(
        &self,
        node: &str,
    ) -> Result<impl Iterator<Item = String> + Send + use<>, Failure> {
        let entries = fs::read_dir(self.directory.join(node)).map_err(failure)?;
        Ok(entries.filter_map(|entry| {
            let path = entry.ok()?.path();
            let ours = matches!(path.extension()?.to_str()?, VOLUME | UNFINISHED);
            let id = path.file_stem()?.to_str()?;
            (ours && is_name(id)).then(|| id.to_owned())
        }))
    }

    /// Makes room for an allocation: all of it or nothing, and once, however often it is asked.
    pub(super) fn provision(&self, node: &str, id: &str, bytes: u64) -> Result<(), Failure> {
        let volume = self.volume(node, id)?;
        if volume.exists() {
            return Ok(());
        }
        let unfinished = volume.with_extension(UNFINISHED);
        let make = || -> io::Result<()> {
            let file = File::create(&unfinished)?;
            file.set_len(bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, &volume)
        };
        make().map_err(|error| {
            // Nobody may come back for what is half-made, and it takes room from others.
            fs::remove_file(&unfinished).ok();
            failure(error)
        })
    }

    /// Removes an allocation and what is half-made of it, if it is there.
    pub(super) fn release(&self, node: &str, id: &str) -> Result<(), Failure> {
        let volume = self.volume(node, id)?;
        for file in [volume.with_extension(UNFINISHED), volume] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(failure(error)),
                _ => {}
            }
        }
        Ok(())
    }

    fn volume(&self, node: &str, id: &str) -> Result<PathBuf, Failure> {
        let directory = self.directory.join(node);
        if is_name(node) && is_name(id) && directory.is_dir() {
            return Ok(directory.join(id).with_extension(VOLUME));
        }
        Err(Failure::because(
            NODE_UNREACHABLE,
            format!("{node} has no directory in {}", self.directory.display()),
        ))
    }
}

fn failure(error: io::Error) -> Failure {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Failure::because(NODE_FULL, error),
        _ => Failure::because(NODE_UNREACHABLE, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_that_cannot_be_made_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let nodes = Nodes::open(&directory.path().join("nodes")).unwrap();
        assert!(nodes.provision("node-a", "al-1", u64::MAX).is_err());
        assert_eq!(nodes.volumes("node-a").unwrap().count(), 0);
    }

    #[test]
    fn what_is_released_leaves_nothing_behind_half_made_or_not() {
        let directory = tempfile::tempdir().unwrap();
        let nodes = Nodes::open(&directory.path().join("nodes")).unwrap();
        nodes.provision("node-a", "al-1", 4096).unwrap();
        // What an attempt that was killed leaves.
        fs::write(directory.path().join("nodes/node-a/al-1.unfinished"), "").unwrap();
        nodes.release("node-a", "al-1").unwrap();
        assert_eq!(nodes.volumes("node-a").unwrap().count(), 0);
    }
}
