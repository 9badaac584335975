//! The story in words: what was asked, and what the layers answered.

use std::io::{self, Write};
use std::time::Duration;

use counterfoil::{Event, FabricEvent, Timestamp};

use super::{Findings, Plan, SealedEvent};

/// What lies no further apart is told together.
const BURST: Duration = Duration::from_secs(1);

/// Tells what a run showed, in the order in which one finds it out. No line is longer than 80 characters.
///
/// # Errors
/// When `out` cannot be written.
pub fn tell(out: &mut impl Write, plan: &Plan, findings: &Findings) -> io::Result<()> {
    let percent = plan.renew_at_percent;
    let (ttl, length) = (plan.ttl.as_secs(), plan.length.as_secs());
    writeln!(
        out,
        "Renewing at {percent} % of {ttl} s, for {length} s of virtual time"
    )?;
    metrics(out, findings)?;
    events(out, findings)?;
    audit(out, findings)
}

fn metrics(out: &mut impl Write, findings: &Findings) -> io::Result<()> {
    let spikes: Vec<_> = findings.spikes().collect();
    let windows = findings.windows.len();
    writeln!(out, "  metrics: is this happening a lot?")?;
    let calm = findings.windows.iter().find(|it| !spikes.contains(it));
    if let Some(p99) = calm.and_then(|window| window.p99) {
        let number = windows - spikes.len();
        writeln!(out, "    read p99 {p99} in {number} of {windows} windows")?;
    }
    for spike in &spikes {
        let Some(p99) = spike.p99 else { continue };
        let (at, expired) = (clock_time(spike.start), spike.expired);
        writeln!(
            out,
            "    {at}      read p99 {p99}, leases_expired +{expired}"
        )?;
    }
    if let Some(apart) = apart(spikes.iter().map(|window| window.start)) {
        writeln!(out, "    the spikes are {apart:.0} s apart")?;
    }
    let expired: u64 = findings.windows.iter().map(|window| window.expired).sum();
    let renewed = findings.renewed;
    writeln!(
        out,
        "    in all: leases_expired {expired}, leases_renewed {renewed}"
    )
}

fn events(out: &mut impl Write, findings: &Findings) -> io::Result<()> {
    let lost = findings.overwritten;
    writeln!(
        out,
        "  events: what was happening around the spike? ({lost} lost by the ring)"
    )?;
    for event in &findings.around_first_spike {
        writeln!(out, "    {}", line(event))?;
    }
    let turnovers = &findings.turnovers;
    let Some(first) = turnovers.first() else {
        return writeln!(out, "    no lease_expired in the ring");
    };
    let of_one: Vec<_> = turnovers
        .iter()
        .filter(|it| it.lease == first.lease)
        .collect();
    let (lease, times) = (first.lease, of_one.len());
    let apart = apart(of_one.iter().map(|it| it.expired)).unwrap_or_default();
    let gap = first.acquired.since(first.expired).as_secs_f64() * 1_000.0;
    writeln!(
        out,
        "    lease {lease}: {times} times expired -> acquired, same holder, {apart:.1} s apart,"
    )?;
    writeln!(
        out,
        "    back after {gap:.0} ms: a late renewal, not a new lease"
    )
}

fn audit(out: &mut impl Write, findings: &Findings) -> io::Result<()> {
    writeln!(out, "  audit: what exactly was sealed, and can I prove it?")?;
    for burst in findings
        .expired
        .chunk_by(|a, b| b.time.since(a.time) < BURST)
    {
        let list = |of: &dyn Fn(&SealedEvent) -> String| {
            burst.iter().map(of).collect::<Vec<_>>().join(", ")
        };
        let records = list(&|sealed| sealed.seq.to_string());
        let leases = list(&|sealed| sealed.lease.map_or_else(String::new, |id| id.to_string()));
        let at = burst
            .first()
            .map_or_else(String::new, |sealed| time(sealed.time));
        writeln!(
            out,
            "    {at}  lease_expired    leases {leases}: records {records}"
        )?;
    }
    let kinds = findings.lease_records.iter();
    let kinds: Vec<_> = kinds
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    writeln!(out, "    in all: {}", kinds.join(", "))?;
    let records = findings.head.seq;
    writeln!(out, "    {records} records verify, up to the anchored head")?;
    let name = findings.signed_by.as_deref().unwrap_or("nobody");
    writeln!(out, "    which is signed by {name}")
}

fn line(event: &Event) -> String {
    let what = match &event.event {
        FabricEvent::LeaseRenewed { ttl_ms, .. } => format!("  for {} s", ttl_ms / 1_000),
        _ => String::new(),
    };
    let lease = event.event.lease_id().map(|lease| lease.to_string());
    format!(
        "{}  {:<15}  lease {}  {}{what}",
        time(event.time),
        event.event.kind_name(),
        lease.unwrap_or_default(),
        event.event.node().map_or("", |node| node.as_str()),
    )
}

/// The mean distance of moments in order, in seconds; nothing when there are fewer than two.
fn apart(mut moments: impl Iterator<Item = Timestamp>) -> Option<f64> {
    let first = moments.next()?;
    let (mut last, mut gaps) = (first, 0_u32);
    for moment in moments {
        (last, gaps) = (moment, gaps + 1);
    }
    (gaps > 0).then(|| (last.since(first) / gaps).as_secs_f64())
}

/// The time of day, to the millisecond: part of `2023-11-14T22:13:20.000000000Z`.
fn time(moment: Timestamp) -> String {
    moment.to_string()[11..23].to_owned()
}

/// The time of day, to the second.
fn clock_time(moment: Timestamp) -> String {
    moment.to_string()[11..19].to_owned()
}
