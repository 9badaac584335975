//! Events as a fixed number of words: what the ring stores and what the audit queue carries.
//!
//! | word | content, lowest bits first |
//! |---|---|
//! | 0 | ticks |
//! | 1 | kind 8, resource 8, operation 8, error 8, name or reason 32 |
//! | 2 | lease id |
//! | 3 | tenant 32, node 32 |
//! | 4 | workload 32, principal 32 |
//! | 5 | accounting tag 32, origin 32 |
//! | 6, 7 | trace id |
//! | 8 | span id |
//! | 9 | request id length 8, trace flags 8, presence 8 |
//! | 10 | bytes, ttl or value |
//! | 11 | elapsed nanoseconds or the lease that took over |
//! | 12–19 | request id, as many words as it needs |

use crate::{
    AccountingTag, Context, ExtensionKind, FabricError, FabricEvent, LeaseId, Name, NameId, OpType,
    RequestId, ResourceType, SpanId, Ticks, TraceContext, TraceId, WorkloadIdentity,
};

/// Size of an encoded event, in words of 64 bits.
pub const EVENT_WORDS: usize = 20;
const FIXED: usize = 12;

const HAS_LEASE: u64 = 1 << 16;
const HAS_BY: u64 = 1 << 17;

/// An event and its context in [`EVENT_WORDS`] words. Encoding allocates nothing and takes no lock.
///
/// Names are carried by their number, so the words mean something in this process only. [`is_exact`](Self::is_exact) tells
/// whether every name had one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventWords {
    words: [u64; EVENT_WORDS],
}

impl EventWords {
    /// Encodes `event` under `context`, stamped `ticks`.
    #[must_use]
    #[inline]
    pub fn encode(event: &FabricEvent, context: &Context, ticks: Ticks) -> Self {
        let mut words = context.words().0;
        words[0] = ticks.0;
        let part = Part::of(event);
        words[1] = part.meta;
        words[2] = part.lease;
        words[3] |= u64::from(part.node.get()) << 32;
        words[9] |= part.presence;
        words[10] = part.amount;
        words[11] = part.extra;
        Self { words }
    }

    /// Takes words back that [`used`](Self::used) gave; missing ones count as zero, surplus ones are ignored.
    #[must_use]
    pub fn from_slice(used: &[u64]) -> Self {
        let mut words = [0; EVENT_WORDS];
        let len = used.len().min(EVENT_WORDS);
        words[..len].copy_from_slice(&used[..len]);
        Self { words }
    }

    /// The words that carry something: 12, and those of the request id.
    #[must_use]
    #[inline]
    pub fn used(&self) -> &[u64] {
        let request_len = (self.words[9] & 0xff) as usize;
        &self.words[..EVENT_WORDS.min(FIXED + request_len.div_ceil(8))]
    }

    /// When the event was stamped.
    #[must_use]
    pub const fn ticks(&self) -> Ticks {
        Ticks(self.words[0])
    }

    /// The code of the event's kind: 1 to 5 for a lease acquired, renewed, released, expired and preempted, 6 for an
    /// operation that failed, 7 and 8 for a connection lost and restored, 9 for a custom event; 0 for no event.
    #[must_use]
    pub const fn kind_code(&self) -> u8 {
        (self.words[1] & 0xff) as u8
    }

    /// Whether every name is carried by a number of its own, so that [`decode`](Self::decode) gives back what was encoded.
    #[must_use]
    #[inline]
    pub fn is_exact(&self) -> bool {
        const OVERFLOW: u32 = NameId::OVERFLOW.get();
        let w = &self.words;
        [w[1], w[3], w[4], w[5]]
            .iter()
            .all(|word| high(*word) != OVERFLOW)
            && [w[3], w[4], w[5]].iter().all(|word| low(*word) != OVERFLOW)
    }

    /// The numbers of the names that it carries; those that it does not carry are [`NameId::NONE`].
    pub(crate) fn names(&self) -> [NameId; 7] {
        let w = &self.words;
        let (name, tenant, node) = (high(w[1]), low(w[3]), high(w[3]));
        let (workload, principal) = (low(w[4]), high(w[4]));
        let (tag, from) = (low(w[5]), high(w[5]));
        [name, tenant, node, workload, principal, tag, from].map(NameId::from_raw)
    }

    /// The event and its context; `None` for words that no [`encode`](Self::encode) made.
    #[must_use]
    pub fn decode(&self) -> Option<(FabricEvent, Context)> {
        Some((self.event()?, self.context()?))
    }

    fn context(&self) -> Option<Context> {
        let w = &self.words;
        let identity = WorkloadIdentity {
            tenant: name(low(w[3]))?,
            workload: name(low(w[4])),
            principal: name(high(w[4])),
        };
        let mut context = Context::new(identity);
        if let Some(tag) = name(low(w[5])) {
            context = context.with_tag(tag.into());
        }
        if let Some(from) = name(high(w[5])) {
            context = context.with_from_name(from);
        }
        if let Some(trace) = self.trace() {
            context = context.with_trace(trace);
        }
        if let Some(request) = self.request() {
            context = context.with_request(request);
        }
        Some(context)
    }

    fn trace(&self) -> Option<TraceContext> {
        let mut trace_id = [0; 16];
        trace_id[..8].copy_from_slice(&self.words[6].to_le_bytes());
        trace_id[8..].copy_from_slice(&self.words[7].to_le_bytes());
        Some(TraceContext {
            trace_id: TraceId::from_bytes(trace_id)?,
            span_id: SpanId::from_bytes(self.words[8].to_le_bytes())?,
            flags: (self.words[9] >> 8 & 0xff) as u8,
        })
    }

    pub(crate) fn request(&self) -> Option<RequestId> {
        let len = (self.words[9] & 0xff) as usize;
        let mut bytes = [0; RequestId::MAX_LEN];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(&self.words[FIXED..]) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        RequestId::from_bytes(bytes.get(..len)?)
    }

    fn event(&self) -> Option<FabricEvent> {
        let w = &self.words;
        let [kind, resource, op, error, ..] = w[1].to_le_bytes();
        let lease_id = LeaseId(w[2]);
        let maybe_lease = (w[9] & HAS_LEASE != 0).then_some(lease_id);
        let maybe_node = name(high(w[3]));
        let node = maybe_node.clone();
        let resource_type = ResourceType::from_index(usize::from(resource))?;
        Some(match kind {
            1 => FabricEvent::LeaseAcquired {
                resource_type,
                lease_id,
                node: node?,
                bytes: w[10],
            },
            2 => FabricEvent::LeaseRenewed {
                resource_type,
                lease_id,
                node: node?,
                ttl_ms: w[10],
            },
            3 => FabricEvent::LeaseReleased {
                resource_type,
                lease_id,
                node: node?,
            },
            4 => FabricEvent::LeaseExpired {
                resource_type,
                lease_id,
                node: node?,
            },
            5 => FabricEvent::LeasePreempted {
                resource_type,
                lease_id,
                node: node?,
                by: (w[9] & HAS_BY != 0).then_some(LeaseId(w[11])),
                reason: name(high(w[1]))?,
            },
            6 => FabricEvent::OperationFailed {
                op: OpType::from_index(usize::from(op))?,
                error: FabricError::from_index(usize::from(error))?,
                lease_id: maybe_lease,
                node: maybe_node,
                bytes: w[10],
                elapsed_ns: w[11],
            },
            7 => FabricEvent::Disconnected {
                node: node?,
                reason: name(high(w[1]))?,
            },
            8 => FabricEvent::Reconnected { node: node? },
            9 => FabricEvent::Custom {
                kind: ExtensionKind::decoded(name(high(w[1]))?),
                lease_id: maybe_lease,
                node: maybe_node,
                value: w[10],
            },
            _ => return None,
        })
    }
}

/// What an event alone contributes to the words.
#[derive(Default)]
struct Part {
    meta: u64,
    lease: u64,
    node: NameId,
    presence: u64,
    amount: u64,
    extra: u64,
}

impl Part {
    #[inline]
    fn of(event: &FabricEvent) -> Self {
        match event {
            FabricEvent::LeaseAcquired {
                resource_type,
                lease_id,
                node,
                bytes,
            } => Self::lease(1, *resource_type, *lease_id, node).amount(*bytes),
            FabricEvent::LeaseRenewed {
                resource_type,
                lease_id,
                node,
                ttl_ms,
            } => Self::lease(2, *resource_type, *lease_id, node).amount(*ttl_ms),
            FabricEvent::LeaseReleased {
                resource_type,
                lease_id,
                node,
            } => Self::lease(3, *resource_type, *lease_id, node),
            FabricEvent::LeaseExpired {
                resource_type,
                lease_id,
                node,
            } => Self::lease(4, *resource_type, *lease_id, node),
            FabricEvent::LeasePreempted {
                resource_type,
                lease_id,
                node,
                by,
                reason,
            } => {
                let part = Self::lease(5, *resource_type, *lease_id, node).named(reason);
                match by {
                    Some(by) => Self {
                        extra: by.0,
                        presence: part.presence | HAS_BY,
                        ..part
                    },
                    None => part,
                }
            }
            FabricEvent::OperationFailed {
                op,
                error,
                lease_id,
                node,
                bytes,
                elapsed_ns,
            } => {
                let meta = 6 | (*op as u64) << 16 | (*error as u64) << 24;
                Self {
                    meta,
                    extra: *elapsed_ns,
                    ..Self::default()
                }
                .about(*lease_id, node.as_ref())
                .amount(*bytes)
            }
            FabricEvent::Disconnected { node, reason } => Self {
                meta: 7,
                ..Self::default()
            }
            .about(None, Some(node))
            .named(reason),
            FabricEvent::Reconnected { node } => Self {
                meta: 8,
                ..Self::default()
            }
            .about(None, Some(node)),
            FabricEvent::Custom {
                kind,
                lease_id,
                node,
                value,
            } => Self {
                meta: 9,
                ..Self::default()
            }
            .about(*lease_id, node.as_ref())
            .named(kind.name())
            .amount(*value),
        }
    }

    #[inline]
    fn lease(kind: u64, resource: ResourceType, lease: LeaseId, node: &Name) -> Self {
        Self {
            meta: kind | (resource as u64) << 8,
            ..Self::default()
        }
        .about(Some(lease), Some(node))
    }

    #[inline]
    fn about(self, lease: Option<LeaseId>, node: Option<&Name>) -> Self {
        Self {
            lease: lease.map_or(0, |lease| lease.0),
            presence: self.presence | if lease.is_some() { HAS_LEASE } else { 0 },
            node: node.map_or(NameId::NONE, Name::id),
            ..self
        }
    }

    #[inline]
    fn named(self, name: &Name) -> Self {
        Self {
            meta: self.meta | u64::from(name.id().get()) << 32,
            ..self
        }
    }

    #[inline]
    fn amount(self, amount: u64) -> Self {
        Self { amount, ..self }
    }
}

/// A context's share of the words, encoded when the context is built.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ContextWords([u64; EVENT_WORDS]);

impl ContextWords {
    pub(crate) fn encode(context: &Context) -> Self {
        let id = |name: Option<&Name>| name.map_or(0, |name| u64::from(name.id().get()));
        let identity = context.identity();
        let mut words = [0; EVENT_WORDS];
        words[3] = id(Some(&identity.tenant));
        words[4] = id(identity.workload.as_ref()) | id(identity.principal.as_ref()) << 32;
        words[5] = id(context.tag().map(AccountingTag::name)) | id(context.from()) << 32;
        if let Some(trace) = context.trace() {
            let (first, second) = trace.trace_id.as_bytes().split_at(8);
            words[6] = le_word(first);
            words[7] = le_word(second);
            words[8] = le_word(trace.span_id.as_bytes());
            words[9] |= u64::from(trace.flags) << 8;
        }
        if let Some(request) = context.request() {
            let text = request.as_str().as_bytes();
            words[9] |= text.len() as u64;
            for (word, chunk) in words[FIXED..].iter_mut().zip(text.chunks(8)) {
                *word = le_word(chunk);
            }
        }
        Self(words)
    }
}

/// Up to eight bytes as a little-endian word.
fn le_word(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |word, byte| word << 8 | u64::from(*byte))
}

const fn low(word: u64) -> u32 {
    word as u32
}

const fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

fn name(raw: u32) -> Option<Name> {
    NameId::from_raw(raw).resolve()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pseudonym;

    fn contexts() -> Vec<Context> {
        let bare = Context::new(WorkloadIdentity::tenant_only("acme"));
        let identity = WorkloadIdentity::tenant_only("acme")
            .with_workload("train")
            .with_principal(&Pseudonym::assume("p-17"));
        let full = Context::new(identity)
            .with_tag(AccountingTag::new("search/batch"))
            .with_from("10.0.0.7")
            .with_trace(
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                    .parse()
                    .unwrap(),
            )
            .with_request("x".repeat(RequestId::MAX_LEN).parse().unwrap());
        vec![
            bare.clone(),
            bare.with_request("r-1".parse().unwrap()),
            full,
        ]
    }

    fn events() -> Vec<FabricEvent> {
        let (resource_type, lease_id, node) =
            (ResourceType::Net, LeaseId(u64::MAX), Name::new("node-a"));
        vec![
            FabricEvent::LeaseAcquired {
                resource_type,
                lease_id,
                node: node.clone(),
                bytes: 4096,
            },
            FabricEvent::LeaseRenewed {
                resource_type,
                lease_id,
                node: node.clone(),
                ttl_ms: 30_000,
            },
            FabricEvent::LeaseReleased {
                resource_type,
                lease_id,
                node: node.clone(),
            },
            FabricEvent::LeaseExpired {
                resource_type,
                lease_id,
                node: node.clone(),
            },
            FabricEvent::LeasePreempted {
                resource_type,
                lease_id,
                node: node.clone(),
                by: Some(LeaseId(8)),
                reason: Name::new("pressure"),
            },
            FabricEvent::OperationFailed {
                op: OpType::Submit,
                error: FabricError::Internal,
                lease_id: None,
                node: None,
                bytes: 1,
                elapsed_ns: 2,
            },
            FabricEvent::Disconnected {
                node: node.clone(),
                reason: Name::new("reset"),
            },
            FabricEvent::Reconnected { node: node.clone() },
            FabricEvent::Custom {
                kind: "vault.object_put".parse().unwrap(),
                lease_id: None,
                node: Some(node),
                value: 3,
            },
        ]
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for context in contexts() {
            for event in events() {
                let words = EventWords::encode(&event, &context, Ticks(5));
                assert!(words.is_exact());
                let back = EventWords::from_slice(words.used());
                assert_eq!(back.ticks(), Ticks(5));
                assert_eq!(back.decode(), Some((event.clone(), context.clone())));
            }
        }
    }

    #[test]
    fn a_name_without_a_number_is_reported_as_inexact() {
        let long = "n".repeat(1_000);
        let event = FabricEvent::Reconnected {
            node: Name::new(&long),
        };
        let words = EventWords::encode(&event, &contexts()[0], Ticks(0));
        assert!(!words.is_exact());
        let (decoded, _) = words.decode().unwrap();
        assert_eq!(decoded.node().unwrap().as_str(), "overflow");
    }

    #[test]
    fn words_that_nobody_encoded_are_refused() {
        assert_eq!(EventWords::from_slice(&[]).decode(), None);
    }
}
