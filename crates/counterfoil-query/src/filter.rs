//! Which records are asked for.

use counterfoil_audit::{AuditEventKind, AuditRecord, Outcome, Text};
use counterfoil_core::{LeaseId, RequestId, Timestamp, TraceId};

/// Conditions that a record has to meet, every one that is given; of several kinds it has to be one.
///
/// A text that was truncated or is erasable stands in a record as a digest, and no condition on its plain text finds it.
///
/// ```
/// use counterfoil_core::LeaseId;
/// use counterfoil_query::Filter;
///
/// let mut filter = Filter::default();
/// filter.kinds.push("lease_expired".parse()?);
/// filter.lease = Some(LeaseId(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Filter {
    /// The first number.
    pub first: Option<u64>,
    /// The last number; included.
    pub last: Option<u64>,
    /// What the record is about: one of these, or anything if there are none.
    pub kinds: Vec<AuditEventKind>,
    /// How that ended.
    pub outcome: Option<Outcome>,
    /// The earliest time at which it occurred.
    pub since: Option<Timestamp>,
    /// The latest time at which it occurred; included.
    pub until: Option<Timestamp>,
    /// The lease.
    pub lease: Option<LeaseId>,
    /// The node.
    pub node: Option<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// The trace.
    pub trace: Option<TraceId>,
    /// The request.
    pub request: Option<RequestId>,
    /// The pseudonym of the person or service account, as the record has it.
    pub principal: Option<String>,
}

impl Filter {
    /// Whether `record` meets every condition. Times are those at which things occurred, not those at which they were sealed.
    #[must_use]
    pub fn matches(&self, record: &AuditRecord) -> bool {
        let (keys, who, time) = (record.keys(), record.who(), record.src().time);
        self.first.is_none_or(|first| record.seq() >= first)
            && self.last.is_none_or(|last| record.seq() <= last)
            && (self.kinds.is_empty() || self.kinds.contains(record.kind()))
            && self
                .outcome
                .is_none_or(|outcome| record.outcome() == outcome)
            && self.since.is_none_or(|since| time >= since)
            && self.until.is_none_or(|until| time <= until)
            && is(self.lease.as_ref(), keys.lease.as_ref())
            && is(self.trace.as_ref(), keys.trace.as_ref())
            && is(self.request.as_ref(), keys.request.as_ref())
            && says(self.node.as_ref(), keys.node.as_ref())
            && says(self.tenant.as_ref(), who.tenant.as_ref())
            && says(self.principal.as_ref(), who.principal.as_ref())
    }
}

fn is<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
    wanted.is_none() || wanted == found
}

fn says(wanted: Option<&String>, found: Option<&Text>) -> bool {
    wanted.is_none_or(|wanted| found.and_then(Text::as_str) == Some(wanted))
}
