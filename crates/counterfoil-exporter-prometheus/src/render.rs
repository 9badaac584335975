//! Snapshots as text, with what does not change kept from scrape to scrape.

use std::collections::HashSet;
use std::sync::Arc;

use counterfoil_core::names::{prometheus_alias, prometheus_name, prometheus_unit};
use counterfoil_core::{MetricFamily, MetricKind, MetricSnapshot, Series};

use crate::Format;
use crate::neighbour;
use crate::series_text::{SeriesText, push_value};
use crate::text::{escape_help, escape_value};

/// Turns snapshots into one of Prometheus's text formats.
///
/// Families are sorted by their Prometheus names. Two families whose names, or the names of whose samples, become the same
/// cannot both be shown: the first one is, and in the classic format, which alone has comments, a comment says so. Built-in
/// audit kinds also appear under the aliases that security tools rely on
/// ([`PROMETHEUS_ALIASES`](counterfoil_core::names::PROMETHEUS_ALIASES)). Exponential histograms are shown over the bounds of
/// [`to_explicit`](counterfoil_core::ExponentialHistogramValue::to_explicit).
///
/// Keep one renderer per registry and format: names, help and labels are formatted when a series is first seen and found
/// again by the address of its [`SeriesMeta`](counterfoil_core::SeriesMeta), so that a scrape writes little more than the
/// values. What it keeps is about the size of the text that it last gave.
#[derive(Debug, Default)]
pub struct Renderer {
    format: Format,
    families: Vec<FamilyText>,
    parts: Vec<Part>,
    /// Names that may not be used again on the page.
    taken: HashSet<String>,
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
    /// A renderer for the classic format that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A renderer for this format.
    #[must_use]
    pub fn with_format(format: Format) -> Self {
        Self {
            format,
            ..Self::default()
        }
    }

    /// What it renders.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The snapshot as text.
    #[must_use]
    pub fn render(&mut self, snapshot: &MetricSnapshot) -> String {
        self.render_beside(snapshot, "")
    }

    /// The snapshot as text, and on the same page what another library has rendered in the classic format, such as
    /// `PrometheusHandle::render` of `metrics-exporter-prometheus`.
    ///
    /// Of two families that share a name ours is shown; lines that are not in the classic format are left out. In OpenMetrics
    /// a foreign counter whose name does not end in `_total` has the type `unknown`, since a counter's name must. A foreign
    /// page above 16 MiB is left out whole.
    #[must_use]
    pub fn render_beside(&mut self, snapshot: &MetricSnapshot, neighbour: &str) -> String {
        if self.update(&snapshot.families) {
            self.arrange();
        }
        let mut out = String::with_capacity(self.capacity);
        for part in &self.parts {
            match part {
                Part::Family(at) => {
                    self.families[*at].render(&snapshot.families[*at], self.format, &mut out);
                }
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
        neighbour::push(&mut out, neighbour, self.format, &self.taken);
        if self.format == Format::OpenMetrics {
            out.push_str("# EOF\n");
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
                    .unwrap_or_else(|| FamilyText::new(family, self.format));
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
                let labels = series.meta.labels.iter();
                let labels = labels.map(|(key, value)| (&**key, &**value));
                if let Some(alias) = prometheus_alias(&family.name, labels) {
                    let head = format!("{}{alias} ", family.head_as(&alias, self.format));
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
        self.taken.clear();
        for (name, part) in parts {
            let (kind, what) = match &part {
                Part::Family(at) => {
                    let family = &self.families[*at];
                    (family.kind, format!("{:?}", family.name))
                }
                _ => (MetricKind::Counter, "an alias".into()),
            };
            let names = names_of(&name, kind, self.format);
            if let Some(name) = names.iter().find(|name| self.taken.contains(*name)) {
                if self.format == Format::Classic {
                    let text =
                        format!("# {what} is left out: another metric is called {name} as well\n");
                    self.parts.push(Part::Comment(text));
                }
            } else {
                self.taken.extend(names);
                self.parts.push(part);
            }
        }
    }
}

/// The names that a family takes on a page: its own and those of its samples.
fn names_of(name: &str, kind: MetricKind, format: Format) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    match kind {
        MetricKind::Histogram | MetricKind::ExponentialHistogram => {
            names.extend(["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")));
        }
        MetricKind::Counter if format == Format::OpenMetrics => {
            names.push(format.family_name(name, kind).to_owned());
        }
        MetricKind::Counter | MetricKind::UpDownCounter | MetricKind::Gauge => {}
    }
    names
}

impl FamilyText {
    fn new(family: &MetricFamily, format: Format) -> Self {
        let mut text = Self {
            name: Arc::clone(&family.name),
            unit: Arc::clone(&family.unit),
            description: Arc::clone(&family.description),
            kind: family.kind,
            prometheus: prometheus_name(&family.name, &family.unit, family.kind),
            head: String::new(),
            series: Vec::new(),
        };
        text.head = text.head_as(&text.prometheus, format);
        text
    }

    fn is_of(&self, family: &MetricFamily) -> bool {
        Arc::ptr_eq(&self.name, &family.name)
            && Arc::ptr_eq(&self.unit, &family.unit)
            && Arc::ptr_eq(&self.description, &family.description)
            && self.kind == family.kind
    }

    /// Help, type and, in OpenMetrics, unit of samples with this name.
    fn head_as(&self, sample: &str, format: Format) -> String {
        let help = match &*self.description {
            "" => format!("{} (not described)", self.name),
            description => description.to_owned(),
        };
        let kind = match self.kind {
            MetricKind::Counter => "counter",
            MetricKind::UpDownCounter | MetricKind::Gauge => "gauge",
            MetricKind::Histogram | MetricKind::ExponentialHistogram => "histogram",
        };
        let name = format.family_name(sample, self.kind);
        let help = match format {
            Format::Classic => escape_help(&help),
            // Help is escaped there as label values are everywhere.
            Format::OpenMetrics => escape_value(&help),
        };
        let mut head = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        let unit = prometheus_unit(&self.unit, self.kind);
        if format == Format::OpenMetrics && !unit.is_empty() && ends_in_word(name, &unit) {
            head.push_str(&format!("# UNIT {name} {unit}\n"));
        }
        head
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

    fn render(&self, family: &MetricFamily, format: Format, out: &mut String) {
        if self.series.is_empty() {
            return;
        }
        out.push_str(&self.head);
        for (text, series) in self.series.iter().zip(&family.series) {
            text.render(&series.value, format, out);
        }
    }
}

/// Whether the last words of a name are these.
fn ends_in_word(name: &str, words: &str) -> bool {
    name.strip_suffix(words)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
}
