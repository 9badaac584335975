//! Alerts that the vault raises itself, from its own metrics.

use std::collections::BTreeMap;

use counterfoil::{MetricSnapshot, MetricValue, Timestamp};
use serde::Serialize;

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
    metric: &'static str,
    condition: Condition,
    pub(crate) severity: Severity,
    pub(crate) message: &'static str,
}

/// The rules. One whose metric is not there, such as those about a peer where there is none, holds for nothing.
pub(crate) const RULES: [Rule; 5] = [
    Rule {
        name: "storage-critical",
        metric: "vault.storage.utilization",
        condition: Condition::Above(0.95),
        severity: Severity::Critical,
        message: "Storage critically low",
    },
    Rule {
        name: "storage-warning",
        metric: "vault.storage.utilization",
        condition: Condition::Above(0.80),
        severity: Severity::Warning,
        message: "Storage running low",
    },
    Rule {
        name: "error-rate-high",
        metric: "vault.errors.rate",
        condition: Condition::Above(10.0),
        severity: Severity::Warning,
        message: "High error rate detected",
    },
    Rule {
        name: "replication-lag",
        metric: "vault.replication.lag",
        condition: Condition::Above(300.0),
        severity: Severity::Warning,
        message: "Replication lag exceeds 5 minutes",
    },
    Rule {
        name: "peer-disconnected",
        metric: "vault.network.peers.connected",
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
    /// What has to change by these metrics. Nothing does before it is [noted](Self::note), so that what could not be sealed comes
    /// again.
    pub(crate) fn evaluate(&self, metrics: &MetricSnapshot) -> Vec<Change> {
        let changes = RULES.iter().filter_map(|rule| {
            let value = gauge(metrics, rule.metric);
            let holds = value.is_some_and(|value| rule.holds(value));
            let (since, resolved) = match (self.firing.get(rule.name), holds) {
                (None, true) => (metrics.time, None),
                (Some(since), false) => (*since, Some(metrics.time)),
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

/// The value of a gauge without labels.
fn gauge(metrics: &MetricSnapshot, name: &str) -> Option<f64> {
    let family = metrics.families.iter().find(|it| *it.name == *name)?;
    match family.series.first()?.value {
        MetricValue::Gauge(value) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use counterfoil::metrics::{Gauge, Registry};

    use super::*;
    use crate::metrics::{ERRORS_RATE, NETWORK_PEERS, REPLICATION_LAG, STORAGE_UTILIZATION};

    fn names(changes: &[Change]) -> Vec<&str> {
        changes.iter().map(|change| change.rule.name).collect()
    }

    #[test]
    fn each_alert_fires_beyond_its_limit_and_is_quiet_at_it() {
        let cases = [
            (&STORAGE_UTILIZATION, 0.95, 0.951, "storage-critical"),
            (&STORAGE_UTILIZATION, 0.80, 0.801, "storage-warning"),
            (&ERRORS_RATE, 10.0, 10.1, "error-rate-high"),
            (&REPLICATION_LAG, 300.0, 301.0, "replication-lag"),
            (&NETWORK_PEERS, 1.0, 0.0, "peer-disconnected"),
        ];
        for (metric, quiet, firing, name) in cases {
            let registry = Registry::new();
            let gauge: Gauge = registry.instrument(metric);
            let alerts = Alerts::default();
            let evaluate = |value| {
                gauge.set(value);
                alerts.evaluate(&registry.snapshot(Timestamp::default()))
            };
            assert!(!names(&evaluate(quiet)).contains(&name), "{name}");
            assert!(names(&evaluate(firing)).contains(&name), "{name}");
        }
    }

    #[test]
    fn an_alert_changes_once_and_ends_with_the_time_when_it_began() {
        let registry = Registry::new();
        let peers: Gauge = registry.instrument(&NETWORK_PEERS);
        let mut alerts = Alerts::default();
        let at = |second| registry.snapshot(Timestamp::from_unix_seconds(second));

        peers.set(0.0);
        let changes = alerts.evaluate(&at(1));
        assert_eq!(names(&changes), ["peer-disconnected"]);
        assert_eq!(alerts.evaluate(&at(2)).len(), 1, "nobody has noted it yet");
        alerts.note(&changes[0]);
        assert!(alerts.evaluate(&at(3)).is_empty());
        assert_eq!(alerts.firing().count(), 1);

        peers.set(1.0);
        let changes = alerts.evaluate(&at(9));
        assert_eq!(changes[0].since, Timestamp::from_unix_seconds(1));
        assert_eq!(changes[0].resolved, Some(Timestamp::from_unix_seconds(9)));
        alerts.note(&changes[0]);
        assert_eq!(alerts.firing().count(), 0);
    }

    #[test]
    fn a_vault_without_a_peer_misses_none() {
        let metrics = Registry::new().snapshot(Timestamp::default());
        assert!(Alerts::default().evaluate(&metrics).is_empty());
    }
}
