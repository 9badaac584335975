//! A file system in memory that knows what would outlive a power failure, and that fails when told to.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use counterfoil_audit::{FileSystem, LogFile};

/// Cheap to clone: clones show the same files.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemFiles {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug, Default)]
struct Disk {
    nodes: Vec<Node>,
    /// Names, as processes see them.
    names: BTreeMap<PathBuf, usize>,
    /// Names, as they are after a power failure.
    durable_names: BTreeMap<PathBuf, usize>,
    locked: Vec<PathBuf>,
    faults: Faults,
    /// Operations that change something, so far.
    pub(crate) operations: u64,
}

#[derive(Clone, Debug, Default)]
struct Node {
    content: Vec<u8>,
    /// The content that a sync covered.
    durable: Vec<u8>,
    is_dir: bool,
    /// A sync failed: the pages are marked clean although they were never written, so no later sync writes them.
    stale: bool,
}

/// What goes wrong. Faults concern segment files, unless said otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// So many syncs fail, after this many that succeed. A failed sync makes nothing durable and, as on Linux, is told
    /// once: later syncs of that file succeed and make nothing durable either.
    pub(crate) failing_syncs: Option<(u32, u32)>,
    /// Bytes that any file may still grow by.
    pub(crate) space: Option<usize>,
    /// A write takes at most so many bytes.
    pub(crate) longest_write: Option<usize>,
    /// After so many operations everything fails: the machine is gone.
    pub(crate) dies_at: Option<u64>,
}

#[derive(Debug)]
struct Handle {
    files: MemFiles,
    node: usize,
    path: PathBuf,
    locks: bool,
}

impl MemFiles {
    pub(crate) fn set(&self, faults: Faults) {
        self.disk.lock().unwrap().faults = faults;
    }

    pub(crate) fn operations(&self) -> u64 {
        self.disk.lock().unwrap().operations
    }

    /// What is left after a power failure, on a machine that starts again.
    pub(crate) fn after_power_failure(&self) -> Self {
        self.after(|node| node.durable.clone())
    }

    /// As [`after_power_failure`](Self::after_power_failure), but `kept` more bytes of each file happened to be written back.
    pub(crate) fn after_power_failure_with(&self, kept: usize) -> Self {
        self.after(|node| {
            let len = node
                .durable
                .len()
                .saturating_add(kept)
                .min(node.content.len());
            if node.content.starts_with(&node.durable) {
                node.content[..len].to_vec()
            } else {
                node.durable.clone()
            }
        })
    }

    fn after(&self, survives: impl Fn(&Node) -> Vec<u8>) -> Self {
        let disk = self.disk.lock().unwrap();
        let mut nodes = disk.nodes.clone();
        for node in &mut nodes {
            node.content = survives(node);
            node.durable = node.content.clone();
            node.stale = false;
        }
        Self {
            disk: Arc::new(Mutex::new(Disk {
                nodes,
                names: disk.durable_names.clone(),
                durable_names: disk.durable_names.clone(),
                ..Disk::default()
            })),
        }
    }

    /// A copy of everything as it is, cached or not: what the next process finds after `kill -9`.
    pub(crate) fn after_kill(&self) -> Self {
        let disk = self.disk.lock().unwrap();
        Self {
            disk: Arc::new(Mutex::new(Disk {
                nodes: disk.nodes.clone(),
                names: disk.names.clone(),
                durable_names: disk.durable_names.clone(),
                ..Disk::default()
            })),
        }
    }

    /// All segments, one behind the other.
    pub(crate) fn log_bytes(&self, dir: &Path) -> Vec<u8> {
        let segments = dir.join("segments");
        let mut bytes = Vec::new();
        for name in self.list(&segments).unwrap() {
            bytes.extend(self.read(&segments.join(name)).unwrap());
        }
        bytes
    }

    /// Changes a file behind everybody's back.
    pub(crate) fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut disk = self.disk.lock().unwrap();
        let node = disk.names[path];
        change(&mut disk.nodes[node].content);
        disk.nodes[node].durable = disk.nodes[node].content.clone();
    }

    pub(crate) fn delete(&self, path: &Path) {
        let mut disk = self.disk.lock().unwrap();
        disk.names.remove(path);
        disk.durable_names.remove(path);
    }

    fn open(&self, path: &Path, node: usize, locks: bool) -> Box<dyn LogFile> {
        Box::new(Handle {
            files: self.clone(),
            node,
            path: path.to_owned(),
            locks,
        })
    }
}

impl Disk {
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.faults.dies_at {
            Some(last) if self.operations > last => Err(io::Error::other("the machine is gone")),
            _ => Ok(()),
        }
    }

    fn node(&mut self, is_dir: bool) -> usize {
        self.nodes.push(Node {
            is_dir,
            ..Node::default()
        });
        self.nodes.len() - 1
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.names
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl FileSystem for MemFiles {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock().unwrap();
        disk.operate()?;
        for path in path.ancestors() {
            if !disk.names.contains_key(path) {
                let node = disk.node(true);
                disk.names.insert(path.to_owned(), node);
            }
        }
        Ok(())
    }

    fn open_dir(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let node = self.disk.lock().unwrap().find(path)?;
        Ok(self.open(path, node, false))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let disk = self.disk.lock().unwrap();
        Ok(disk
            .names
            .keys()
            .filter(|name| name.parent() == Some(path))
            .filter_map(|name| Some(name.file_name()?.to_str()?.to_owned()))
            .collect())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let disk = self.disk.lock().unwrap();
        Ok(disk.nodes[disk.find(path)?].content.clone())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let mut disk = self.disk.lock().unwrap();
        disk.operate()?;
        let node = disk.node(false);
        disk.names.insert(path.to_owned(), node);
        drop(disk);
        Ok(self.open(path, node, false))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let node = self.disk.lock().unwrap().find(path)?;
        Ok(self.open(path, node, false))
    }

    fn open_in_place(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        self.append(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn LogFile>>> {
        let mut disk = self.disk.lock().unwrap();
        if disk.locked.contains(&path.to_owned()) {
            return Ok(None);
        }
        disk.locked.push(path.to_owned());
        let node = match disk.find(path) {
            Ok(node) => node,
            Err(_) => {
                let node = disk.node(false);
                disk.names.insert(path.to_owned(), node);
                node
            }
        };
        drop(disk);
        Ok(Some(self.open(path, node, true)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock().unwrap();
        disk.operate()?;
        disk.find(from)?;
        let moved: Vec<PathBuf> = disk
            .names
            .keys()
            .filter(|name| name.starts_with(from))
            .cloned()
            .collect();
        for name in moved {
            let target = match name.strip_prefix(from).unwrap() {
                rest if rest.as_os_str().is_empty() => to.to_owned(),
                rest => to.join(rest),
            };
            let node = disk.names.remove(&name).unwrap();
            disk.names.insert(target, node);
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock().unwrap();
        disk.operate()?;
        disk.find(path)?;
        disk.names.remove(path);
        Ok(())
    }
}

impl Handle {
    fn is_segment(&self) -> bool {
        self.path.to_string_lossy().ends_with(".jsonl")
    }
}

impl LogFile for Handle {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut disk = self.files.disk.lock().unwrap();
        disk.operate()?;
        let mut len = bytes.len();
        if let Some(most) = disk.faults.longest_write {
            len = len.min(most);
        }
        if let Some(space) = disk.faults.space {
            len = len.min(space);
            if len == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            disk.faults.space = Some(space - len);
        }
        disk.nodes[self.node].content.extend(&bytes[..len]);
        Ok(len)
    }

    fn overwrite(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.files.disk.lock().unwrap();
        disk.operate()?;
        let content = &mut disk.nodes[self.node].content;
        let (start, end) = (at as usize, at as usize + bytes.len());
        let len = content.len().max(end);
        content.resize(len, 0);
        content[start..end].copy_from_slice(bytes);
        Ok(())
    }

    fn read_first(&self, len: u64) -> io::Result<Vec<u8>> {
        let disk = self.files.disk.lock().unwrap();
        let content = &disk.nodes[self.node].content;
        content
            .get(..len as usize)
            .map(<[u8]>::to_vec)
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = self.files.disk.lock().unwrap();
        disk.operate()?;
        if self.is_segment()
            && let Some((good, bad)) = disk.faults.failing_syncs
        {
            if good > 0 {
                disk.faults.failing_syncs = Some((good - 1, bad));
            } else if bad > 0 {
                disk.faults.failing_syncs = Some((0, bad - 1));
                disk.nodes[self.node].stale = true;
                return Err(io::Error::other("input/output error"));
            }
        }
        let node = self.node;
        if disk.nodes[node].is_dir {
            let inside = |name: &Path| name.parent() == Some(&self.path);
            let now: Vec<(PathBuf, usize)> = disk
                .names
                .iter()
                .filter(|(name, _)| inside(name))
                .map(|(name, node)| (name.clone(), *node))
                .collect();
            disk.durable_names.retain(|name, _| !inside(name));
            disk.durable_names.extend(now);
            // The directory itself, and those above it, are taken for durable once anything in them is synced.
            for above in self.path.ancestors() {
                if let Some(node) = disk.names.get(above).copied() {
                    disk.durable_names.insert(above.to_owned(), node);
                }
            }
        } else if !disk.nodes[node].stale {
            disk.nodes[node].durable = disk.nodes[node].content.clone();
        }
        Ok(())
    }

    fn is_in_place(&self) -> io::Result<bool> {
        let disk = self.files.disk.lock().unwrap();
        Ok(disk.names.get(&self.path) == Some(&self.node))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.locks
            && let Ok(mut disk) = self.files.disk.lock()
        {
            disk.locked.retain(|path| *path != self.path);
        }
    }
}
