//! A walk over the texts of a record, each with its place.

use std::fmt::Write;

use crate::{AuditInput, Object, Text, Value};

/// Visits texts and knows the JSON pointer of each (RFC 6901, from the body).
pub(crate) struct Texts<'a> {
    pointer: String,
    visit: &'a mut dyn FnMut(&str, &mut Text),
}

impl<'a> Texts<'a> {
    /// Every member of type text of `input`, and every text of an extension's data.
    pub(crate) fn of(input: &mut AuditInput, visit: &'a mut dyn FnMut(&str, &mut Text)) {
        let mut texts = Self {
            pointer: String::new(),
            visit,
        };
        texts.within("event", |texts| {
            texts.within("data", |texts| input.data.texts(texts));
        });
        texts.within("keys", |texts| texts.maybe("node", &mut input.keys.node));
        let who = &mut input.who;
        texts.within("who", |texts| {
            texts.maybe("from", &mut who.from);
            texts.maybe("principal", &mut who.principal);
            texts.maybe("tag", &mut who.tag);
            texts.maybe("tenant", &mut who.tenant);
            texts.maybe("workload", &mut who.workload);
        });
    }

    /// Visits what stands in the member `key`.
    pub(crate) fn within(&mut self, key: &str, visit: impl FnOnce(&mut Self)) {
        let len = self.pointer.len();
        self.pointer.push('/');
        for char in key.chars() {
            match char {
                '~' => self.pointer.push_str("~0"),
                '/' => self.pointer.push_str("~1"),
                plain => self.pointer.push(plain),
            }
        }
        visit(self);
        self.pointer.truncate(len);
    }

    /// Visits the text at this place.
    pub(crate) fn text(&mut self, text: &mut Text) {
        (self.visit)(&self.pointer, text);
    }

    fn maybe(&mut self, key: &str, text: &mut Option<Text>) {
        if let Some(text) = text {
            self.within(key, |texts| texts.text(text));
        }
    }

    /// Visits the texts of an object at this place.
    pub(crate) fn object(&mut self, object: &mut Object) {
        for (key, value) in object.values_mut() {
            self.within(key, |texts| texts.value(value));
        }
    }

    fn value(&mut self, value: &mut Value) {
        match value {
            Value::Text(text) => self.text(text),
            Value::Object(object) => self.object(object),
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    let len = self.pointer.len();
                    // Writing to a string cannot fail.
                    write!(self.pointer, "/{index}").ok();
                    self.value(item);
                    self.pointer.truncate(len);
                }
            }
            Value::Integer(_) | Value::Bool(_) => {}
        }
    }
}
