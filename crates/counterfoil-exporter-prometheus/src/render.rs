//! The classic text format, with what does not change kept from scrape to scrape.

use std::sync::Arc;

use counterfoil_core::names::{prometheus_alias, prometheus_name};
use counterfoil_core::{
    HistogramValue, MetricFamily, MetricKind, MetricSnapshot, MetricValue, Series, SeriesMeta,
};

use crate::text::{escape_help, label_pairs, push_f64, push_i64, push_u64};

/// The value of the `Content-Type` header that goes with the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Turns snapshots into the classic text format, version 0.0.4.
///
/// Families are sorted by their Prometheus names. Two families whose names become the same cannot both be shown: the first
/// one is, and a comment says so. Built-in audit kinds also appear under the aliases that security tools rely on
/// ([`PROMETHEUS_ALIASES`](counterfoil_core::names::PROMETHEUS_ALIASES)).
///
/// Keep one renderer per registry: names, help and labels are formatted when a series is first seen and found again by the
/// address of its [`SeriesMeta`], so that a scrape writes little more than the values. What it keeps is about the size of
/// the text that it last gave.
#[derive(Debug, Default)]
pub struct Renderer {
    families: Vec<FamilyText>,
    parts: Vec<Part>,
    capacity: usize,
}

/// A family's unchanging text. Holding the `Arc`s keeps their addresses from being used again.
#[derive(Debug)]
struct FamilyText {
    name: Arc<str>,
    unit: Arc<str>,
    description: Arc<str>,
    kind: MetricKind,
    prometheus: String,
    head: String,
    series: Vec<SeriesText>,
}

/// What comes before each value of a series, one after the other in one string.
#[derive(Debug)]
struct SeriesText {
    meta: Arc<SeriesMeta>,
    text: String,
    ends: Vec<usize>,
}

/// Something with a head and samples, in the order of the output.
#[derive(Debug)]
enum Part {
    Family(usize),
    Alias {
        family: usize,
        series: usize,
        head: String,
    },
    Comment(String),
}

impl Renderer {
    /// A renderer that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The snapshot as text.
    #[must_use]
    pub fn render(&mut self, snapshot: &MetricSnapshot) -> String {
        if self.update(&snapshot.families) {
            self.arrange();
        }
        let mut out = String::with_capacity(self.capacity);
        for part in &self.parts {
            match part {
                Part::Family(at) => self.families[*at].render(&snapshot.families[*at], &mut out),
                Part::Alias {
                    family,
                    series,
                    head,
                } => {
                    out.push_str(head);
                    push_value(&mut out, &snapshot.families[*family].series[*series].value);
                }
                Part::Comment(text) => out.push_str(text),
            }
        }
        self.capacity = out.len() + out.len() / 16;
        out
    }

    /// Makes `families` match the snapshot's, one to one, and says whether anything is new or gone.
    fn update(&mut self, families: &[MetricFamily]) -> bool {
        let mut changed = false;
        let same = self.families.len() == families.len()
            && self
                .families
                .iter()
                .zip(families)
                .all(|(old, new)| old.is_of(new));
        if !same {
            changed = true;
            let mut old = std::mem::take(&mut self.families).into_iter().peekable();
            for family in families {
                while old.next_if(|it| it.name < family.name).is_some() {}
                let text = old
                    .next_if(|it| it.is_of(family))
                    .unwrap_or_else(|| FamilyText::new(family));
                self.families.push(text);
            }
        }
        for (text, family) in self.families.iter_mut().zip(families) {
            changed |= text.update(&family.series);
        }
        changed
    }

    /// Puts families and aliases in order and finds names that are taken.
    fn arrange(&mut self) {
        let mut parts: Vec<(String, Part)> = Vec::with_capacity(self.families.len());
        for (at, family) in self.families.iter().enumerate() {
            parts.push((family.prometheus.clone(), Part::Family(at)));
            for (number, series) in family.series.iter().enumerate() {
                let labels = series
                    .meta
                    .labels
                    .iter()
                    .map(|(key, value)| (&**key, &**value));
                if let Some(alias) = prometheus_alias(&family.name, labels) {
                    let head = format!("{}{alias} ", family.head_as(&alias));
                    let part = Part::Alias {
                        family: at,
                        series: number,
                        head,
                    };
                    parts.push((alias, part));
                }
            }
        }
        parts.sort_by(|a, b| a.0.cmp(&b.0));
        self.parts.clear();
        let mut last = None;
        for (name, part) in parts {
            if last.as_ref() == Some(&name) {
                let what = match part {
                    Part::Family(at) => format!("{:?}", self.families[at].name),
                    _ => "an alias".into(),
                };
                let text =
                    format!("# {what} is left out: another metric is called {name} as well\n");
                self.parts.push(Part::Comment(text));
            } else {
                self.parts.push(part);
                last = Some(name);
            }
        }
    }
}

impl FamilyText {
    fn new(family: &MetricFamily) -> Self {
        let mut text = Self {
            name: Arc::clone(&family.name),
            unit: Arc::clone(&family.unit),
            description: Arc::clone(&family.description),
            kind: family.kind,
            prometheus: prometheus_name(&family.name, &family.unit, family.kind),
            head: String::new(),
            series: Vec::new(),
        };
        text.head = text.head_as(&text.prometheus);
        text
    }

    fn is_of(&self, family: &MetricFamily) -> bool {
        Arc::ptr_eq(&self.name, &family.name)
            && Arc::ptr_eq(&self.unit, &family.unit)
            && Arc::ptr_eq(&self.description, &family.description)
            && self.kind == family.kind
    }

    fn head_as(&self, name: &str) -> String {
        let help = match &*self.description {
            "" => format!("{} (not described)", self.name),
            description => description.to_owned(),
        };
        let kind = match self.kind {
            MetricKind::Counter => "counter",
            MetricKind::UpDownCounter | MetricKind::Gauge => "gauge",
            MetricKind::Histogram | MetricKind::ExponentialHistogram => "histogram",
        };
        format!(
            "# HELP {name} {}\n# TYPE {name} {kind}\n",
            escape_help(&help)
        )
    }

    fn update(&mut self, series: &[Series]) -> bool {
        let same = self.series.len() == series.len()
            && self
                .series
                .iter()
                .zip(series)
                .all(|(old, new)| old.is_of(new));
        if same {
            return false;
        }
        let mut old = std::mem::take(&mut self.series).into_iter().peekable();
        for it in series {
            while old.next_if(|old| old.meta < it.meta).is_some() {}
            let text = old
                .next_if(|old| old.is_of(it))
                .unwrap_or_else(|| SeriesText::new(&self.prometheus, it));
            self.series.push(text);
        }
        true
    }

    fn render(&self, family: &MetricFamily, out: &mut String) {
        if self.series.is_empty() {
            return;
        }
        out.push_str(&self.head);
        for (text, series) in self.series.iter().zip(&family.series) {
            text.render(&series.value, out);
        }
    }
}

impl SeriesText {
    fn new(name: &str, series: &Series) -> Self {
        let labels = series.meta.labels.iter();
        let labels = label_pairs(labels.map(|(key, value)| (&**key, &**value)));
        let mut made = Self {
            meta: Arc::clone(&series.meta),
            text: String::new(),
            ends: Vec::new(),
        };
        match &series.value {
            MetricValue::Histogram(value) => made.histogram(name, &labels, value),
            MetricValue::ExponentialHistogram(value) => {
                made.histogram(name, &labels, &value.to_explicit());
            }
            _ => made.push(name, "", &labels, ""),
        }
        made
    }

    fn histogram(&mut self, name: &str, labels: &str, value: &HistogramValue) {
        for bound in &*value.bounds {
            self.push(name, "_bucket", labels, &format!("le=\"{bound}\""));
        }
        self.push(name, "_bucket", labels, "le=\"+Inf\"");
        self.push(name, "_sum", labels, "");
        self.push(name, "_count", labels, "");
    }

    fn push(&mut self, name: &str, suffix: &str, labels: &str, le: &str) {
        let comma = if labels.is_empty() || le.is_empty() {
            ""
        } else {
            ","
        };
        let all = format!("{labels}{comma}{le}");
        let (open, close) = if all.is_empty() { ("", "") } else { ("{", "}") };
        self.text
            .push_str(&format!("{name}{suffix}{open}{all}{close} "));
        self.ends.push(self.text.len());
    }

    /// The same series, and as many values.
    fn is_of(&self, series: &Series) -> bool {
        let values = match &series.value {
            MetricValue::Histogram(value) => value.bounds.len() + 3,
            MetricValue::ExponentialHistogram(value) => value.to_explicit().bounds.len() + 3,
            _ => 1,
        };
        Arc::ptr_eq(&self.meta, &series.meta) && self.ends.len() == values
    }

    fn render(&self, value: &MetricValue, out: &mut String) {
        match value {
            MetricValue::Histogram(value) => self.render_histogram(value, out),
            MetricValue::ExponentialHistogram(value) => {
                self.render_histogram(&value.to_explicit(), out);
            }
            _ => {
                out.push_str(&self.text);
                push_value(out, value);
            }
        }
    }

    fn render_histogram(&self, value: &HistogramValue, out: &mut String) {
        let mut from = 0;
        let mut heads = self.ends.iter().map(|end| {
            let head = self.text.get(from..*end).unwrap_or_default();
            from = *end;
            head
        });
        let mut head = |out: &mut String| out.push_str(heads.next().unwrap_or_default());
        let mut below = 0_u64;
        for at in 0..=value.bounds.len() {
            head(out);
            below = below.saturating_add(value.counts.get(at).copied().unwrap_or(0));
            push_u64(out, below);
            out.push('\n');
        }
        head(out);
        push_f64(out, value.sum);
        out.push('\n');
        head(out);
        push_u64(out, below);
        out.push('\n');
    }
}

fn push_value(out: &mut String, value: &MetricValue) {
    match value {
        MetricValue::Counter(value) => push_u64(out, *value),
        MetricValue::UpDownCounter(value) => push_i64(out, *value),
        MetricValue::FloatCounter(value) | MetricValue::Gauge(value) => push_f64(out, *value),
        MetricValue::Histogram(value) => push_u64(out, value.count()),
        MetricValue::ExponentialHistogram(value) => push_u64(out, value.count()),
    }
    out.push('\n');
}
