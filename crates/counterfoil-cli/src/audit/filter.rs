//! Which records are asked for.

use counterfoil::audit::{AuditEventKind, AuditRecord, Text};
use counterfoil::{LeaseId, RequestId, Timestamp, TraceId};

use crate::args::QueryArgs;
use crate::failure::Failure;

/// Conditions that a record has to meet, every one of them; of several kinds it has to be one.
#[derive(Debug)]
pub(super) struct Filter {
    seq: Option<u64>,
    kinds: Vec<AuditEventKind>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    lease: Option<LeaseId>,
    node: Option<String>,
    tenant: Option<String>,
    trace: Option<TraceId>,
    request: Option<RequestId>,
}

impl Filter {
    /// The conditions on the command line; relative times count from `now`.
    pub(super) fn of(args: &QueryArgs, now: Timestamp) -> Result<Self, Failure> {
        let kinds = args.kinds.iter().map(|kind| {
            kind.parse()
                .map_err(|error| Failure::usage(format!("cannot take --kind: {error}")))
        });
        Ok(Self {
            seq: args.seq,
            kinds: kinds.collect::<Result<_, _>>()?,
            since: args.since.map(|moment| moment.seen_from(now)),
            until: args.until.map(|moment| moment.seen_from(now)),
            lease: args.lease,
            node: args.node.clone(),
            tenant: args.tenant.clone(),
            trace: args.trace,
            request: args.request,
        })
    }

    /// Times are those at which things occurred, not those at which they were sealed.
    pub(super) fn matches(&self, record: &AuditRecord) -> bool {
        let (keys, who, time) = (record.keys(), record.who(), record.src().time);
        self.seq.is_none_or(|seq| record.seq() == seq)
            && (self.kinds.is_empty() || self.kinds.contains(record.kind()))
            && self.since.is_none_or(|since| time >= since)
            && self.until.is_none_or(|until| time <= until)
            && is(self.lease.as_ref(), keys.lease.as_ref())
            && is(self.trace.as_ref(), keys.trace.as_ref())
            && is(self.request.as_ref(), keys.request.as_ref())
            && is(
                self.node.as_deref(),
                keys.node.as_ref().and_then(Text::as_str),
            )
            && is(
                self.tenant.as_deref(),
                who.tenant.as_ref().and_then(Text::as_str),
            )
    }
}

fn is<T: PartialEq + ?Sized>(wanted: Option<&T>, found: Option<&T>) -> bool {
    wanted.is_none() || wanted == found
}
