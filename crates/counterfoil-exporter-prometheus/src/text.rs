//! Numbers, escapes and label sets as the text format has them.

use counterfoil_core::names::prometheus_label;
use counterfoil_core::{Exemplar, Timestamp};

/// Appends a whole number.
#[inline]
pub(crate) fn push_u64(out: &mut String, value: u64) {
    out.push_str(itoa::Buffer::new().format(value));
}

/// Appends a signed whole number.
pub(crate) fn push_i64(out: &mut String, value: i64) {
    out.push_str(itoa::Buffer::new().format(value));
}

/// Appends a floating-point number, in the shortest form that reads back as the same.
pub(crate) fn push_f64(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else if value.fract() == 0.0 && value.abs() < 1e15 {
        // Below 2^53 a whole float and an integer are the same.
        push_i64(out, value as i64);
    } else {
        out.push_str(zmij::Buffer::new().format_finite(value));
    }
}

/// Appends a bucket's upper bound as OpenMetrics wants it, which is Go's `%g` with `.0` after a whole number. Both formats have
/// it, so that a scraper that changes the format still sees the same series.
pub(crate) fn push_le(out: &mut String, bound: f64) {
    if !bound.is_finite() {
        return push_f64(out, bound);
    }
    let scientific = format!("{bound:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        let plain = bound.to_string();
        out.push_str(&plain);
        if !plain.contains('.') {
            out.push_str(".0");
        }
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        out.push_str(&format!("{digits}e{sign}{:02}", exponent.abs()));
    }
}

/// The most characters that the labels of an exemplar may have, names and values together.
const EXEMPLAR_MAX: usize = 128;
const _: () = assert!("trace_id".len() + 32 + "span_id".len() + 16 <= EXEMPLAR_MAX);

/// Appends an exemplar as it stands behind the value of a bucket.
pub(crate) fn push_exemplar(out: &mut String, exemplar: &Exemplar) {
    let Exemplar {
        value,
        time,
        trace_id,
        span_id,
    } = exemplar;
    out.push_str(&format!(
        " # {{trace_id=\"{trace_id}\",span_id=\"{span_id}\"}} "
    ));
    push_f64(out, *value);
    out.push(' ');
    push_seconds(out, *time);
}

/// Appends a time as OpenMetrics has it, in seconds, cut to the milliseconds that Prometheus keeps.
fn push_seconds(out: &mut String, time: Timestamp) {
    let millis = time.unix_nanos() / 1_000_000;
    out.push_str(&format!("{}.{:03}", millis / 1_000, millis % 1_000));
}

/// Help text: a backslash and a line feed are escaped.
pub(crate) fn escape_help(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

/// A label's value: a quotation mark as well.
pub(crate) fn escape_value(text: &str) -> String {
    escape_help(text).replace('"', "\\\"")
}

/// Label pairs without braces, such as `a="x",b="y"`; empty when there are none.
///
/// Keys that become the same share one, their values joined by `;` in the order of the original keys. `le` belongs to
/// histograms, so a label of that name becomes `exported_le`.
pub(crate) fn label_pairs<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (key, value) in labels {
        let key = match prometheus_label(key) {
            le if le == "le" => "exported_le".into(),
            key => key,
        };
        match pairs.iter_mut().find(|it| it.0 == key) {
            Some((_, joined)) => {
                joined.push(';');
                joined.push_str(&escape_value(value));
            }
            None => pairs.push((key, escape_value(value))),
        }
    }
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(key, value)| format!("{key}=\"{value}\""))
        .collect();
    pairs.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn floats_are_written_as_prometheus_reads_them() {
        for (value, text) in [
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (0.0, "0"),
            (-3.0, "-3"),
            (0.25, "0.25"),
            (1e300, "1e+300"),
            (1e-9, "1e-9"),
        ] {
            let mut out = String::new();
            push_f64(&mut out, value);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn bounds_are_written_as_openmetrics_lists_them() {
        for (bound, text) in [
            (1e-10, "1e-10"),
            (1e-6, "1e-06"),
            (5e-6, "5e-06"),
            (0.000_05, "5e-05"),
            (0.0001, "0.0001"),
            (0.001, "0.001"),
            (1.0, "1.0"),
            (-2.5, "-2.5"),
            (0.0, "0.0"),
            (10.0, "10.0"),
            (100_000.0, "100000.0"),
            (1e6, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (1e100, "1e+100"),
            (9.536_743_164_062_5e-7, "9.5367431640625e-07"),
        ] {
            let mut out = String::new();
            push_le(&mut out, bound);
            assert_eq!(out, text);
            assert_eq!(out.parse::<f64>().unwrap(), bound);
        }
    }

    #[test]
    fn keys_that_become_the_same_join_their_values() {
        let labels = [("a.b", "1"), ("a_b", "2"), ("c", "\"\\\n"), ("le", "x")];
        assert_eq!(
            label_pairs(labels.into_iter()),
            r#"a_b="1;2",c="\"\\\n",exported_le="x""#
        );
    }

    /// What a parser of the text format does.
    fn unescape(text: &str) -> Option<String> {
        let mut out = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next()? {
                    'n' => out.push('\n'),
                    it @ ('\\' | '"') => out.push(it),
                    _ => return None,
                },
                '\n' | '"' => return None,
                c => out.push(c),
            }
        }
        Some(out)
    }

    proptest! {
        #[test]
        fn an_escaped_value_reads_back_as_what_it_was(value in any::<String>()) {
            prop_assert_eq!(unescape(&escape_value(&value)), Some(value));
        }

        #[test]
        fn escapes_read_back_where_everything_is_special(value in "[\\\\\"\nn]{0,12}") {
            prop_assert_eq!(unescape(&escape_value(&value)), Some(value));
        }

        #[test]
        fn numbers_read_back_as_what_they_were(float: f64, natural: u64, integer: i64) {
            let mut out = String::new();
            push_f64(&mut out, float);
            prop_assert_eq!(out.parse::<f64>().unwrap().total_cmp(&float).is_eq() || float == 0.0 || float.is_nan(), true);
            out.clear();
            push_u64(&mut out, natural);
            prop_assert_eq!(out.parse::<u64>().unwrap(), natural);
            out.clear();
            push_i64(&mut out, integer);
            prop_assert_eq!(out.parse::<i64>().unwrap(), integer);
        }
    }
}
