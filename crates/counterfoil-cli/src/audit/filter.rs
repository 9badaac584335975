//! Which records are asked for on a command line.

use counterfoil::Timestamp;
use counterfoil_query::Filter;

use crate::args::QueryArgs;
use crate::failure::Failure;

/// The conditions on the command line; relative times count from `now`.
pub(super) fn of(args: &QueryArgs, now: Timestamp) -> Result<Filter, Failure> {
    let kinds = args.kinds.iter().map(|kind| {
        kind.parse()
            .map_err(|error| Failure::usage(format!("cannot take --kind: {error}")))
    });
    let mut filter = Filter::default();
    (filter.first, filter.last) = (args.seq, args.seq);
    filter.kinds = kinds.collect::<Result<_, _>>()?;
    filter.since = args.since.map(|moment| moment.seen_from(now));
    filter.until = args.until.map(|moment| moment.seen_from(now));
    filter.lease = args.lease;
    filter.node.clone_from(&args.node);
    filter.tenant.clone_from(&args.tenant);
    filter.trace = args.trace;
    filter.request = args.request;
    Ok(filter)
}
