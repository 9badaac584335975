//! Passing over lines that cannot match, without taking them apart.

use memchr::memmem::Finder;

use crate::Filter;
use crate::index::spelled;

/// Bytes that a record which meets a filter has to have somewhere: each value has one spelling in a record.
#[derive(Debug, Default)]
pub(crate) struct Needles(Vec<Finder<'static>>);

impl Needles {
    pub(crate) fn of(filter: &Filter) -> Self {
        let mut needles = Vec::new();
        let mut member = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                let needle = format!("\"{name}\":\"{}\"", spelled(&value));
                needles.push(Finder::new(needle.as_bytes()).into_owned());
            }
        };
        // What few records have comes first.
        member("request", filter.request.map(|id| id.to_string()));
        member("trace", filter.trace.map(|id| id.to_string()));
        member("lease", filter.lease.map(|id| id.to_string()));
        member("principal", filter.principal.clone());
        member("node", filter.node.clone());
        if let [kind] = filter.kinds.as_slice() {
            member("kind", Some(kind.as_str().to_owned()));
        }
        member("tenant", filter.tenant.clone());
        member(
            "outcome",
            filter.outcome.map(|outcome| outcome.as_str().to_owned()),
        );
        Self(needles)
    }

    /// Whether the line is a record, as far as its ends show, and one that does not meet the filter.
    pub(crate) fn rule_out(&self, line: &[u8]) -> bool {
        !self.0.is_empty()
            && line.starts_with(b"{\"body\":{\"chain\":{\"id\":\"")
            && (line.ends_with(b"\"}\n") || line.ends_with(b"\"}}\n"))
            && self.0.iter().any(|needle| needle.find(line).is_none())
    }
}
