//! Batches as OTLP requests of a bounded size.

mod events;
mod logs;
mod metrics;
mod sealed;
mod spans;
mod starts;
mod values;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use counterfoil_core::Timestamp;
use counterfoil_exporter::Batch;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource as ResourceMessage;
use prost::Message;

use crate::request::Request;
use crate::resource::Resource;
use starts::Starts;

/// Tag and length of a message within another one, at most.
const FRAME: usize = 6;
/// The frames around a resource, and around what it describes.
const ENVELOPE: usize = 4 * FRAME;

/// Makes requests of batches.
#[derive(Debug)]
pub(crate) struct Encoder {
    resource: ResourceMessage,
    max_bytes: usize,
    starts: Mutex<Starts>,
}

/// A request with as many items as it has room for.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// `None` when every item was too large.
    pub(crate) request: Option<Request>,
    /// How many items it has.
    pub(crate) items: u64,
    /// How many items were left out because one alone is too large for a request.
    pub(crate) oversized: u64,
    /// Where the next request goes on.
    pub(crate) end: usize,
}

impl Encoder {
    /// `start` is since when the counts run.
    pub(crate) fn new(resource: &Resource, max_bytes: usize, start: Timestamp) -> Self {
        let attributes = values::attributes(resource.attributes());
        Self {
            resource: ResourceMessage {
                attributes,
                ..ResourceMessage::default()
            },
            max_bytes,
            starts: Mutex::new(Starts::new(start)),
        }
    }

    /// The request that begins with the item `from` of `batch`, or `None` when the batch has no such item.
    pub(crate) fn next(&self, batch: &Batch, from: usize) -> Option<Chunk> {
        let range = from..batch.len();
        if range.is_empty() {
            return None;
        }
        let room = self
            .max_bytes
            .saturating_sub(ENVELOPE + self.resource.encoded_len());
        let resource = || Some(self.resource.clone());
        Some(match batch {
            Batch::Metrics(snapshot) => {
                let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
                starts.advance(snapshot);
                metrics::chunk(snapshot, &starts, range, room, resource)
            }
            Batch::Spans(all) => {
                let span = |at: usize| (all[at].scope, spans::span(&all[at]));
                fill(range, room, span).into_chunk(|scopes| spans::request(resource(), scopes))
            }
            Batch::Logs(all) => {
                let log = |at: usize| (&*all[at].scope, logs::record(&all[at]));
                fill(range, room, log).into_chunk(|scopes| logs::request(resource(), scopes))
            }
            Batch::Events(all) => {
                let event = |at: usize| ("counterfoil.events", events::record(&all[at]));
                fill(range, room, event).into_chunk(|scopes| logs::request(resource(), scopes))
            }
            Batch::Sealed(all) => {
                let line = |at: usize| ("counterfoil.audit", sealed::record(&all[at]));
                fill(range, room, line).into_chunk(|scopes| logs::request(resource(), scopes))
            }
            // A signal of a later version: `signals` does not have it, so it does not come this far.
            _ => return None,
        })
    }
}

/// Items by the scope that recorded them.
type Scopes<'a, T> = BTreeMap<&'a str, Vec<T>>;

struct Filled<'a, T> {
    scopes: Scopes<'a, T>,
    items: u64,
    oversized: u64,
    end: usize,
}

/// Takes items while there is room.
fn fill<'a, T: Message>(
    range: Range<usize>,
    room: usize,
    item: impl Fn(usize) -> (&'a str, T),
) -> Filled<'a, T> {
    let (mut scopes, mut left) = (Scopes::new(), room);
    let (mut items, mut oversized) = (0, 0);
    for at in range.clone() {
        let (scope, item) = item(at);
        let mut size = FRAME + item.encoded_len();
        if !scopes.contains_key(scope) {
            size += 3 * FRAME + scope.len();
        }
        if size <= left {
            left -= size;
            items += 1;
            scopes.entry(scope).or_insert_with(Vec::new).push(item);
        } else if items == 0 {
            oversized += 1;
        } else {
            return Filled {
                scopes,
                items,
                oversized,
                end: at,
            };
        }
    }
    Filled {
        scopes,
        items,
        oversized,
        end: range.end,
    }
}

impl<'a, T> Filled<'a, T> {
    fn into_chunk(self, request: impl FnOnce(Scopes<'a, T>) -> Request) -> Chunk {
        Chunk {
            request: (self.items > 0).then(|| request(self.scopes)),
            items: self.items,
            oversized: self.oversized,
            end: self.end,
        }
    }
}

fn scope(name: &str) -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: name.to_owned(),
        ..InstrumentationScope::default()
    })
}
