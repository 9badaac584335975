//! What the fields of a `tracing` event say.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;

use counterfoil_core::{Attribute, AttributeValue};
use tracing::field::{Field, Visit};

use super::limits::Limits;
use super::span_fields::text_len;
use super::text::{Chain, bounded, push_bounded};

/// One event's message and fields, and room for the line that is made of them. Kept by the thread from event to event, so that
/// only text allocates.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) message: String,
    pub(crate) target: Option<String>,
    pub(crate) fields: Vec<Attribute>,
    pub(crate) dropped: u32,
    /// Bytes of text in message and fields.
    bytes: usize,
    pub(crate) line: String,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Longest buffer that a thread keeps, in bytes.
const KEPT: usize = 64 * 1024;

/// Calls `f` with this thread's scratch, emptied. `None` from within another such call (a field whose `Debug` logs, a writer
/// that does): an event is never handled within another one's handling, so it cannot recur without end.
pub(crate) fn with_scratch<R>(f: impl FnOnce(&mut Scratch) -> R) -> Option<R> {
    let mut f = Some(f);
    let found = SCRATCH.try_with(|scratch| {
        let mut scratch = scratch.try_borrow_mut().ok()?;
        scratch.clear();
        f.take().map(|f| f(&mut scratch))
    });
    match (found, f) {
        (Ok(result), _) => result,
        // Near the end of the thread its scratch is gone.
        (Err(_), Some(f)) => Some(f(&mut Scratch::default())),
        (Err(_), None) => None,
    }
}

impl Scratch {
    fn clear(&mut self) {
        self.message.clear();
        self.target = None;
        self.fields.clear();
        self.dropped = 0;
        self.bytes = 0;
        self.line.clear();
        self.message.shrink_to(KEPT);
        self.line.shrink_to(KEPT);
    }
}

/// Visits an event's fields into a [`Scratch`].
pub(crate) struct EventFields<'a> {
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) limits: &'a Limits,
}

impl EventFields<'_> {
    fn set(&mut self, field: &Field, value: impl FnOnce(&Limits) -> AttributeValue) {
        let scratch = &mut *self.scratch;
        if scratch.fields.len() < self.limits.fields {
            let value = value(self.limits);
            let bytes = scratch.bytes + text_len(&value);
            if bytes <= self.limits.bytes {
                scratch.bytes = bytes;
                scratch.fields.push(Attribute::new(field.name(), value));
                return;
            }
        }
        scratch.dropped = scratch.dropped.saturating_add(1);
    }

    fn text(&mut self, field: &Field, args: fmt::Arguments<'_>) {
        match field.name() {
            "message" => {
                push_bounded(&mut self.scratch.message, self.limits.text, args);
                self.scratch.bytes += self.scratch.message.len();
            }
            // What the bridge from the `log` crate says of the place in the code.
            "log.target" => {
                let mut target = String::new();
                push_bounded(&mut target, self.limits.text, args);
                self.scratch.target = Some(target);
            }
            "log.module_path" | "log.file" => {}
            _ => self.set(field, |limits| match args.as_str() {
                Some(text) if text.len() <= limits.text => AttributeValue::from(text),
                _ => {
                    let mut text = String::new();
                    push_bounded(&mut text, limits.text, args);
                    text.into()
                }
            }),
        }
    }
}

impl Visit for EventFields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, |_| value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, |_| value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() != "log.line" {
            self.set(field, |_| value.into());
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, |_| value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if matches!(
            field.name(),
            "message" | "log.target" | "log.module_path" | "log.file"
        ) {
            self.text(field, format_args!("{value}"));
        } else {
            self.set(field, |limits| bounded(value, limits.text).into());
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, format_args!("{}", Chain(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_within_is_refused_and_what_comes_after_is_not() {
        let within = with_scratch(|outer| {
            outer.message.push_str("outer");
            with_scratch(|_| ()).is_none()
        });
        assert_eq!(within, Some(true));
        assert_eq!(with_scratch(|next| next.message.len()), Some(0));
    }
}
