//! The answer for people.

use counterfoil::Timestamp;
use counterfoil::audit::verify::Verdict;
use counterfoil_query::replay::{
    Contradiction, Ground, Held, HeldLease, History, HistoryStep, State, Uncertainty,
};

use crate::audit::reading;
use crate::wrap::Paragraph;

/// Leases, steps, contradictions and uncertainties that are listed each; JSON has them all.
const LISTED: usize = 200;

/// The history of a lease, at most 80 columns wide. What comes out of records is escaped.
pub(super) fn history(history: &History) -> String {
    let mut text = Lines::default();
    let outcome = match history.state {
        State::Unknown => "no record says that it was granted".to_owned(),
        State::Held => "held at the end of the log".to_owned(),
        State::Ended(change) => change.as_str().to_owned(),
    };
    text.line(
        "",
        &format!("lease {}: {outcome}, {}", history.lease, history.standing),
    );
    ground(&mut text, &history.ground);
    for step in history.steps.iter().take(LISTED) {
        one_step(&mut text, step);
    }
    more(
        &mut text,
        history.steps.len() as u64 + history.steps_left_out,
        "records",
    );
    contradictions(
        &mut text,
        &history.contradictions,
        history.contradictions_left_out,
    );
    uncertainties(&mut text, &history.uncertainties);
    text.0
}

/// The leases held at a moment.
pub(super) fn held(held: &Held) -> String {
    let mut text = Lines::default();
    let certain = held
        .leases
        .iter()
        .filter(|lease| lease.is_certain())
        .count();
    let open = held.leases.len() - certain;
    let mut what = format!("{certain} leases held at {}", held.at);
    if open > 0 {
        what.push_str(&format!(", and {open} that may have been"));
    }
    text.line("", &format!("{what}; {}", held.standing));
    ground(&mut text, &held.ground);
    for lease in held.leases.iter().take(LISTED) {
        one_lease(&mut text, lease, held.at);
    }
    more(&mut text, held.leases.len() as u64, "leases");
    contradictions(
        &mut text,
        &held.contradictions,
        held.contradictions_left_out,
    );
    uncertainties(&mut text, &held.uncertainties);
    text.0
}

/// Lines, each wrapped and escaped.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, label: &str, text: &str) {
        self.0.push_str(&Paragraph::new(label, text).to_string());
    }

    fn item(&mut self, name: &str, text: &str) {
        self.line(&format!("  {name:<12} "), text);
    }

    fn note(&mut self, text: &str) {
        self.line("               ", text);
    }
}

fn ground(text: &mut Lines, ground: &Ground) {
    let report = &ground.report;
    text.item("log", &format!("{}: {}", report.verdict, report.log));
    match &report.trusted {
        Some(head) => text.item(
            "anchored to",
            &format!("record {} of {}", head.seq, head.chain),
        ),
        None => text.item("anchored to", "nothing: no trusted head was given"),
    }
    if !matches!(report.verdict, Verdict::Valid) {
        for failure in report.failures.iter().take(3) {
            text.item("finding", &format!("{} {failure}", failure.reason.code()));
        }
        text.item(
            "next",
            &format!("counterfoil verify {}, for all findings", report.log),
        );
    }
}

fn one_step(text: &mut Lines, it: &HistoryStep) {
    let step = &it.step;
    text.item(
        &format!("record {}", step.place.seq),
        &format!("{} {} ({})", step.place.time, step.kind, it.standing),
    );
    let mut said = vec![format!("{}", step.outcome), it.state.as_str().to_owned()];
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            said.push(format!("{name} {value}"));
        }
    };
    add("node", step.node.as_ref().map(reading::text));
    add("tenant", step.tenant.as_ref().map(reading::text));
    add("resource", step.resource.map(|it| it.as_str().to_owned()));
    add("bytes", step.bytes.map(|it| it.to_string()));
    add("ttl", step.ttl_ms.map(|it| format!("{it} ms")));
    add("for lease", step.by_lease.map(|it| it.to_string()));
    add("because", step.reason.as_ref().map(reading::text));
    text.note(&said.join(", "));
}

fn one_lease(text: &mut Lines, lease: &HeldLease, at: Timestamp) {
    let since = lease.since.map_or_else(
        || "granted by no record".to_owned(),
        |place| format!("since {}, record {}", place.time, place.seq),
    );
    text.item(
        &format!("lease {}", lease.lease),
        &format!("{since} ({})", lease.standing),
    );
    let mut said = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            said.push(format!("{name} {value}"));
        }
    };
    add("node", lease.node.as_ref().map(reading::text));
    add("tenant", lease.tenant.as_ref().map(reading::text));
    add("resource", lease.resource.map(|it| it.as_str().to_owned()));
    add("bytes", lease.bytes.map(|it| it.to_string()));
    if let Some((change, place)) = lease.next {
        let next = format!("at {}, record {}", place.time, place.seq);
        add(change.as_str(), Some(next));
    }
    if lease.is_overdue(at) {
        add("overdue since", lease.deadline.map(|it| it.to_string()));
    }
    if !said.is_empty() {
        text.note(&said.join(", "));
    }
    if !lease.is_certain() {
        let why: Vec<_> = lease.doubts.iter().map(|why| why.words()).collect();
        text.note(&format!("may not have been held: {}", why.join("; ")));
    }
}

fn contradictions(text: &mut Lines, found: &[Contradiction], left_out: u64) {
    for it in found.iter().take(LISTED) {
        let mut what = format!(
            "lease {}: {}, record {}",
            it.lease,
            it.conflict.words(),
            it.place.seq
        );
        if let Some(against) = it.against {
            what.push_str(&format!(" against record {}", against.seq));
        }
        if it.may_be_explained {
            what.push_str("; records that are missing could explain it");
        }
        text.item("contradicts", &what);
    }
    more(text, found.len() as u64 + left_out, "contradictions");
}

fn uncertainties(text: &mut Lines, found: &[Uncertainty]) {
    for it in found.iter().take(LISTED) {
        let when = match (it.from, it.to) {
            (Some(from), Some(to)) => format!("{from} to {to}"),
            (Some(from), None) => format!("after {from}"),
            (None, Some(to)) => format!("before {to}"),
            (None, None) => "at all times".to_owned(),
        };
        text.item("uncertain", &format!("{when}: {}", it.cause.words()));
    }
    more(text, found.len() as u64, "uncertainties");
}

fn more(text: &mut Lines, count: u64, what: &str) {
    let left = count.saturating_sub(LISTED as u64);
    if left > 0 {
        text.line(
            "",
            &format!("and {left} more {what}; --output json has them"),
        );
    }
}
