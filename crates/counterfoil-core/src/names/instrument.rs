//! A row of a name table, the table, and the macro that declares both.

use super::{PROMETHEUS_ALIASES, prometheus_name};
use crate::MetricKind;

/// The most bounds that a histogram may have.
pub const BOUNDS_MAX: usize = 63;

/// What is known of an instrument before it counts anything.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Instrument {
    /// OpenTelemetry name: lower-case, dotted, without unit.
    pub name: &'static str,
    /// How its values behave.
    pub kind: MetricKind,
    /// UCUM unit (`s`, `By`, `1`) or an annotation in the singular (`{lease}`).
    pub unit: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Label keys, in the order in which values are given.
    pub labels: &'static [&'static str],
    /// Upper bounds of a histogram, inclusive, ascending; empty for the other kinds.
    pub bounds: &'static [f64],
    /// Values above it are counted apart; `f64::MAX` stands for none.
    pub ceiling: f64,
}

impl Instrument {
    const fn new(
        kind: MetricKind,
        name: &'static str,
        unit: &'static str,
        labels: &'static [&'static str],
        description: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            unit,
            description: description.trim_ascii(),
            labels,
            bounds: &[],
            ceiling: f64::MAX,
        }
    }

    /// The derived Prometheus name.
    #[must_use]
    pub fn prometheus_name(&self) -> String {
        prometheus_name(self.name, self.unit, self.kind)
    }
}

macro_rules! definition {
    ($(#[$meta:meta])* $name:ident, $kind:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name(Instrument);

        impl $name {
            /// The row of the table.
            #[must_use]
            pub const fn instrument(&self) -> &Instrument {
                &self.0
            }
        }
    };
}

macro_rules! plain_constructor {
    ($name:ident, $kind:ident) => {
        impl $name {
            /// Defines an instrument; [`instruments!`](crate::instruments) is the usual way.
            #[must_use]
            pub const fn new(
                name: &'static str,
                unit: &'static str,
                labels: &'static [&'static str],
                description: &'static str,
            ) -> Self {
                Self(Instrument::new(
                    MetricKind::$kind,
                    name,
                    unit,
                    labels,
                    description,
                ))
            }
        }
    };
}

definition! {
    /// Names a counter.
    CounterDef, Counter
}
definition! {
    /// Names a counter that also goes down.
    UpDownCounterDef, UpDownCounter
}
definition! {
    /// Names a gauge.
    GaugeDef, Gauge
}
definition! {
    /// Names a histogram.
    HistogramDef, Histogram
}
definition! {
    /// Names a histogram whose bounds are chosen by its values.
    ExponentialHistogramDef, ExponentialHistogram
}
plain_constructor!(CounterDef, Counter);
plain_constructor!(UpDownCounterDef, UpDownCounter);
plain_constructor!(GaugeDef, Gauge);

impl HistogramDef {
    /// Defines a histogram; [`instruments!`](crate::instruments) is the usual way.
    ///
    /// # Panics
    /// When `bounds` is empty, longer than [`BOUNDS_MAX`], not ascending or not finite, or when `ceiling` is below the last
    /// bound. In a `const` that is an error of the compiler.
    #[must_use]
    pub const fn new(
        name: &'static str,
        unit: &'static str,
        labels: &'static [&'static str],
        description: &'static str,
        bounds: &'static [f64],
        ceiling: f64,
    ) -> Self {
        assert!(
            !bounds.is_empty() && bounds.len() <= BOUNDS_MAX,
            "a histogram has from 1 to 63 bounds"
        );
        let mut i = 0;
        while i < bounds.len() {
            assert!(
                bounds[i].is_finite(),
                "bounds are finite; +Inf is always there"
            );
            assert!(
                i == 0 || bounds[i - 1] < bounds[i],
                "bounds ascend and none is there twice"
            );
            i += 1;
        }
        assert!(
            ceiling >= bounds[bounds.len() - 1] && ceiling.is_finite(),
            "the ceiling is finite and not below the last bound"
        );
        let mut row = Instrument::new(MetricKind::Histogram, name, unit, labels, description);
        row.bounds = bounds;
        row.ceiling = ceiling;
        Self(row)
    }
}

impl ExponentialHistogramDef {
    /// Defines an exponential histogram; [`instruments!`](crate::instruments) is the usual way. A single absurd value would
    /// cost all others their resolution, hence the `ceiling`.
    ///
    /// # Panics
    /// When `ceiling` is not finite and above zero. In a `const` that is an error of the compiler.
    #[must_use]
    pub const fn new(
        name: &'static str,
        unit: &'static str,
        labels: &'static [&'static str],
        description: &'static str,
        ceiling: f64,
    ) -> Self {
        assert!(
            ceiling > 0.0 && ceiling.is_finite(),
            "the ceiling is finite and above zero"
        );
        let mut row = Instrument::new(
            MetricKind::ExponentialHistogram,
            name,
            unit,
            labels,
            description,
        );
        row.ceiling = ceiling;
        Self(row)
    }
}

/// The instruments of one crate or application, with the rules that its names keep.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// What every name starts with, dot included.
    pub prefix: &'static str,
    /// The label keys that may be used: of few values, never an id and never free text.
    pub labels: &'static [&'static str],
    /// The rows, in the order of declaration.
    pub instruments: &'static [Instrument],
}

impl Table {
    /// The row of this OpenTelemetry name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'static Instrument> {
        self.instruments.iter().find(|row| row.name == name)
    }

    /// The table as a page of Markdown: one row per instrument, sorted by name, then the aliases.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut page = String::from(
            "| OpenTelemetry name | Prometheus name | kind | unit | labels | description |\n|---|---|---|---|---|---|\n",
        );
        let mut rows: Vec<_> = self.instruments.iter().collect();
        rows.sort_by_key(|row| row.name);
        for row in &rows {
            let labels: Vec<_> = row.labels.iter().map(|key| format!("`{key}`")).collect();
            page.push_str(&format!(
                "| `{}` | `{}` | {} | `{}` | {} | {} |\n",
                row.name,
                row.prometheus_name(),
                row.kind.as_str(),
                row.unit,
                labels.join(", "),
                row.description.replace('|', "\\|"),
            ));
        }
        for (row, alias) in PROMETHEUS_ALIASES {
            if rows.iter().any(|it| it.name == row.name) {
                page.push_str(&format!("\n`{alias}` is an alias of `{}`.\n", row.name));
            }
        }
        page
    }
}

/// Declares instruments and the [`Table`](crate::names::Table) that holds them.
///
/// The first entry names the table, the prefix of its names and the label keys that they may have. Each further one is a
/// constant: kind, OpenTelemetry name, unit, label keys and, for a histogram, bounds and ceiling (`ExponentialHistogram` has a
/// ceiling only). The doc comment becomes the description.
///
/// ```
/// counterfoil_core::instruments! {
///     /// What Deriva measures.
///     pub TABLE: prefix "deriva.", labels ["result"];
///
///     /// Materializations that came to an end.
///     MATERIALIZE_DONE: Counter("deriva.materialize.done", "{materialization}", ["result"]);
///     /// How long a materialization took from end to end.
///     MATERIALIZE_DURATION: Histogram("deriva.materialize.duration", "s", [], bounds: &[0.001, 0.1, 1.0], ceiling: 600.0);
/// }
///
/// assert!(TABLE.check().is_empty());
/// assert_eq!(MATERIALIZE_DURATION.instrument().prometheus_name(), "deriva_materialize_duration_seconds");
/// ```
#[macro_export]
macro_rules! instruments {
    (
        $(#[$table_meta:meta])*
        $vis:vis $table:ident: prefix $prefix:literal, labels [$($allowed:literal),* $(,)?];
        $(
            $(#[doc = $doc:literal])+
            $name:ident: $kind:ident($otel:literal, $unit:literal, [$($label:literal),* $(,)?] $(, bounds: $bounds:expr)? $(, ceiling: $ceiling:expr)?);
        )+
    ) => {
        $(
            $(#[doc = $doc])+
            $vis const $name: $crate::instruments!(@type $kind) = <$crate::instruments!(@type $kind)>::new(
                $otel, $unit, &[$($label),*], ::core::concat!($($doc),+) $(, $bounds)? $(, $ceiling)?
            );
        )+

        $(#[$table_meta])*
        $vis const $table: $crate::names::Table = $crate::names::Table {
            prefix: $prefix,
            labels: &[$($allowed),*],
            instruments: &[$(*$name.instrument()),+],
        };
    };
    (@type Counter) => { $crate::names::CounterDef };
    (@type UpDownCounter) => { $crate::names::UpDownCounterDef };
    (@type Gauge) => { $crate::names::GaugeDef };
    (@type Histogram) => { $crate::names::HistogramDef };
    (@type ExponentialHistogram) => { $crate::names::ExponentialHistogramDef };
}
