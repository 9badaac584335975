//! What a vault measures, under the names that its dashboard and its alerts know.

use counterfoil::metrics::{
    By, Counter, Family, Gauge, Histogram, Registry, UpDownCounter, label_values,
};

use crate::errors::CATALOGUE;

/// Upper bounds of latencies in seconds: 1 ms to 10 s.
const LATENCY_SECONDS: &[f64] = &[
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

counterfoil::instruments! {
    /// Everything that a vault measures of its own work.
    pub TABLE: prefix "vault.", labels ["alert", "principal", "result", "type"];

    /// What the objects hold.
    STORAGE_USED: Gauge("vault.storage.used", "By", []);
    /// What there is still room for: up to the capacity, or on the file system.
    STORAGE_AVAILABLE: Gauge("vault.storage.available", "By", []);
    /// Share of the capacity that is used, from 0 to 1.
    STORAGE_UTILIZATION: Gauge("vault.storage.utilization", "1", []);
    /// Objects in the vault.
    STORAGE_OBJECTS: Gauge("vault.storage.objects", "{object}", []);

    /// Objects that were put, those that were there before among them.
    CAS_PUT: Counter("vault.cas.put", "{operation}", []);
    /// What was put.
    CAS_PUT_IO: Counter("vault.cas.put.io", "By", []);
    /// How long a put took, until the object and its entry were on stable storage.
    CAS_PUT_DURATION: Histogram("vault.cas.put.duration", "s", [], bounds: LATENCY_SECONDS, ceiling: 3600.0);
    /// Objects that were got.
    CAS_GET: Counter("vault.cas.get", "{operation}", []);
    /// What was got.
    CAS_GET_IO: Counter("vault.cas.get.io", "By", []);
    /// How long a get took, verification included.
    CAS_GET_DURATION: Histogram("vault.cas.get.duration", "s", [], bounds: LATENCY_SECONDS, ceiling: 3600.0);
    /// Puts and gets of each principal; the label is a pseudonym.
    CAS_OPERATIONS: Counter("vault.cas.operations", "{operation}", ["principal"]);

    /// Queries of the soup.
    SOUP_QUERIES: Counter("vault.soup.queries", "{query}", []);
    /// How long a query took.
    SOUP_QUERIES_DURATION: Histogram("vault.soup.queries.duration", "s", [], bounds: LATENCY_SECONDS, ceiling: 3600.0);
    /// Size of the index.
    SOUP_INDEX_SIZE: Gauge("vault.soup.index.size", "By", []);

    /// Connections to this vault that are open.
    NETWORK_CONNECTIONS: UpDownCounter("vault.network.connections.active", "{connection}", []);
    /// What went out over connections to this vault.
    NETWORK_SENT: Counter("vault.network.sent", "By", []);
    /// What came in over connections to this vault.
    NETWORK_RECEIVED: Counter("vault.network.received", "By", []);
    /// Peers that answered when they were last asked; only where there is a peer.
    NETWORK_PEERS: Gauge("vault.network.peers.connected", "{peer}", []);

    /// Age of the oldest object that the peer does not have; 0 when there is none. Only where there is a peer.
    REPLICATION_LAG: Gauge("vault.replication.lag", "s", []);
    /// Objects that the peer does not have. Only where there is a peer.
    REPLICATION_PENDING: Gauge("vault.replication.objects.pending", "{object}", []);
    /// Those of them that were set aside, because they cannot be given to it. Only where there is a peer.
    REPLICATION_SET_ASIDE: Gauge("vault.replication.objects.set_aside", "{object}", []);
    /// Attempts to give an object to the peer.
    REPLICATION_ATTEMPTS: Counter("vault.replication.attempts", "{attempt}", ["result"]);

    /// Requests that were answered with an error, by its code.
    ERRORS: Counter("vault.errors", "{error}", ["type"]);
    /// Errors a second within the last minute.
    ERRORS_RATE: Gauge("vault.errors.rate", "{error}/s", []);

    /// 1 while an alert is firing, 0 otherwise, as the vault itself sees it.
    ALERTS_FIRING: Gauge("vault.alerts.firing", "{alert}", ["alert"]);
    /// Snapshots of the metrics that were stored in the vault.
    SNAPSHOTS: Counter("vault.snapshots", "{snapshot}", ["result"]);
    /// Objects whose time had come and that were removed.
    GC_REMOVED: Counter("vault.gc.removed", "{object}", []);
}

label_values! {
    /// How an attempt ended.
    pub(crate) enum Attempt {
        Ok = "ok",
        Error = "error",
    }
}

/// The instruments of a vault. Every series is there from the start, at zero; what is read when somebody looks is in
/// the health checks.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) put: Counter,
    pub(crate) put_bytes: Counter,
    pub(crate) put_duration: Histogram,
    pub(crate) get: Counter,
    pub(crate) get_bytes: Counter,
    pub(crate) get_duration: Histogram,
    pub(crate) operations: Family<Counter>,
    pub(crate) queries: Counter,
    pub(crate) queries_duration: Histogram,
    pub(crate) connections: UpDownCounter,
    pub(crate) sent: Counter,
    pub(crate) received: Counter,
    pub(crate) replications: By<Attempt, Counter>,
    errors: Family<Counter>,
    pub(crate) alerts_firing: Family<Gauge>,
    pub(crate) snapshots: By<Attempt, Counter>,
    pub(crate) gc_removed: Counter,
}

impl Metrics {
    /// Registers the instruments.
    pub(crate) fn new(registry: &Registry) -> Self {
        let errors: Family<Counter> = registry.family(&ERRORS);
        for code in CATALOGUE {
            errors.with(&[code.as_str()]).add(0);
        }
        Self {
            put: registry.instrument(&CAS_PUT),
            put_bytes: registry.instrument(&CAS_PUT_IO),
            put_duration: registry.instrument(&CAS_PUT_DURATION),
            get: registry.instrument(&CAS_GET),
            get_bytes: registry.instrument(&CAS_GET_IO),
            get_duration: registry.instrument(&CAS_GET_DURATION),
            operations: registry.family(&CAS_OPERATIONS),
            queries: registry.instrument(&SOUP_QUERIES),
            queries_duration: registry.instrument(&SOUP_QUERIES_DURATION),
            connections: registry.instrument(&NETWORK_CONNECTIONS),
            sent: registry.instrument(&NETWORK_SENT),
            received: registry.instrument(&NETWORK_RECEIVED),
            replications: registry.by(&REPLICATION_ATTEMPTS),
            errors,
            alerts_firing: registry.family(&ALERTS_FIRING),
            snapshots: registry.by(&SNAPSHOTS),
            gc_removed: registry.instrument(&GC_REMOVED),
        }
    }

    /// A request was answered with this entry of the catalogue.
    pub(crate) fn failed(&self, code: &'static str) {
        self.errors.with(&[code]).increment();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_keep_the_rules_and_are_those_that_the_readme_lists() {
        assert_eq!(TABLE.check(), []);
        let readme = include_str!("../README.md");
        for row in TABLE.instruments {
            let name = row.prometheus_name();
            assert!(readme.contains(&format!("`{name}`")), "{name}");
        }
    }
}
