//! The nodes that allocations lie on: a directory for each, and a file in it for each allocation.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::domain::is_name;
use crate::errors::{Failure, NODE_FULL, NODE_UNREACHABLE};

/// Nodes that are made where there is no directory of them.
const FIRST: [&str; 2] = ["node-a", "node-b"];

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
        for entry in fs::read_dir(&self.directory).map_err(failure)? {
            let entry = entry.map_err(failure)?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            if is_name(&name) && entry.path().is_dir() {
                let allocations = fs::read_dir(entry.path()).map_err(failure)?.count();
                let candidate = (allocations, name);
                best = best.filter(|best| *best <= candidate).or(Some(candidate));
            }
        }
        let (_, name) = best.ok_or_else(|| {
            Failure::because(
                NODE_UNREACHABLE,
                "there is no node; make a directory for one",
            )
        })?;
        Ok(name)
    }

    /// Makes room for an allocation: all of it or nothing, and once, however often it is asked.
    pub(super) fn provision(&self, node: &str, id: &str, bytes: u64) -> Result<(), Failure> {
        let volume = self.volume(node, id)?;
        if volume.exists() {
            return Ok(());
        }
        let unfinished = volume.with_extension("unfinished");
        let file = File::create(&unfinished).map_err(failure)?;
        file.set_len(bytes).map_err(failure)?;
        file.sync_all().map_err(failure)?;
        fs::rename(&unfinished, &volume).map_err(failure)
    }

    /// Removes an allocation, if it is there.
    pub(super) fn release(&self, node: &str, id: &str) -> Result<(), Failure> {
        match fs::remove_file(self.volume(node, id)?) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failure(error)),
            _ => Ok(()),
        }
    }

    fn volume(&self, node: &str, id: &str) -> Result<PathBuf, Failure> {
        let directory = self.directory.join(node);
        if is_name(node) && is_name(id) && directory.is_dir() {
            return Ok(directory.join(id).with_extension("volume"));
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
