//! What the server measures, under the names that its dashboard and its alerts know.

use std::collections::BTreeMap;
use std::time::Duration;

use counterfoil::metrics::{
    By, Counter, Family, Gauge, Histogram, Registry, UpDownCounter, label_values,
};

use crate::proto::deriva_server::SERVICE_NAME;
use crate::rolling::Rolling;

/// Upper bounds in seconds for a call.
const RPC_SECONDS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
/// Upper bounds in seconds for a materialization.
const MATERIALIZE_SECONDS: &[f64] = &[0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];
/// Upper bounds in seconds for one run of a function.
const COMPUTE_SECONDS: &[f64] = &[0.0001, 0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];
/// Upper bounds in seconds for the insertion of a recipe.
const INSERT_SECONDS: &[f64] = &[0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];
/// Upper bounds of sizes: powers of four from 64 B to 64 MiB.
const BYTES: &[f64] = &[
    64.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// Upper bounds of the depth of a graph.
const DEPTH: &[f64] = &[
    0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0,
];

counterfoil::instruments! {
    /// Everything that the server measures of its own work.
    pub TABLE: prefix "deriva.", labels ["function", "method", "result", "status"];

    /// Calls that came to an end.
    RPC: Counter("deriva.rpc", "{call}", ["method", "status"]);
    /// How long a call took, until the last chunk of its answer.
    RPC_DURATION: Histogram("deriva.rpc.duration", "s", ["method"], bounds: RPC_SECONDS, ceiling: 3600.0);
    /// Calls that are being answered.
    RPC_ACTIVE: UpDownCounter("deriva.rpc.active", "{call}", ["method"]);

    /// Addresses that were materialized, inputs of others among them: found in the cache, read or computed, or failed.
    MATERIALIZE: Counter("deriva.materialize", "{materialization}", ["result"]);
    /// How long it took to materialize an address, its inputs included.
    MATERIALIZE_DURATION: Histogram("deriva.materialize.duration", "s", [], bounds: MATERIALIZE_SECONDS, ceiling: 3600.0);
    /// Addresses that are being materialized.
    MATERIALIZE_ACTIVE: UpDownCounter("deriva.materialize.active", "{materialization}", []);
    /// Depth of the graphs below the addresses that were asked for and not cached; 0 for a leaf.
    MATERIALIZE_DEPTH: Histogram("deriva.materialize.depth", "{level}", [], bounds: DEPTH, ceiling: 1e6);

    /// Look-ups in the cache.
    CACHE: Counter("deriva.cache", "{lookup}", ["result"]);
    /// Entries that had to make room for others.
    CACHE_EVICTION: Counter("deriva.cache.eviction", "{entry}", []);
    /// What the entries of the cache hold.
    CACHE_SIZE: Gauge("deriva.cache.size", "By", []);
    /// Entries of the cache.
    CACHE_ENTRIES: Gauge("deriva.cache.entries", "{entry}", []);
    /// Hits among the last 1024 look-ups; NaN before the first.
    CACHE_HIT_RATE: Gauge("deriva.cache.hit_rate", "{hit}/{lookup}", []);

    /// How long a function ran.
    COMPUTE_DURATION: Histogram("deriva.compute.duration", "s", ["function"], bounds: COMPUTE_SECONDS, ceiling: 3600.0);
    /// What went into a function.
    COMPUTE_INPUT: Histogram("deriva.compute.input", "By", ["function"], bounds: BYTES, ceiling: 1e12);
    /// What came out of a function.
    COMPUTE_OUTPUT: Histogram("deriva.compute.output", "By", ["function"], bounds: BYTES, ceiling: 1e12);

    /// Values that were compared with what their address stands for.
    VERIFICATION: Counter("deriva.verification", "{verification}", ["result"]);
    /// Failures among the last 1024 verifications; NaN before the first.
    VERIFICATION_FAILURE_RATE: Gauge("deriva.verification.failure_rate", "{failure}/{verification}", []);

    /// Recipes in the graph.
    DAG_RECIPES: Gauge("deriva.dag.recipes", "{recipe}", []);
    /// How long it took to insert a recipe, the sync included.
    DAG_INSERT_DURATION: Histogram("deriva.dag.insert.duration", "s", [], bounds: INSERT_SECONDS, ceiling: 3600.0);

    /// Blobs in the store, one for each leaf.
    STORAGE_BLOBS: Gauge("deriva.storage.blobs", "{blob}", []);
    /// What the blobs of the store hold.
    STORAGE_BLOB: Gauge("deriva.storage.blob", "By", []);
}

label_values! {
    /// The calls of the service.
    pub(crate) enum Method {
        PutLeaf = "put_leaf",
        PutRecipe = "put_recipe",
        Get = "get",
        Resolve = "resolve",
        Verify = "verify",
        Status = "status",
    }
}

impl Method {
    /// The method that the path of a request names.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        let (service, name) = path.strip_prefix('/')?.split_once('/')?;
        if service != SERVICE_NAME {
            return None;
        }
        Some(match name {
            "PutLeaf" => Self::PutLeaf,
            "PutRecipe" => Self::PutRecipe,
            "Get" => Self::Get,
            "Resolve" => Self::Resolve,
            "Verify" => Self::Verify,
            "Status" => Self::Status,
            _ => return None,
        })
    }
}

label_values! {
    /// How a call ended. A caller that went away made no error.
    pub(crate) enum CallStatus {
        Ok = "ok",
        Error = "error",
        Cancelled = "cancelled",
    }
}

label_values! {
    /// How an address was materialized.
    pub(crate) enum Materialized {
        Hit = "hit",
        Miss = "miss",
        Error = "error",
    }
}

label_values! {
    /// What a look-up in the cache found.
    pub(crate) enum Lookup {
        Hit = "hit",
        Miss = "miss",
    }
}

label_values! {
    /// What a verification found.
    pub(crate) enum Verdict {
        Pass = "pass",
        Fail = "fail",
    }
}

/// The instruments of a server. Every series is there from the start, at zero.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) rpc: By<(Method, CallStatus), Counter>,
    pub(crate) rpc_duration: By<Method, Histogram>,
    pub(crate) rpc_active: By<Method, UpDownCounter>,
    pub(crate) materialize: By<Materialized, Counter>,
    pub(crate) materialize_duration: Histogram,
    pub(crate) materialize_active: UpDownCounter,
    pub(crate) materialize_depth: Histogram,
    cache: By<Lookup, Counter>,
    cache_hit_rate: Rolling,
    pub(crate) cache_eviction: Counter,
    pub(crate) cache_size: Gauge,
    pub(crate) cache_entries: Gauge,
    compute: BTreeMap<String, Compute>,
    verification: By<Verdict, Counter>,
    verification_failure_rate: Rolling,
    pub(crate) dag_recipes: Gauge,
    pub(crate) dag_insert_duration: Histogram,
    pub(crate) storage_blobs: Gauge,
    pub(crate) storage_blob_bytes: Gauge,
}

/// The instruments of one function.
#[derive(Debug)]
struct Compute {
    duration: Histogram,
    input: Histogram,
    output: Histogram,
}

impl Metrics {
    /// Registers the instruments, those of each of `functions` among them.
    pub(crate) fn new<'a>(
        registry: &Registry,
        functions: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let of_functions = |def| -> Family<Histogram> { registry.family(def) };
        let (duration, input, output) = (
            of_functions(&COMPUTE_DURATION),
            of_functions(&COMPUTE_INPUT),
            of_functions(&COMPUTE_OUTPUT),
        );
        let of_function = |name: &str| Compute {
            duration: duration.with(&[name]),
            input: input.with(&[name]),
            output: output.with(&[name]),
        };
        Self {
            rpc: registry.by(&RPC),
            rpc_duration: registry.by(&RPC_DURATION),
            rpc_active: registry.by(&RPC_ACTIVE),
            materialize: registry.by(&MATERIALIZE),
            materialize_duration: registry.instrument(&MATERIALIZE_DURATION),
            materialize_active: registry.instrument(&MATERIALIZE_ACTIVE),
            materialize_depth: registry.instrument(&MATERIALIZE_DEPTH),
            cache: registry.by(&CACHE),
            cache_hit_rate: Rolling::new(registry.instrument(&CACHE_HIT_RATE)),
            cache_eviction: registry.instrument(&CACHE_EVICTION),
            cache_size: registry.instrument(&CACHE_SIZE),
            cache_entries: registry.instrument(&CACHE_ENTRIES),
            compute: functions
                .into_iter()
                .map(|name| (name.to_owned(), of_function(name)))
                .collect(),
            verification: registry.by(&VERIFICATION),
            verification_failure_rate: Rolling::new(
                registry.instrument(&VERIFICATION_FAILURE_RATE),
            ),
            dag_recipes: registry.instrument(&DAG_RECIPES),
            dag_insert_duration: registry.instrument(&DAG_INSERT_DURATION),
            storage_blobs: registry.instrument(&STORAGE_BLOBS),
            storage_blob_bytes: registry.instrument(&STORAGE_BLOB),
        }
    }

    /// A look-up in the cache.
    pub(crate) fn looked_up(&self, result: Lookup) {
        self.cache.at(result).increment();
        self.cache_hit_rate.push(result == Lookup::Hit);
    }

    /// A value was compared with what its address stands for.
    pub(crate) fn verified(&self, verdict: Verdict) {
        self.verification.at(verdict).increment();
        self.verification_failure_rate
            .push(verdict == Verdict::Fail);
    }

    /// A function ran.
    pub(crate) fn computed(&self, function: &str, elapsed: Duration, input: u64, output: u64) {
        if let Some(compute) = self.compute.get(function) {
            compute.duration.record_duration(elapsed);
            compute.input.record(bytes(input));
            compute.output.record(bytes(output));
        }
    }
}

/// A size as instruments take it.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 8 PiB, which is far beyond what fits here"
)]
pub(crate) const fn bytes(count: u64) -> f64 {
    count as f64
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
