//! Interned names: text that is met often, as a number on the hot path.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

/// How many distinct names are interned; what comes after keeps its text, only without a number.
const LIMIT: usize = 65_536;
/// Longest text that is interned, in bytes. `LIMIT * MAX_LEN` bounds the table at 16 MiB.
const MAX_LEN: usize = 256;
const CHUNK: usize = 1_024;

/// A name of low cardinality: a node, a tenant, a workload, an accounting tag, a reason.
///
/// Build it once, when a handle or a [`Context`](crate::Context) is built; cloning an interned name copies two words and
/// touches no shared cache line. The table belongs to the process, is never shrunk and is bounded (65 536 names of at most
/// 256 bytes, of which origins and principals take half at most). A name that no longer fits is kept as counted text: it is slower to clone, the event ring shows it as
/// `overflow`, and the audit layer still seals its full text.
///
/// ```
/// use counterfoil_core::Name;
/// let node = Name::new("node-a");
/// assert_eq!(node, Name::new("node-a"));
/// assert_eq!(node.as_str(), "node-a");
/// ```
#[derive(Clone)]
pub struct Name(Repr);

#[derive(Clone)]
enum Repr {
    Interned(NameId, &'static str),
    Spilled(Arc<str>),
}

/// The number of an interned name in this process. It means nothing in another process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NameId(u32);

impl Default for NameId {
    fn default() -> Self {
        Self::NONE
    }
}

impl NameId {
    /// No name at all.
    pub const NONE: Self = Self(0);
    /// A name that the table had no room for.
    pub const OVERFLOW: Self = Self(u32::MAX);

    /// The number; 0 is "none".
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Takes a number back that [`get`](Self::get) gave.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// The name with this number: `None` for [`NONE`](Self::NONE) and for numbers that were never given out, `overflow` for
    /// [`OVERFLOW`](Self::OVERFLOW). Wait-free.
    #[must_use]
    pub fn resolve(self) -> Option<Name> {
        match self {
            Self::NONE => None,
            Self::OVERFLOW => Some(Name(Repr::Interned(self, "overflow"))),
            _ => TABLE
                .text(self)
                .map(|text| Name(Repr::Interned(self, text))),
        }
    }
}

impl Name {
    /// Interns `text`. Takes a lock: not for the hot path.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(TABLE.intern(text, LIMIT).unwrap_or_else(|| spilled(text)))
    }

    /// Interns `text` only while half of the table is free: for names that may be many, such as origins and principals, so
    /// that they leave room for those that are few.
    #[must_use]
    pub fn one_of_many(text: &str) -> Self {
        Self(
            TABLE
                .intern(text, LIMIT / 2)
                .unwrap_or_else(|| spilled(text)),
        )
    }

    /// How many names of this process found no place in the table.
    #[must_use]
    pub fn overflowed() -> u64 {
        OVERFLOWED.load(Ordering::Relaxed)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Interned(_, text) => text,
            Repr::Spilled(text) => text,
        }
    }

    /// The number of this name, or [`NameId::OVERFLOW`] when the table had no room for it.
    #[must_use]
    pub const fn id(&self) -> NameId {
        match &self.0 {
            Repr::Interned(id, _) => *id,
            Repr::Spilled(_) => NameId::OVERFLOW,
        }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Name {}

impl std::hash::Hash for Name {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

static OVERFLOWED: AtomicU64 = AtomicU64::new(0);

fn spilled(text: &str) -> Repr {
    OVERFLOWED.fetch_add(1, Ordering::Relaxed);
    Repr::Spilled(text.into())
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::new);

type Chunk = Box<[OnceLock<&'static str>]>;

/// Text by number without a lock, number by text under one. Chunks are added and never moved.
struct Table {
    ids: Mutex<HashMap<&'static str, u32>>,
    chunks: Box<[OnceLock<Chunk>]>,
}

impl Table {
    fn new() -> Self {
        let chunks = (0..=LIMIT / CHUNK).map(|_| OnceLock::new()).collect();
        Self {
            ids: Mutex::new(HashMap::new()),
            chunks,
        }
    }

    fn intern(&self, text: &str, limit: usize) -> Option<Repr> {
        if text.len() > MAX_LEN {
            return None;
        }
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((&text, &id)) = ids.get_key_value(text) {
            return Some(Repr::Interned(NameId(id), text));
        }
        if ids.len() >= limit {
            return None;
        }
        let id = u32::try_from(ids.len() + 1).ok()?;
        let text: &'static str = Box::leak(text.into());
        // Each number is given out once, under the lock, so the cell is empty.
        let _already_set = self.cell(id)?.set(text);
        ids.insert(text, id);
        Some(Repr::Interned(NameId(id), text))
    }

    fn text(&self, id: NameId) -> Option<&'static str> {
        let index = id.0 as usize;
        self.chunks
            .get(index / CHUNK)?
            .get()?
            .get(index % CHUNK)?
            .get()
            .copied()
    }

    fn cell(&self, id: u32) -> Option<&OnceLock<&'static str>> {
        let index = id as usize;
        let chunk = self.chunks.get(index / CHUNK)?;
        chunk
            .get_or_init(|| (0..CHUNK).map(|_| OnceLock::new()).collect())
            .get(index % CHUNK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_resolves_to_the_name_it_was_given_for() {
        let name = Name::new("resolve-me");
        assert_eq!(name.id().resolve(), Some(name));
        assert_eq!(NameId::NONE.resolve(), None);
    }

    #[test]
    fn a_full_table_keeps_the_text_and_says_overflow() {
        let table = Table::new();
        assert!(matches!(table.intern("a", 2), Some(Repr::Interned(..))));
        assert!(matches!(table.intern("b", 2), Some(Repr::Interned(..))));
        assert!(table.intern("c", 2).is_none());
        assert!(matches!(
            table.intern("a", 2),
            Some(Repr::Interned(NameId(1), "a"))
        ));
        assert!(
            matches!(table.intern("c", 3), Some(Repr::Interned(..))),
            "those that are few still find room"
        );
        let spilled = Name(Repr::Spilled("c".into()));
        assert_eq!((spilled.as_str(), spilled.id()), ("c", NameId::OVERFLOW));
    }

    #[test]
    fn a_long_text_is_kept_whole_without_a_number() {
        let long = "x".repeat(MAX_LEN + 1);
        let name = Name::new(&long);
        assert_eq!(
            (name.as_str(), name.id()),
            (long.as_str(), NameId::OVERFLOW)
        );
    }
}
