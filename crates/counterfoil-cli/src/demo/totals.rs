//! The closing table: what the manager did, and what each layer says about it.

use std::fmt::Write as _;

use counterfoil::names::{
    CONNECTION_LOST, CONNECTION_RESTORED, Instrument, LEASE_ACQUIRED, LEASE_EXPIRED,
    LEASE_PREEMPTED, LEASE_RELEASED, LEASE_RENEWED, OPERATION_FAILED,
};
use serde::Serialize;

use super::tally::Happening;
use crate::figures::{Bytes, Grouped};

/// One kind of happening in four counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    pub(crate) kind: &'static str,
    pub(crate) manager: u64,
    pub(crate) metrics: u64,
    pub(crate) events: u64,
    pub(crate) audit: u64,
}

/// Everything that the demo says at its end; as JSON it is the document `counterfoil.demo`.
#[derive(Debug, Serialize)]
pub(crate) struct Totals {
    pub(crate) schema: &'static str,
    pub(crate) version: u32,
    pub(crate) agree: bool,
    /// Where they do not agree, a sentence each.
    pub(crate) differences: Vec<String>,
    pub(crate) happenings: Vec<Row>,
    pub(crate) events: EventTotals,
    /// Operations that succeeded; they are in the metrics alone.
    pub(crate) operations: u64,
    pub(crate) bytes: u64,
    /// Records that a thread waited for until they were durable.
    pub(crate) acknowledged: u64,
    pub(crate) seconds: f64,
    pub(crate) head: Option<HeadTotals>,
    pub(crate) dir: String,
    pub(crate) log: String,
    pub(crate) anchor: String,
    pub(crate) vkey: String,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct EventTotals {
    pub(crate) offered: u64,
    /// Written to `events.jsonl`.
    pub(crate) delivered: u64,
    /// Overwritten before they could be written, or refused by the file.
    pub(crate) missed: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct HeadTotals {
    pub(crate) chain: String,
    pub(crate) seq: u64,
    pub(crate) hash: String,
}

/// Where the metrics layer counts a happening.
pub(crate) const fn instrument(happening: Happening) -> &'static Instrument {
    match happening {
        Happening::Allocated => LEASE_ACQUIRED.instrument(),
        Happening::Renewed => LEASE_RENEWED.instrument(),
        Happening::Released => LEASE_RELEASED.instrument(),
        Happening::Expired => LEASE_EXPIRED.instrument(),
        Happening::Preempted => LEASE_PREEMPTED.instrument(),
        Happening::Failed => OPERATION_FAILED.instrument(),
        Happening::Disconnected => CONNECTION_LOST.instrument(),
        Happening::Reconnected => CONNECTION_RESTORED.instrument(),
    }
}

/// Where the layers do not say the same, one sentence each. The ring may have overwritten events before they were drained:
/// it says how many, and then only its sum can be compared.
pub(crate) fn differences(rows: &[Row], events: EventTotals) -> Vec<String> {
    let mut found = Vec::new();
    for row in rows {
        for (layer, count) in [
            ("the metrics", row.metrics),
            ("the audit records", row.audit),
        ] {
            if count != row.manager {
                found.push(format!(
                    "{}: the manager did {}, {layer} say {count}",
                    row.kind, row.manager
                ));
            }
        }
        if events.missed == 0 && row.events != row.manager {
            found.push(format!(
                "{}: the manager did {}, the events say {}",
                row.kind, row.manager, row.events
            ));
        }
    }
    let done: u64 = rows.iter().map(|row| row.manager).sum();
    if events.offered != done {
        found.push(format!(
            "the manager did {done} things, the ring was offered {}",
            events.offered
        ));
    }
    if events.delivered + events.missed != events.offered {
        found.push(format!(
            "of {} events {} were written and {} missed",
            events.offered, events.delivered, events.missed
        ));
    }
    found
}

impl Totals {
    /// The table and what follows from it, for people.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!(
            "{:<24}{:>12}{:>12}{:>12}{:>12}\n",
            "", "manager", "metrics", "events", "audit"
        );
        let mut sum = Row {
            kind: "together",
            manager: 0,
            metrics: 0,
            events: 0,
            audit: 0,
        };
        for row in &self.happenings {
            push_row(&mut text, row);
            sum.manager += row.manager;
            sum.metrics += row.metrics;
            sum.events += row.events;
            sum.audit += row.audit;
        }
        push_row(&mut text, &sum);
        let verdict = if self.agree {
            "The three layers agree with the manager, kind by kind."
        } else {
            "THE LAYERS DISAGREE."
        };
        text.push('\n');
        let mut line = |name: &str, value: String| {
            // Writing to a String cannot fail.
            let _infallible = writeln!(text, "{name:<14}{value}");
        };
        line("agreement", verdict.to_owned());
        line(
            "traffic",
            format!(
                "{} operations, {}: in the metrics alone",
                Grouped(self.operations),
                Bytes(self.bytes)
            ),
        );
        line(
            "events",
            format!(
                "{} offered, {} written, {} missed",
                Grouped(self.events.offered),
                Grouped(self.events.delivered),
                self.events.missed
            ),
        );
        line(
            "durable",
            format!(
                "{} records were waited for until they were on disk",
                Grouped(self.acknowledged)
            ),
        );
        if let Some(head) = &self.head {
            line(
                "head",
                format!("record {} of {}", Grouped(head.seq), head.chain),
            );
            line("", head.hash.clone());
        }
        line("key", self.vkey.clone());
        line("kept in", self.dir.clone());
        text.push_str(&format!(
            "\nNow check the record:\n  counterfoil verify {} --anchor {}\n",
            quoted(&self.log),
            quoted(&self.anchor)
        ));
        text
    }
}

fn push_row(text: &mut String, row: &Row) {
    // Writing to a String cannot fail.
    let _infallible = writeln!(
        text,
        "{:<24}{:>12}{:>12}{:>12}{:>12}",
        row.kind,
        Grouped(row.manager),
        Grouped(row.metrics),
        Grouped(row.events),
        Grouped(row.audit)
    );
}

/// A path as a shell takes it.
pub(crate) fn quoted(path: &str) -> String {
    let plain = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '/' | '.' | '-' | '_' | '+' | ':' | '=' | '@' | ',')
    };
    if !path.is_empty() && path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Row = Row {
        kind: "lease_expired",
        manager: 3,
        metrics: 3,
        events: 3,
        audit: 3,
    };
    const EVENTS: EventTotals = EventTotals {
        offered: 3,
        delivered: 3,
        missed: 0,
    };

    #[test]
    fn equal_counts_are_no_difference_and_each_unequal_one_is_named() {
        assert!(differences(&[ROW], EVENTS).is_empty());
        for (row, layer) in [
            (Row { metrics: 2, ..ROW }, "the metrics say 2"),
            (Row { events: 2, ..ROW }, "the events say 2"),
            (Row { audit: 4, ..ROW }, "the audit records say 4"),
        ] {
            let found = differences(&[row], EVENTS);
            assert!(
                found.len() == 1
                    && found[0].starts_with("lease_expired: ")
                    && found[0].contains(layer),
                "{found:?}"
            );
        }
    }

    #[test]
    fn missed_events_are_accepted_only_where_the_ring_declares_them() {
        let row = Row { events: 1, ..ROW };
        assert!(
            differences(
                &[row],
                EventTotals {
                    offered: 3,
                    delivered: 1,
                    missed: 2
                }
            )
            .is_empty()
        );
        assert_eq!(
            differences(
                &[row],
                EventTotals {
                    offered: 3,
                    delivered: 1,
                    missed: 1
                }
            )
            .len(),
            1
        );
        assert_eq!(
            differences(
                &[ROW],
                EventTotals {
                    offered: 2,
                    delivered: 2,
                    missed: 0
                }
            )
            .len(),
            1
        );
    }

    #[test]
    fn paths_are_quoted_where_a_shell_needs_it() {
        assert_eq!(quoted("/tmp/demo-1/audit"), "/tmp/demo-1/audit");
        assert_eq!(quoted("/tmp/it's here"), r"'/tmp/it'\''s here'");
    }
}
