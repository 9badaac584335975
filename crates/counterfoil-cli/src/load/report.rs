//! What a run came to, for people and for programs.

use std::time::Duration;

use serde::Serialize;

use super::LoadArgs;
use super::check::Checked;
use super::producer::{Ended, Producer};
use super::tally::{Counts, Latencies};
use crate::escape::Escaped;
use crate::failure::{Exit, Failure};
use crate::figures::{Bytes, Grouped, Seconds};
use crate::result;

/// Chains that are named with what is wrong with them.
const NAMED: usize = 5;

/// Everything that is known at the end.
pub(super) struct Outcome<'a> {
    pub(super) args: &'a LoadArgs,
    pub(super) run: &'a str,
    pub(super) counts: &'a Counts,
    pub(super) latencies: &'a Latencies,
    pub(super) producers: &'a [Producer],
    /// From the first batch to the last acknowledgement.
    pub(super) elapsed: Duration,
    /// Processor time of this process in that time, all threads.
    pub(super) processor: Duration,
    pub(super) checked: Option<&'a Checked>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    run: &'a str,
    chains: u64,
    connections: u32,
    batch: u64,
    rate: u64,
    seconds: f64,
    records: Records,
    requests: u64,
    bytes: u64,
    records_per_second: f64,
    bytes_per_second: f64,
    latency_ms: LatencyMs,
    generator: Generator,
    ended_early: Vec<EndedEarly>,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<Check>,
}

#[derive(Serialize)]
struct Records {
    offered: u64,
    acknowledged: u64,
    outstanding: u64,
    sent: u64,
    refused: u64,
    unanswered: u64,
    found: u64,
    retried: u64,
    unsent: u64,
}

#[derive(Serialize)]
struct LatencyMs {
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

#[derive(Serialize)]
struct Generator {
    cpu_seconds: f64,
    cpu_ns_per_record: f64,
    sealed_meanwhile: u64,
    sealing_cpu_seconds: f64,
}

#[derive(Serialize)]
struct EndedEarly {
    chain: String,
    reason: String,
    contradiction: bool,
}

#[derive(Serialize)]
struct Check {
    valid: u64,
    records: u64,
    failures: Vec<CheckFailure>,
}

#[derive(Serialize)]
struct CheckFailure {
    chain: String,
    reason: String,
}

impl Outcome<'_> {
    /// How the command ends: a contradiction is worse than records that were not taken.
    pub(super) fn exit(&self) -> Option<Exit> {
        let contradicted = |it: &Producer| matches!(it.ended, Some(Ended::Contradicted(_)));
        let fails = self.checked.is_some_and(|it| !it.failures.is_empty());
        if fails || self.producers.iter().any(contradicted) {
            return Some(Exit::Contradiction);
        }
        (self.outstanding() > 0).then_some(Exit::Incomplete)
    }

    pub(super) fn to_json(&self) -> Result<String, Failure> {
        result::json(&self.document())
    }

    pub(super) fn to_text(&self) -> String {
        let it = self.document();
        let records = &it.records;
        let mut lines = vec![
            format!(
                "{} records acknowledged in {}: {}/s, {}/s",
                Grouped(records.acknowledged),
                Seconds(it.seconds),
                Grouped(it.records_per_second as u64),
                Bytes(it.bytes_per_second as u64)
            ),
            format!(
                "  offered {} = acknowledged {} + outstanding {}",
                records.offered, records.acknowledged, records.outstanding
            ),
            format!(
                "  sent {} = acknowledged {} - found {} + refused {}\n    + unanswered {}; sent again {}",
                records.sent,
                records.acknowledged,
                records.found,
                records.refused,
                records.unanswered,
                records.retried
            ),
            format!(
                "  acknowledged after p50 {}, p90 {}, p99 {},\n    p99.9 {}, at most {}",
                millis(it.latency_ms.p50),
                millis(it.latency_ms.p90),
                millis(it.latency_ms.p99),
                millis(it.latency_ms.p999),
                millis(it.latency_ms.max)
            ),
            format!(
                "  this command took {} of processor time, {:.0} ns per record",
                Seconds(it.generator.cpu_seconds),
                it.generator.cpu_ns_per_record
            ),
        ];
        if records.unsent > 0 {
            lines.push(format!(
                "  {} records were due and no connection was free: the rate was not kept",
                records.unsent
            ));
        }
        for ended in it.ended_early.iter().take(NAMED) {
            lines.push(format!(
                "  {}:\n    {}",
                ended.chain,
                Escaped(&ended.reason)
            ));
        }
        if it.ended_early.len() > NAMED {
            lines.push(format!(
                "  and {} more chains",
                it.ended_early.len() - NAMED
            ));
        }
        if let Some(check) = &it.check {
            lines.push(format!(
                "  checked: {} chains valid to the head acknowledged, {} are not",
                check.valid,
                check.failures.len()
            ));
            for failure in check.failures.iter().take(NAMED) {
                lines.push(format!(
                    "  {}:\n    {}",
                    failure.chain,
                    Escaped(&failure.reason)
                ));
            }
        }
        lines.join("\n") + "\n"
    }

    fn outstanding(&self) -> u64 {
        self.counts.offered.get() - self.counts.acknowledged.get()
    }

    fn document(&self) -> Document<'_> {
        let counts = self.counts;
        let seconds = self.elapsed.as_secs_f64();
        let acknowledged = counts.acknowledged.get();
        let cpu_seconds = self.processor.as_secs_f64();
        Document {
            schema: "counterfoil.load/v1",
            run: self.run,
            chains: self.args.chains,
            connections: self.args.connections(),
            batch: self.args.batch,
            rate: self.args.rate,
            seconds,
            records: Records {
                offered: counts.offered.get(),
                acknowledged,
                outstanding: self.outstanding(),
                sent: counts.sent.get(),
                refused: counts.refused.get(),
                unanswered: counts.unanswered.get(),
                found: counts.found.get(),
                retried: counts.retried.get(),
                unsent: counts.unsent.get(),
            },
            requests: counts.requests.get(),
            bytes: counts.bytes.get(),
            records_per_second: acknowledged as f64 / seconds.max(1e-9),
            bytes_per_second: counts.bytes.get() as f64 / seconds.max(1e-9),
            latency_ms: LatencyMs {
                p50: self.latencies.quantile(0.5),
                p90: self.latencies.quantile(0.9),
                p99: self.latencies.quantile(0.99),
                p999: self.latencies.quantile(0.999),
                max: self.latencies.max(),
            },
            generator: Generator {
                cpu_seconds,
                cpu_ns_per_record: cpu_seconds * 1e9 / acknowledged.max(1) as f64,
                sealed_meanwhile: counts.sealed_meanwhile.get(),
                sealing_cpu_seconds: counts.sealing_ns.get() as f64 / 1e9,
            },
            ended_early: self.producers.iter().filter_map(ended_early).collect(),
            check: self.checked.map(|checked| Check {
                valid: checked.valid,
                records: checked.records,
                failures: checked
                    .failures
                    .iter()
                    .map(|(chain, reason)| CheckFailure {
                        chain: chain.clone(),
                        reason: reason.clone(),
                    })
                    .collect(),
            }),
        }
    }
}

fn ended_early(producer: &Producer) -> Option<EndedEarly> {
    let reason = match producer.ended.as_ref()? {
        Ended::Refused(reason) | Ended::Contradicted(reason) => reason.clone(),
        Ended::Unanswered(last) => {
            format!("no acknowledgement for as long as --patience says; the last answer: {last}")
        }
    };
    Some(EndedEarly {
        chain: producer.id().to_string(),
        reason,
        contradiction: matches!(producer.ended, Some(Ended::Contradicted(_))),
    })
}

fn millis(millis: f64) -> String {
    Seconds(millis / 1e3).to_string()
}
