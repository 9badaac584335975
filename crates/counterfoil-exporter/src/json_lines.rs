//! Everything as lines of JSON.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use counterfoil_core::{
    Exemplar, ExponentialBuckets, ExponentialHistogramValue, HistogramValue, MetricFamily,
    MetricKind, MetricSnapshot, MetricValue, Series, Timestamp,
    json::{self, LineWriter},
};

use crate::batch::{Batch, Signals};
use crate::error::{Error, ErrorKind};
use crate::exporter::Exporter;
use crate::rotating_file::{RotatingFile, Rotation};

/// Writes one line per item to any writer.
///
/// - **Events** in the form of [`counterfoil_core::json::push_event`]; known by the key `event`.
/// - **Series** as `{"time","metric","kind","unit","labels","value"}`; a histogram has `bounds`, `counts` (not cumulative, one
///   more than bounds), `sum`, `over_ceiling`, `refused` and `exemplars` (each with `value`, `time`, `trace_id`, `span_id`) instead
///   of `value`; an exponential one `scale`, `zero_count`, `positive` and `negative` (each with `offset` and `counts`) instead of
///   bounds and counts. Known by the key `metric`. Numbers that JSON does not have are the strings `NaN`, `+Inf` and `-Inf`.
/// - **Sealed lines** byte for byte; known by the key `hash`.
/// - **Spans** in the form of [`counterfoil_core::json::push_span`]; known by the key `span`.
/// - **Log records** in the form of [`counterfoil_core::json::push_log`]; known by the key `severity`.
///
/// A batch is given to the writer whole, through a [`LineWriter`]: a write that fails damages one line at most.
pub struct JsonLinesExporter<W> {
    out: Mutex<LineWriter<W>>,
}

impl JsonLinesExporter<RotatingFile> {
    /// Appends to the file at `path`, which [`Rotation`] keeps from growing for ever.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the file cannot be opened.
    pub fn to_file(path: impl Into<PathBuf>, rotation: Rotation) -> Result<Self, Error> {
        RotatingFile::open(path, rotation).map(Self::new)
    }
}

impl JsonLinesExporter<io::Stdout> {
    /// Writes to standard output. A reader that does not keep up holds up `export`: a [`Limit`](crate::Limit) around it keeps
    /// that from the caller. One that went away is an error and no signal that ends the process.
    #[must_use]
    pub fn to_stdout() -> Self {
        Self::new(io::stdout())
    }
}

impl<W: Write + Send + 'static> JsonLinesExporter<W> {
    /// Writes to `out`, with free text as it is.
    pub const fn new(out: W) -> Self {
        Self {
            out: Mutex::new(LineWriter::new(out)),
        }
    }

    /// Gives the writer back, not flushed.
    #[must_use]
    pub fn into_inner(self) -> W {
        let out = self.out.into_inner();
        out.unwrap_or_else(PoisonError::into_inner).into_inner()
    }

    fn lock(&self) -> MutexGuard<'_, LineWriter<W>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lines(&self, batch: &Batch) -> Vec<u8> {
        let mut lines = String::new();
        match batch {
            Batch::Metrics(snapshot) => push_snapshot(&mut lines, snapshot),
            Batch::Events(events) => {
                for event in events.iter() {
                    json::push_event(&mut lines, event, None);
                    lines.push('\n');
                }
            }
            Batch::Spans(spans) => {
                for span in spans.iter() {
                    json::push_span(&mut lines, span);
                    lines.push('\n');
                }
            }
            Batch::Logs(logs) => {
                for log in logs.iter() {
                    json::push_log(&mut lines, log);
                    lines.push('\n');
                }
            }
            Batch::Sealed(sealed) => {
                return sealed
                    .iter()
                    .flat_map(|line| &line.bytes)
                    .copied()
                    .collect();
            }
        }
        lines.into_bytes()
    }
}

impl<W: Write + Send + 'static> Exporter for JsonLinesExporter<W> {
    fn signals(&self) -> Signals {
        Signals::ALL
    }

    fn export(&self, batch: Batch) -> Result<(), Error> {
        let lines = self.lines(&batch);
        if lines.is_empty() {
            return Ok(());
        }
        let mut out = self.lock();
        out.write(&lines).map_err(|source| {
            let whole = lines[..out.taken()].iter().filter(|byte| **byte == b'\n');
            let lost = (batch.len() as u64).saturating_sub(whole.count() as u64);
            let error = failed(
                "write a batch as lines of JSON",
                "the writer refused it, perhaps half-way",
                source,
            );
            error.with_part(lost, None)
        })
    }

    fn flush(&self, _deadline: Instant) -> Result<(), Error> {
        self.lock().flush().map_err(|source| {
            failed(
                "flush lines of JSON",
                "lines written before may be missing",
                source,
            )
        })
    }
}

fn failed(operation: &'static str, context: &str, source: io::Error) -> Error {
    let context = format!("{context}; look at where it writes to");
    Error::new(ErrorKind::Io, operation, context).with_source(source)
}

fn push_snapshot(out: &mut String, snapshot: &MetricSnapshot) {
    for family in &snapshot.families {
        for series in &family.series {
            push_series(out, snapshot.time, family, series);
        }
    }
}

fn push_series(out: &mut String, time: Timestamp, family: &MetricFamily, series: &Series) {
    append(out, format_args!("{{\"time\":\"{time}\",\"metric\":"));
    json::push_string(out, &family.name);
    append(
        out,
        format_args!(",\"kind\":\"{}\",\"unit\":", kind(family.kind)),
    );
    json::push_string(out, &family.unit);
    out.push_str(",\"labels\":{");
    for (i, (key, value)) in series.meta.labels.iter().enumerate() {
        out.push_str(if i == 0 { "" } else { "," });
        json::push_string(out, key);
        out.push(':');
        json::push_string(out, value);
    }
    out.push('}');
    push_value(out, &series.value);
    out.push_str("}\n");
}

fn push_value(out: &mut String, value: &MetricValue) {
    match value {
        MetricValue::Counter(value) => append(out, format_args!(",\"value\":{value}")),
        MetricValue::UpDownCounter(value) => append(out, format_args!(",\"value\":{value}")),
        MetricValue::FloatCounter(value) | MetricValue::Gauge(value) => {
            out.push_str(",\"value\":");
            json::push_float(out, *value);
        }
        MetricValue::Histogram(value) => push_histogram(out, value),
        MetricValue::ExponentialHistogram(value) => push_exponential(out, value),
    }
}

fn push_histogram(out: &mut String, value: &HistogramValue) {
    out.push_str(",\"bounds\":");
    push_list(out, value.bounds.iter(), |out, bound| {
        json::push_float(out, *bound);
    });
    out.push_str(",\"counts\":");
    push_counts(out, &value.counts);
    push_rest(
        out,
        value.sum,
        value.over_ceiling,
        value.refused,
        &value.exemplars,
    );
}

fn push_exponential(out: &mut String, value: &ExponentialHistogramValue) {
    append(
        out,
        format_args!(
            ",\"scale\":{},\"zero_count\":{}",
            value.scale, value.zero_count
        ),
    );
    for (sign, buckets) in [("positive", &value.positive), ("negative", &value.negative)] {
        let ExponentialBuckets { offset, counts } = buckets;
        append(
            out,
            format_args!(",\"{sign}\":{{\"offset\":{offset},\"counts\":"),
        );
        push_counts(out, counts);
        out.push('}');
    }
    push_rest(
        out,
        value.sum,
        value.over_ceiling,
        value.refused,
        &value.exemplars,
    );
}

/// What every distribution has beside its buckets.
fn push_rest(out: &mut String, sum: f64, over_ceiling: u64, refused: u64, exemplars: &[Exemplar]) {
    out.push_str(",\"sum\":");
    json::push_float(out, sum);
    append(
        out,
        format_args!(",\"over_ceiling\":{over_ceiling},\"refused\":{refused},\"exemplars\":"),
    );
    push_list(out, exemplars, |out, it| {
        out.push_str("{\"value\":");
        json::push_float(out, it.value);
        append(
            out,
            format_args!(
                ",\"time\":\"{}\",\"trace_id\":\"{}\",\"span_id\":\"{}\"}}",
                it.time, it.trace_id, it.span_id
            ),
        );
    });
}

fn push_counts(out: &mut String, counts: &[u64]) {
    push_list(out, counts, |out, count| {
        append(out, format_args!("{count}"));
    });
}

fn push_list<T>(
    out: &mut String,
    items: impl IntoIterator<Item = T>,
    push: impl Fn(&mut String, T),
) {
    out.push('[');
    for (i, item) in items.into_iter().enumerate() {
        out.push_str(if i == 0 { "" } else { "," });
        push(out, item);
    }
    out.push(']');
}

const fn kind(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Counter => "counter",
        MetricKind::UpDownCounter => "up_down_counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
        MetricKind::ExponentialHistogram => "exponential_histogram",
    }
}

fn append(out: &mut String, text: fmt::Arguments<'_>) {
    // A string takes everything that is written to it.
    let _always_ok = out.write_fmt(text);
}

impl<W> fmt::Debug for JsonLinesExporter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLinesExporter").finish_non_exhaustive()
    }
}
