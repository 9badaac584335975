//! JSON as our own lines are written in: compact, and safe to print on a terminal.

mod line_writer;
mod telemetry;

use std::borrow::Cow;
use std::fmt::Write;

pub use line_writer::LineWriter;
pub use telemetry::{push_log, push_span};

use crate::{Event, EventValue, Redact};

/// Appends `text` as a JSON string. Control characters, line separators and the invisible characters that reorder or hide
/// text are escaped, so the line stays one line and shows what it says.
pub fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            _ if c.is_control() || is_deceptive(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    append(out, format_args!("\\u{unit:04x}"));
                }
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// Appends a number. What JSON has no form for becomes one of the strings `NaN`, `+Inf` and `-Inf`.
pub fn push_float(out: &mut String, value: f64) {
    match value {
        _ if value.is_finite() => append(out, format_args!("{value:?}")),
        f64::INFINITY => out.push_str("\"+Inf\""),
        f64::NEG_INFINITY => out.push_str("\"-Inf\""),
        _ => out.push_str("\"NaN\""),
    }
}

/// Appends `event` as one JSON object, without a line feed.
///
/// | key | form |
/// |---|---|
/// | `time` | RFC 3339 with nine digits |
/// | `event` | name of the event |
/// | `tenant`, `workload`, `principal`, `tag`, `from`, `request_id`, `node_id` | string |
/// | `trace_id`, `span_id` | lower-case hexadecimal |
/// | `lease_id`, `by` | decimal string, because readers round numbers above 2^53 |
/// | `resource_type`, `op`, `error`, `reason` | string |
/// | `bytes`, `ttl_ms`, `elapsed_ns`, `value` | number |
///
/// A key without a value is left out. Names pass `redact`.
pub fn push_event(out: &mut String, event: &Event, redact: Option<&dyn Redact>) {
    let event = redact.map_or(Cow::Borrowed(event), |policy| event.redacted(policy));
    append(
        out,
        format_args!("{{\"time\":\"{}\",\"event\":", event.time),
    );
    push_string(out, event.event.kind_name());
    event.each_key(&mut |key, value| {
        append(out, format_args!(",\"{key}\":"));
        match value {
            EventValue::Text(text) => push_string(out, text),
            EventValue::Trace(id) => append(out, format_args!("\"{id}\"")),
            EventValue::Span(id) => append(out, format_args!("\"{id}\"")),
            EventValue::Lease(id) => append(out, format_args!("\"{id}\"")),
            EventValue::Number(number) => append(out, format_args!("{number}")),
        }
    });
    out.push('}');
}

/// Whether `c` makes a line look like another one: the marks that reorder text, the separators of lines other than the line
/// feed, and the characters that take no room. Control characters are not among them: see [`char::is_control`].
///
/// ```
/// use counterfoil_core::json::is_deceptive;
/// assert!(is_deceptive('\u{202e}') && is_deceptive('\u{200b}'));
/// assert!(!is_deceptive('é'));
/// ```
#[must_use]
pub const fn is_deceptive(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A string takes everything that is written to it.
    let _always_ok = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_deceive_a_reader_is_escaped_and_the_rest_is_kept() {
        let mut out = String::new();
        push_string(
            &mut out,
            "a\"b\\c\n\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{e0041}é漢",
        );
        assert_eq!(
            out,
            "\"a\\\"b\\\\c\\u000a\\u001b[2J\\u007f\\u009b\\u202e\\udb40\\udc41é漢\""
        );
    }
}
