//! Messages in the form of RFC 5424, section 6.

use counterfoil_core::{Event, LogRecord, SealedLine, Severity, Timestamp, json};
use serde::Deserialize;

/// `log audit` and `local0` (RFC 5424, table 1).
const AUDIT: u8 = 13;
const LOCAL0: u8 = 16;
/// Table 2.
const NOTICE: u8 = 5;
const INFORMATIONAL: u8 = 6;
/// What stands for a field that is not known.
const NIL: &str = "-";

/// Which host and program messages are from: the header of each of them.
#[derive(Clone, Debug)]
pub struct Origin {
    host: String,
    app: String,
    process: String,
    enterprise: u32,
}

impl Origin {
    /// Messages of the program `app`, with its process id `process`, on `host`. What these fields must not hold becomes `_`, and what
    /// is too long is cut.
    ///
    /// `enterprise` is your private enterprise number at IANA, which makes the name of our structured data yours; 32473 is the
    /// one for documentation.
    #[must_use]
    pub fn new(host: &str, app: &str, process: u32, enterprise: u32) -> Self {
        Self {
            host: field(host, 255),
            app: field(app, 48),
            process: process.to_string(),
            enterprise,
        }
    }

    pub(super) fn event(&self, event: &Event) -> Vec<u8> {
        let mut text = String::new();
        json::push_event(&mut text, event, None);
        let header = self.header(
            LOCAL0,
            INFORMATIONAL,
            Some(event.time),
            event.event.kind_name(),
        );
        format!("{header} {NIL} {text}").into_bytes()
    }

    pub(super) fn log(&self, log: &LogRecord) -> Vec<u8> {
        let mut text = String::new();
        json::push_log(&mut text, log);
        let id = log.event_name.as_deref().unwrap_or("log");
        let header = self.header(LOCAL0, severity(log.severity), Some(log.time), id);
        format!("{header} {NIL} {text}").into_bytes()
    }

    pub(super) fn sealed(&self, line: &SealedLine) -> Vec<u8> {
        // What is no record of ours is shipped all the same: an exporter does not judge, `verify` does.
        let seen = serde_json::from_slice::<Line<'_>>(&line.bytes)
            .ok()
            .map(|it| it.body);
        let time = seen
            .as_ref()
            .and_then(|body| Timestamp::from_text(body.chain.time.as_bytes()));
        let kind = seen.as_ref().map_or("sealed", |body| body.event.kind);
        let chain = seen.as_ref().map_or(NIL, |body| body.chain.id);

        let header = self.header(AUDIT, NOTICE, time, kind);
        let (enterprise, chain) = (self.enterprise, parameter(chain));
        let (seq, hash) = (line.seq, line.hash);
        let mut message = format!(
            "{header} [counterfoil@{enterprise} chain=\"{chain}\" seq=\"{seq}\" hash=\"{hash}\"] "
        )
        .into_bytes();
        message.extend_from_slice(line.bytes.strip_suffix(b"\n").unwrap_or(&line.bytes));
        message
    }

    fn header(&self, facility: u8, severity: u8, time: Option<Timestamp>, id: &str) -> String {
        let priority = facility * 8 + severity;
        let time = time.map_or_else(|| NIL.to_owned(), microseconds);
        let Self {
            host, app, process, ..
        } = self;
        format!(
            "<{priority}>1 {time} {host} {app} {process} {}",
            field(id, 32)
        )
    }
}

/// What a message needs of a sealed line; the line itself goes out as it is.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    body: Body<'a>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    chain: Chain<'a>,
    #[serde(borrow)]
    event: Kind<'a>,
}

#[derive(Deserialize)]
struct Chain<'a> {
    id: &'a str,
    time: &'a str,
}

#[derive(Deserialize)]
struct Kind<'a> {
    kind: &'a str,
}

/// A timestamp of RFC 5424 has six digits behind the second at most.
fn microseconds(time: Timestamp) -> String {
    let text = time.to_string();
    let end = text.len() - "000Z".len();
    format!("{}Z", &text[..end])
}

/// A field of the header: printable ASCII without spaces, `-` when there is nothing.
fn field(text: &str, most: usize) -> String {
    if text.is_empty() {
        return NIL.to_owned();
    }
    let plain = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    text.chars().take(most).map(plain).collect()
}

/// A value of structured data (section 6.3.3); control characters, which the RFC only advises against, become `_`.
fn parameter(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(if c.is_control() { '_' } else { c });
    }
    out
}

const fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Trace | Severity::Debug => 7,
        Severity::Info => INFORMATIONAL,
        Severity::Warn => 4,
        Severity::Error => 3,
        Severity::Fatal => 2,
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_core::Digest;

    use super::*;

    fn origin() -> Origin {
        Origin::new("host-1", "lease desk\n", 7, 32473)
    }

    fn sealed(text: &str) -> String {
        let line = SealedLine {
            seq: 3,
            hash: Digest::from_bytes([0xab; Digest::LEN]),
            bytes: format!("{text}\n").into_bytes(),
        };
        String::from_utf8(origin().sealed(&line)).unwrap()
    }

    #[test]
    fn a_sealed_line_is_the_message_byte_for_byte() {
        let line = r#"{"body":{"chain":{"id":"audit.example.com/leases/1","time":"2023-11-14T22:13:20.123456789Z"},"event":{"kind":"lease_expired"}}}"#;
        let hash = "ab".repeat(32);
        assert_eq!(
            sealed(line),
            format!(
                "<109>1 2023-11-14T22:13:20.123456Z host-1 lease_desk_ 7 lease_expired \
                 [counterfoil@32473 chain=\"audit.example.com/leases/1\" seq=\"3\" hash=\"{hash}\"] {line}"
            )
        );
    }

    #[test]
    fn a_line_that_is_no_record_is_shipped_all_the_same() {
        let message = sealed("not a record");
        assert!(
            message
                .starts_with("<109>1 - host-1 lease_desk_ 7 sealed [counterfoil@32473 chain=\"-\"")
        );
        assert!(message.ends_with("] not a record"));
    }

    #[test]
    fn a_value_cannot_end_its_structured_data() {
        assert_eq!(parameter("a\"] [x=\\\n"), "a\\\"\\] [x=\\\\_");
    }

    #[test]
    fn an_empty_field_is_nil_and_a_long_one_is_cut() {
        assert_eq!(field("", 32), "-");
        assert_eq!(field("a b\u{202e}c", 3), "a_b");
    }
}
