//! Which records are asked for on a command line.

use clap::Args;
use counterfoil::Timestamp;
use counterfoil_query::Filter;

use crate::failure::Failure;
use crate::moment::Moment;

#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Only the record of this number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..1 << 53))]
    seq: Option<u64>,
    /// Only this kind, such as lease_expired; repeatable
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Only what ended so: success, failure or unknown
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Only what occurred at this time or later
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<Moment>,
    /// Only what occurred at this time or earlier
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<Moment>,
    /// Only this lease
    #[arg(long, value_name = "ID")]
    lease: Option<counterfoil::LeaseId>,
    /// Only this node
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// Only this tenant
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Only this trace, as 32 hexadecimal digits
    #[arg(long, value_name = "ID")]
    trace: Option<counterfoil::TraceId>,
    /// Only this request
    #[arg(long, value_name = "ID")]
    request: Option<counterfoil::RequestId>,
    /// Only this person or service account, by the pseudonym in the records
    #[arg(long, value_name = "PSEUDONYM")]
    principal: Option<String>,
}

impl FilterArgs {
    /// The conditions; relative times count from `now`.
    pub(crate) fn read(&self, now: Timestamp) -> Result<Filter, Failure> {
        let kinds = self.kinds.iter().map(|kind| {
            kind.parse()
                .map_err(|error| Failure::usage(format!("cannot take --kind: {error}")))
        });
        let mut filter = Filter::default();
        (filter.first, filter.last) = (self.seq, self.seq);
        filter.kinds = kinds.collect::<Result<_, _>>()?;
        if let Some(outcome) = &self.outcome {
            filter.set("outcome", outcome).map_err(|_| {
                Failure::usage("cannot take --outcome: it is success, failure or unknown")
            })?;
        }
        filter.since = self.since.map(|moment| moment.seen_from(now));
        filter.until = self.until.map(|moment| moment.seen_from(now));
        filter.lease = self.lease;
        filter.node.clone_from(&self.node);
        filter.tenant.clone_from(&self.tenant);
        filter.trace = self.trace;
        filter.request = self.request;
        filter.principal.clone_from(&self.principal);
        Ok(filter)
    }
}
