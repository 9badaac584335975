//! Which block the running thread owns.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use crate::arena::Arena;
use crate::block::Block;

thread_local! {
    /// The block that this thread used last and the registry that it is of. Without a destructor on purpose: such a
    /// thread-local is one machine instruction away and may be used until the very end of the thread.
    static LAST: Cell<(u64, Option<&'static Block>)> = const { Cell::new((0, None)) };
    /// All blocks of this thread, handed back when it ends.
    static HELD: Held = const { Held(RefCell::new(Vec::new())) };
}

/// The block to write to, and how.
pub(crate) enum Access {
    Owned(&'static Block),
    Shared(&'static Block),
}

/// This thread's block of the registry.
#[inline]
pub(crate) fn access(id: u64, arena: &Arc<Arena>) -> Access {
    match LAST.try_with(Cell::get) {
        Ok((last, Some(block))) if last == id => Access::Owned(block),
        _ => look_up(arena),
    }
}

#[cold]
#[inline(never)]
fn look_up(arena: &Arc<Arena>) -> Access {
    match held(arena) {
        Some(owned) => Access::Owned(owned.block),
        None => Access::Shared(arena.shared()),
    }
}

/// The block that this thread holds, claimed if need be; `None` when the thread is so near its end that it can hold none.
fn held(arena: &Arc<Arena>) -> Option<Rc<Owned>> {
    let owned = HELD
        .try_with(|held| {
            // Taken only if the allocator itself counts with this registry.
            let mut held = held.0.try_borrow_mut().ok()?;
            if let Some(owned) = held.iter().find(|it| it.id == arena.id) {
                return Some(Rc::clone(owned));
            }
            held.retain(|it| it.arena.strong_count() > 0);
            let owned = Rc::new(Owned::claim(arena));
            held.push(Rc::clone(&owned));
            Some(owned)
        })
        .ok()
        .flatten()?;
    LAST.try_with(|last| last.set((arena.id, Some(owned.block))))
        .ok()?;
    Some(owned)
}

struct Held(RefCell<Vec<Rc<Owned>>>);

impl Drop for Held {
    fn drop(&mut self) {
        // From here on the blocks may belong to other threads. `LAST` has no destructor, so this cannot fail.
        LAST.try_with(|last| last.set((0, None))).ok();
    }
}

/// The right to write to a block, handed back on drop.
struct Owned {
    id: u64,
    block: &'static Block,
    /// Weak, so that a thread does not keep a registry alive that everybody else has dropped.
    arena: Weak<Arena>,
}

impl Owned {
    fn claim(arena: &Arc<Arena>) -> Self {
        Self {
            id: arena.id,
            block: arena.adopt(),
            arena: Arc::downgrade(arena),
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(arena) = self.arena.upgrade() {
            arena.hand_back(self.block);
        }
    }
}

/// This thread's cells in one registry, for callers that keep per-thread state of their own and so save the look-up.
///
/// It stays on the thread that asked for it. As long as one of them is alive the thread's cells are not handed on, so it is
/// safe to keep in a thread-local that is dropped later than this crate's own.
///
/// ```compile_fail
/// let registry = counterfoil_metrics::Registry::new();
/// let block = registry.thread_block();
/// std::thread::spawn(move || drop(block)); // an owner-only cell must not change threads
/// ```
#[derive(Clone)]
pub struct ThreadBlock {
    pub(crate) id: u64,
    pub(crate) block: &'static Block,
    _owned: Rc<Owned>,
}

impl ThreadBlock {
    pub(crate) fn of(arena: &Arc<Arena>) -> Self {
        let owned = held(arena).unwrap_or_else(|| Rc::new(Owned::claim(arena)));
        Self {
            id: owned.id,
            block: owned.block,
            _owned: owned,
        }
    }
}

impl fmt::Debug for ThreadBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadBlock")
            .field("registry", &self.id)
            .finish_non_exhaustive()
    }
}
