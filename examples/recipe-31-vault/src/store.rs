//! The vault's memory: objects as files that are synced before anybody hears of them, and an index of them in SQLite.
//!
//! An object is a file, so that `sha256sum` can verify it and no journal writes it twice. It gets its name after its bytes are synced,
//! and its entry in the index after that: a crash between the two leaves a file that nobody knows, which the next put of the
//! same bytes takes over.

mod files;
mod firing;
mod index;
mod pending;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use counterfoil::{Clock, InContext, Timestamp};
use parking_lot::Mutex;
use rusqlite::Connection;
use tracing::Span;

pub(crate) use index::{About, Entry, Wanted};
pub(crate) use pending::Pending;

use crate::address::Address;
use crate::errors::{CORRUPT, FULL, Failure, READ_ONLY, STORAGE, UNKNOWN_OBJECT, UNREADABLE};
use files::Files;

/// Trace context and request id of whoever put an object, on its way to the peer.
pub(crate) type Headers = Vec<(String, String)>;

/// The objects and their index. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    files: Files,
    index: Mutex<Connection>,
    capacity: u64,
    read_only: bool,
    /// What the objects hold, those that are being put among them.
    used: AtomicU64,
}

/// What there is to say about the store.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) used: u64,
    pub(crate) capacity: u64,
    pub(crate) objects: u64,
    pub(crate) index_bytes: u64,
    pub(crate) pending: u64,
    /// Those of them that were set aside, because they cannot be given to the peer.
    pub(crate) set_aside: u64,
    /// How long the oldest object has waited for the peer.
    pub(crate) lag: Duration,
}

impl Figures {
    pub(crate) const fn available(&self) -> u64 {
        self.capacity.saturating_sub(self.used)
    }

    /// Share of the capacity that is used.
    pub(crate) fn utilization(&self) -> f64 {
        self.used as f64 / self.capacity.max(1) as f64
    }
}

impl Store {
    /// Opens the store in `directory`, and makes it where it is missing.
    pub(crate) fn open(
        directory: &Path,
        capacity: u64,
        read_only: bool,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let files = Files::open(&directory.join("objects")).map_err(|error| {
            format!(
                "cannot open the objects in {}: {error}",
                directory.display()
            )
        })?;
        let path = directory.join("index.db");
        let opened = index::open(&path)
            .and_then(|index| index::totals(&index).map(|(_, used)| (index, used)));
        let (index, used) =
            opened.map_err(|error| format!("cannot open the index {}: {error}", path.display()))?;
        Ok(Self {
            inner: Arc::new(Inner {
                clock,
                files,
                index: Mutex::new(index),
                capacity,
                read_only,
                used: AtomicU64::new(used),
            }),
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.utc()
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.inner.read_only
    }

    /// Stores bytes under their address; whether they are new. Where `headers` are given, what is new or stays longer waits for the
    /// peer.
    pub(crate) async fn put(
        &self,
        bytes: Bytes,
        about: About,
        headers: Option<Headers>,
    ) -> Result<(Address, bool), Failure> {
        self.blocking(move |inner| inner.put(&bytes, &about, headers.as_ref()))
            .await
    }

    /// The bytes at an address, verified.
    pub(crate) async fn get(&self, address: Address) -> Result<Bytes, Failure> {
        self.blocking(move |inner| inner.get(address)).await
    }

    /// What the index knows of an object.
    pub(crate) async fn entry(&self, address: Address) -> Result<Option<Entry>, Failure> {
        self.blocking(move |inner| Ok(index::entry(&inner.index.lock(), address, inner.now())?))
            .await
    }

    /// Entries of the soup, newest first.
    pub(crate) async fn query(&self, wanted: Wanted) -> Result<Vec<Entry>, Failure> {
        self.blocking(move |inner| Ok(index::query(&inner.index.lock(), &wanted, inner.now())?))
            .await
    }

    /// Removes objects whose time has come; how many.
    pub(crate) async fn collect(&self) -> Result<u64, Failure> {
        self.blocking(Inner::collect).await
    }

    /// The objects that the peer is to get next, at most so many.
    pub(crate) async fn pending(&self, most: u32) -> Result<Vec<Pending>, Failure> {
        self.blocking(move |inner| Ok(pending::due(&inner.index.lock(), inner.now(), most)?))
            .await
    }

    /// Has an object wait behind all others that wait now.
    pub(crate) async fn put_back(&self, pending: &Pending) -> Result<(), Failure> {
        let (number, set_aside) = (pending.number, pending.set_aside);
        self.blocking(move |inner| {
            let now = inner.now();
            Ok(pending::postpone(
                &inner.index.lock(),
                number,
                now,
                set_aside,
            )?)
        })
        .await
    }

    /// Sets an object aside for so long: the others go on meanwhile.
    pub(crate) async fn set_aside(&self, pending: &Pending, time: Duration) -> Result<(), Failure> {
        let (number, set_aside) = (pending.number, pending.set_aside.saturating_add(1));
        self.blocking(move |inner| {
            let nanos = i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
            let due = inner.now().saturating_add(nanos);
            Ok(pending::postpone(
                &inner.index.lock(),
                number,
                due,
                set_aside,
            )?)
        })
        .await
    }

    /// The peer has an object, or it is gone.
    pub(crate) async fn settle(&self, pending: i64) -> Result<(), Failure> {
        self.blocking(move |inner| Ok(pending::remove(&inner.index.lock(), pending)?))
            .await
    }

    /// The alerts that were firing when the vault was stopped, and since when, for whoever may block.
    pub(crate) fn firing_now(&self) -> rusqlite::Result<Vec<(String, Timestamp)>> {
        let firing = firing::all(&self.inner.index.lock())?;
        let restored = firing.into_iter().map(|(name, at)| (name, restored(at)));
        Ok(restored.collect())
    }

    /// An alert has been firing since then; `None` if it is no more.
    pub(crate) async fn set_firing(
        &self,
        name: &'static str,
        since: Option<Timestamp>,
    ) -> Result<(), Failure> {
        let since = since.map(stored);
        self.blocking(move |inner| Ok(firing::set(&inner.index.lock(), name, since)?))
            .await
    }

    pub(crate) async fn figures(&self) -> Result<Figures, Failure> {
        self.blocking(Inner::figures).await
    }

    /// The same, for whoever may block.
    pub(crate) fn figures_now(&self) -> Result<Figures, Failure> {
        self.inner.figures()
    }

    /// Runs `work` where it may block, in the span and the context of its caller.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (inner, span) = (Arc::clone(&self.inner), Span::current());
        let done = tokio::task::spawn_blocking(move || span.in_scope(|| work(&inner)));
        done.in_current_context()
            .await
            .map_err(|error| Failure::because(STORAGE, error))?
    }
}

impl Inner {
    fn now(&self) -> i64 {
        stored(self.clock.utc())
    }

    fn put(
        &self,
        bytes: &[u8],
        about: &About,
        headers: Option<&Headers>,
    ) -> Result<(Address, bool), Failure> {
        if self.read_only {
            return Err(READ_ONLY.into());
        }
        let address = Address::of(bytes);
        let now = self.now();
        let is_there = self.renew(&mut self.index.lock(), address, about, headers, now)?;
        if is_there {
            self.restore(address, bytes)?;
            return Ok((address, false));
        }
        let room = self.reserve(bytes.len() as u64)?;
        let written = self.files.write(bytes)?;
        let mut index = self.index.lock();
        // Somebody else may have put the same bytes meanwhile.
        if self.renew(&mut index, address, about, headers, now)? {
            return Ok((address, false));
        }
        self.files.publish(written, address)?;
        let transaction = index.transaction()?;
        index::insert(&transaction, address, bytes.len() as u64, about, now)?;
        if let Some(headers) = headers {
            pending::add(&transaction, address, headers, now)?;
        }
        transaction.commit()?;
        room.keep();
        Ok((address, true))
    }

    /// Has an object that is there stay at least as long as `about` asks for, of which the peer hears too; whether it is there. One
    /// whose time has come is removed, so that the put is of a new one.
    fn renew(
        &self,
        index: &mut Connection,
        address: Address,
        about: &About,
        headers: Option<&Headers>,
        now: i64,
    ) -> Result<bool, Failure> {
        let Some((bytes, expires)) = index::lifetime(index, address)? else {
            return Ok(false);
        };
        if expires.is_some_and(|expires| expires <= now) {
            self.discard(index, address, bytes)?;
            return Ok(false);
        }
        let wanted = index::expiry(about, now);
        // Who has no time to come stays for ever.
        let is_longer = expires.is_some_and(|has| wanted.is_none_or(|wanted| wanted > has));
        if is_longer {
            let transaction = index.transaction()?;
            index::set_expiry(&transaction, address, wanted)?;
            if let Some(headers) = headers {
                pending::add(&transaction, address, headers, now)?;
            }
            transaction.commit()?;
        }
        Ok(true)
    }

    /// Gives an object that is there its file back where that was changed or lost: whoever puts it again has what it held.
    fn restore(&self, address: Address, bytes: &[u8]) -> Result<(), Failure> {
        if self.files.read(address).is_ok_and(|held| held == bytes) {
            return Ok(());
        }
        let written = self.files.write(bytes)?;
        let index = self.index.lock();
        // It may have been removed meanwhile.
        if index::lifetime(&index, address)?.is_some() {
            self.files.publish(written, address)?;
            pending::hurry(&index, address, self.now())?;
            tracing::warn!(hash = %address, "the file of an object was restored by a put");
        }
        Ok(())
    }

    fn get(&self, address: Address) -> Result<Bytes, Failure> {
        let entry = || index::entry(&self.index.lock(), address, self.now());
        entry()?.ok_or(UNKNOWN_OBJECT)?;
        let bytes = match self.files.read(address) {
            // Its time came between the two; it may have been put again.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                entry()?.ok_or(UNKNOWN_OBJECT)?;
                self.files.read(address)
            }
            read => read,
        };
        let bytes = bytes.map_err(|error| Failure::because(UNREADABLE, error))?;
        if Address::of(&bytes) != address {
            return Err(Failure::because(
                CORRUPT,
                "its SHA-256 is another one; put the object again, from the peer",
            ));
        }
        Ok(bytes.into())
    }

    fn collect(&self) -> Result<u64, Failure> {
        if self.read_only {
            return Ok(0);
        }
        let now = self.now();
        let mut removed = 0;
        // The lock is held for each object alone, so that requests get in between.
        loop {
            let index = self.index.lock();
            let Some((address, bytes)) = index::oldest_expired(&index, now)? else {
                return Ok(removed);
            };
            self.discard(&index, address, bytes)?;
            removed += 1;
        }
    }

    /// Removes an object. If its file stays, nobody sees it, and the next put of the same bytes takes it over.
    fn discard(&self, index: &Connection, address: Address, bytes: u64) -> Result<(), Failure> {
        index::remove(index, address)?;
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        if let Err(error) = self.files.remove(address) {
            tracing::warn!(hash = %address, %error, "the file of a removed object stays");
        }
        Ok(())
    }

    fn figures(&self) -> Result<Figures, Failure> {
        let index = self.index.lock();
        let (objects, _) = index::totals(&index)?;
        let backlog = pending::backlog(&index)?;
        let now = self.clock.utc();
        Ok(Figures {
            used: self.used.load(Ordering::Relaxed),
            capacity: self.capacity,
            objects,
            index_bytes: index::size(&index)?,
            pending: backlog.pending,
            set_aside: backlog.set_aside,
            lag: backlog
                .since
                .map_or(Duration::ZERO, |since| now.since(restored(since))),
        })
    }

    fn reserve(&self, bytes: u64) -> Result<Room<'_>, Failure> {
        let reserve = |used: u64| used.checked_add(bytes).filter(|it| *it <= self.capacity);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, reserve)
            .map_err(|_| FULL)?;
        Ok(Room {
            used: &self.used,
            bytes,
        })
    }
}

/// Room for an object that is being put; given back unless it is kept.
struct Room<'a> {
    used: &'a AtomicU64,
    bytes: u64,
}

impl Room<'_> {
    fn keep(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A time as it is stored.
pub(crate) fn stored(time: Timestamp) -> i64 {
    i64::try_from(time.unix_nanos()).unwrap_or(i64::MAX)
}

/// A stored time.
fn restored(nanos: i64) -> Timestamp {
    Timestamp::from_unix_nanos(u64::try_from(nanos).unwrap_or_default())
}
