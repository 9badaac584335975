//! Warnings, errors and marked events in the observer's ring.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use counterfoil_core::{
    Attribute, AttributeValue, Context, Current, ExtensionKind, FabricEvent, LeaseId, Name, Redact,
};
use tracing::{Level, Metadata};

use super::entered::Stamp;
use crate::Observer;

/// The field that marks an event for the ring. Its value is the event's kind, such as `vault.object_put`.
pub(crate) const MARK: &str = "counterfoil.event";
const VALUE: &str = "counterfoil.value";
const LEASE: &str = "counterfoil.lease_id";
const NODE: &str = "counterfoil.node";

/// Pushes into an observer's ring.
#[derive(Debug)]
pub(crate) struct RingFeed {
    observer: Observer,
    /// The kinds of warnings and errors, by the address of what describes their place in the code.
    kinds: RwLock<HashMap<usize, ExtensionKind>>,
    misnamed: AtomicU64,
}

/// Whether events from this place in the code are for the ring.
pub(crate) fn is_for_ring(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::WARN || metadata.fields().field(MARK).is_some()
}

impl RingFeed {
    pub(crate) fn new(observer: Observer) -> Self {
        Self {
            observer,
            kinds: RwLock::default(),
            misnamed: AtomicU64::new(0),
        }
    }

    /// How many marked events bore a name that is no kind.
    pub(crate) fn misnamed(&self) -> u64 {
        self.misnamed.load(Ordering::Relaxed)
    }

    pub(crate) fn push(
        &self,
        metadata: &'static Metadata<'static>,
        fields: &[Attribute],
        stamp: &Stamp,
        redact: &dyn Redact,
    ) {
        let marked = text(fields, MARK).map(|name| self.marked(name));
        let value = match &marked {
            Some(_) => number(fields, VALUE).unwrap_or_default(),
            None => u64::from(metadata.line().unwrap_or_default()),
        };
        let event = FabricEvent::Custom {
            kind: marked
                .flatten()
                .unwrap_or_else(|| self.kind_of_place(metadata)),
            lease_id: number(fields, LEASE).map(LeaseId),
            node: text(fields, NODE).map(|node| {
                let redacted = redact.redact_value(NODE, node);
                Name::one_of_many(&redacted.map_or(Cow::Borrowed(node), Cow::Owned))
            }),
            value,
        };
        self.observer.events().push(&event, &self.context(stamp));
    }

    /// The kind that the code named; `None`, counted, when what it named is none.
    fn marked(&self, name: &str) -> Option<ExtensionKind> {
        let kind = ExtensionKind::is_valid(name.as_bytes())
            .then(|| ExtensionKind::new(&Name::one_of_many(name)).ok())
            .flatten();
        if kind.is_none() {
            self.misnamed.fetch_add(1, Ordering::Relaxed);
        }
        kind
    }

    fn kind_of_place(&self, metadata: &'static Metadata<'static>) -> ExtensionKind {
        let address = std::ptr::from_ref(metadata).addr();
        let known = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(kind) = known.get(&address) {
            return kind.clone();
        }
        drop(known);
        let kind = kind_of(metadata.level(), metadata.target());
        // As many as there are places in the code: the program bounds them.
        self.kinds
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(address)
            .or_insert(kind)
            .clone()
    }

    /// The task's own context, or the observer's default one, at the place where the event was logged.
    fn context(&self, stamp: &Stamp) -> Context {
        let mut context = Current::get().map_or_else(
            || self.observer.default_context().clone(),
            |context| (*context).clone(),
        );
        if let Some(trace) = stamp.trace {
            context = context.with_trace(trace);
        }
        if let Some(request) = stamp.request {
            context = context.with_request(request);
        }
        context
    }
}

/// `warn.deriva_server_cache` for a warning of the target `deriva_server::cache`.
fn kind_of(level: &Level, target: &str) -> ExtensionKind {
    let namespace = match *level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        _ => "event",
    };
    let mut name = String::from(namespace);
    name.push('.');
    let words = target.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let joined = words.join("_").to_ascii_lowercase();
    if !joined.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.push_str("at_");
    }
    name.push_str(&joined);
    name.truncate(namespace.len() + 64);
    #[expect(
        clippy::expect_used,
        reason = "a word, a dot, and lower-case letters, digits and underscores that begin with a letter"
    )]
    ExtensionKind::new(&Name::new(&name)).expect("the name follows the grammar")
}

fn find<'a>(fields: &'a [Attribute], key: &str) -> Option<&'a AttributeValue> {
    let found = fields.iter().find(|field| field.key == key);
    found.map(|field| &field.value)
}

pub(crate) fn text<'a>(fields: &'a [Attribute], key: &str) -> Option<&'a str> {
    match find(fields, key)? {
        AttributeValue::Text(text) => Some(text),
        _ => None,
    }
}

fn number(fields: &[Attribute], key: &str) -> Option<u64> {
    match find(fields, key)? {
        AttributeValue::Int(number) => u64::try_from(*number).ok(),
        AttributeValue::Text(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_code_has_a_kind_of_its_own() {
        let kind = |level, target| kind_of(&level, target).as_str().to_owned();
        assert_eq!(
            kind(Level::WARN, "deriva_server::cache"),
            "warn.deriva_server_cache"
        );
        assert_eq!(kind(Level::ERROR, "7zip-rs"), "error.at_7zip_rs");
        assert_eq!(kind(Level::INFO, ""), "event.at_");
        assert_eq!(kind(Level::ERROR, &"é::X".repeat(40)).len(), 6 + 63);
    }
}
