//! Alerts that the vault raises itself, from its own metrics.

use std::collections::BTreeMap;

use counterfoil::Timestamp;
use counterfoil::names::GaugeDef;
use serde::Serialize;

use crate::metrics::{ERRORS_RATE, NETWORK_PEERS, REPLICATION_LAG, STORAGE_UTILIZATION};
use crate::state::Readings;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Somebody has to look now.
    Critical,
    /// Somebody has to look.
    Warning,
}

/// When a value is wrong.
#[derive(Clone, Copy, Debug)]
enum Condition {
    Above(f64),
    Below(f64),
}

/// A metric that is watched.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    metric: GaugeDef,
    condition: Condition,
    pub(crate) severity: Severity,
    pub(crate) message: &'static str,
}

/// The rules. One whose metric is not there, such as those about a peer where there is none, holds for nothing.
pub(crate) const RULES: [Rule; 5] = [
    Rule {
        name: "storage-critical",
        metric: STORAGE_UTILIZATION,
        condition: Condition::Above(0.95),
        severity: Severity::Critical,
        message: "Storage critically low",
    },
    Rule {
        name: "storage-warning",
        metric: STORAGE_UTILIZATION,
        condition: Condition::Above(0.80),
        severity: Severity::Warning,
        message: "Storage running low",
    },
    Rule {
        name: "error-rate-high",
        metric: ERRORS_RATE,
        condition: Condition::Above(10.0),
        severity: Severity::Warning,
        message: "High error rate detected",
    },
    Rule {
        name: "replication-lag",
        metric: REPLICATION_LAG,
        condition: Condition::Above(300.0),
        severity: Severity::Warning,
        message: "Replication lag exceeds 5 minutes",
    },
    Rule {
        name: "peer-disconnected",
        metric: NETWORK_PEERS,
        condition: Condition::Below(1.0),
        severity: Severity::Critical,
        message: "No peers connected",
    },
];

/// An alert that has begun or ended.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) rule: &'static Rule,
    /// When it began.
    pub(crate) since: Timestamp,
    /// When it ended; `None` if it has begun.
    pub(crate) resolved: Option<Timestamp>,
    pub(crate) value: f64,
}

/// Which alerts are firing, and since when.
#[derive(Debug, Default)]
pub(crate) struct Alerts {
    firing: BTreeMap<&'static str, Timestamp>,
}

impl Alerts {
    /// Those that were firing when the vault was stopped.
    pub(crate) fn restored(firing: Vec<(String, Timestamp)>) -> Self {
        let known = |(name, since): (String, Timestamp)| {
            let rule = RULES.iter().find(|rule| rule.name == name)?;
            Some((rule.name, since))
        };
        Self {
            firing: firing.into_iter().filter_map(known).collect(),
        }
    }

    /// What has to change by these gauges. Nothing does before it is [noted](Self::note), so that what could not be sealed comes
    /// again.
    pub(crate) fn evaluate(&self, now: Timestamp, gauges: &Readings) -> Vec<Change> {
        let changes = RULES.iter().filter_map(|rule| {
            let mut gauges = gauges.iter();
            let value = gauges.find_map(|(gauge, value)| (*gauge == rule.metric).then_some(*value));
            let holds = value.is_some_and(|value| rule.holds(value));
            let (since, resolved) = match (self.firing.get(rule.name), holds) {
                (None, true) => (now, None),
                (Some(since), false) => (*since, Some(now)),
                _ => return None,
            };
            Some(Change {
                rule,
                since,
                resolved,
                value: value.unwrap_or(f64::NAN),
            })
        });
        changes.collect()
    }

    pub(crate) fn note(&mut self, change: &Change) {
        match change.resolved {
            None => self.firing.insert(change.rule.name, change.since),
            Some(_) => self.firing.remove(change.rule.name),
        };
    }

    /// The rules whose alerts are firing, in their order.
    pub(crate) fn firing(&self) -> impl Iterator<Item = &'static Rule> + use<'_> {
        RULES
            .iter()
            .filter(|rule| self.firing.contains_key(rule.name))
    }
}

impl Rule {
    fn holds(&self, value: f64) -> bool {
        match self.condition {
            Condition::Above(limit) => value > limit,
            Condition::Below(limit) => value < limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(changes: &[Change]) -> Vec<&str> {
        changes.iter().map(|change| change.rule.name).collect()
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::from_unix_seconds(second)
    }

    #[test]
    fn each_alert_fires_beyond_its_limit_and_is_quiet_at_it() {
        let cases = [
            (STORAGE_UTILIZATION, 0.95, 0.951, "storage-critical"),
            (STORAGE_UTILIZATION, 0.80, 0.801, "storage-warning"),
            (ERRORS_RATE, 10.0, 10.1, "error-rate-high"),
            (REPLICATION_LAG, 300.0, 301.0, "replication-lag"),
            (NETWORK_PEERS, 1.0, 0.0, "peer-disconnected"),
        ];
        for (gauge, quiet, firing, name) in cases {
            let evaluate = |value| Alerts::default().evaluate(at(1), &vec![(gauge, value)]);
            assert!(!names(&evaluate(quiet)).contains(&name), "{name}");
            assert!(names(&evaluate(firing)).contains(&name), "{name}");
        }
    }

    #[test]
    fn an_alert_changes_once_and_ends_with_the_time_when_it_began() {
        let (away, there) = (vec![(NETWORK_PEERS, 0.0)], vec![(NETWORK_PEERS, 1.0)]);
        let mut alerts = Alerts::default();

        let changes = alerts.evaluate(at(1), &away);
        assert_eq!(names(&changes), ["peer-disconnected"]);
        let again = alerts.evaluate(at(2), &away);
        assert_eq!(again.len(), 1, "nobody has noted it yet");
        alerts.note(&changes[0]);
        assert!(alerts.evaluate(at(3), &away).is_empty());
        assert_eq!(alerts.firing().count(), 1);

        let changes = alerts.evaluate(at(9), &there);
        assert_eq!(changes[0].since, at(1));
        assert_eq!(changes[0].resolved, Some(at(9)));
        alerts.note(&changes[0]);
        assert_eq!(alerts.firing().count(), 0);
    }

    #[test]
    fn an_alert_that_is_restored_goes_on_and_ends_even_where_there_is_no_peer_any_more() {
        let restored = |name: &str| Alerts::restored(vec![(name.to_owned(), at(1))]);
        let alerts = restored("peer-disconnected");
        let away = vec![(NETWORK_PEERS, 0.0)];
        assert!(alerts.evaluate(at(5), &away).is_empty());
        let changes = alerts.evaluate(at(9), &Vec::new());
        assert_eq!(
            (changes[0].since, changes[0].resolved),
            (at(1), Some(at(9)))
        );
        assert_eq!(restored("of-a-rule-that-is-gone").firing().count(), 0);
    }

    #[test]
    fn a_vault_without_a_peer_misses_none() {
        assert!(Alerts::default().evaluate(at(1), &Vec::new()).is_empty());
    }
}
