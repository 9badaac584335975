//! Figures and times as people read them.

use std::fmt;
use std::time::Duration;

use crate::Figure;

/// The value of a figure with its unit: `82 %`, `12.3 GB`, `4.2 ms`, `17 record`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount<'a>(pub(super) &'a Figure);

/// A time span in its largest unit that fits: `350 µs`, `12 s`, `2 h 3 min`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span(pub(super) Duration);

impl fmt::Display for Amount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figure { value, unit, .. } = *self.0;
        if !value.is_finite() {
            return f.write_str("not known");
        }
        match unit {
            "1" => write!(f, "{} %", Short(value * 100.0)),
            "By" => scaled(f, value, "B"),
            "s" => match Duration::try_from_secs_f64(value) {
                Ok(span) => Span(span).fmt(f),
                Err(_negative) => write!(f, "{} s", Short(value)),
            },
            "" => Short(value).fmt(f),
            _ => {
                let unit = unit.replace(['{', '}'], "");
                write!(f, "{} {unit}", Short(value))
            }
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        match seconds {
            0 if nanos < 1_000 => write!(f, "{nanos} ns"),
            0 if nanos < 1_000_000 => write!(f, "{} µs", nanos / 1_000),
            0 => write!(f, "{} ms", nanos / 1_000_000),
            1..60 => write!(f, "{seconds} s"),
            60..3_600 => write!(f, "{} min {} s", seconds / 60, seconds % 60),
            3_600..86_400 => write!(f, "{} h {} min", seconds / 3_600, seconds / 60 % 60),
            _ => write!(f, "{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
        }
    }
}

/// A number with three digits at least and no needless fraction.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        let digits = match value.abs() {
            _ if value.fract() == 0.0 => 0,
            size if size >= 100.0 => 0,
            size if size >= 10.0 => 1,
            _ => 2,
        };
        write!(f, "{value:.digits$}")
    }
}

fn scaled(f: &mut fmt::Formatter<'_>, value: f64, unit: &str) -> fmt::Result {
    const PREFIXES: [&str; 6] = ["", "k", "M", "G", "T", "P"];
    let mut value = value;
    let mut at = 0;
    while value.abs() >= 1_000.0 && at + 1 < PREFIXES.len() {
        value /= 1_000.0;
        at += 1;
    }
    write!(f, "{} {}{unit}", Short(value), PREFIXES[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_in_units_that_people_read() {
        let shown = |value, unit| Amount(&Figure::new("it", value, unit)).to_string();
        assert_eq!(shown(0.8213, "1"), "82.1 %");
        assert_eq!(shown(12_345_678_901.0, "By"), "12.3 GB");
        assert_eq!(shown(999.0, "By"), "999 B");
        assert_eq!(shown(0.0042, "s"), "4 ms");
        assert_eq!(shown(-3.5, "s"), "-3.50 s");
        assert_eq!(shown(17.0, "{record}"), "17 record");
        assert_eq!(shown(1234.5, "{request}/s"), "1234 request/s");
        assert_eq!(shown(f64::NAN, "1"), "not known");
        assert_eq!(shown(f64::INFINITY, "By"), "not known");
    }

    #[test]
    fn a_span_is_shown_in_its_largest_units() {
        let shown = |nanos| Span(Duration::from_nanos(nanos)).to_string();
        assert_eq!(shown(999), "999 ns");
        assert_eq!(shown(350_000), "350 µs");
        assert_eq!(shown(59_999_999_999), "59 s");
        assert_eq!(shown(7_380_000_000_000), "2 h 3 min");
        assert_eq!(shown(200_000_000_000_000), "2 d 7 h");
    }
}
