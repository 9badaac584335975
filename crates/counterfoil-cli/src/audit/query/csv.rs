//! Records as a table for spreadsheets (RFC 4180).
//!
//! A cell that a spreadsheet could take for a formula begins with an apostrophe, and what could steer a terminal or hide is
//! written as an escape, as in text. So a table is for looking at; the exact bytes are in the lines of the log.

use std::io::{self, Write};

use counterfoil::audit::{AuditRecord, Text};
use serde_json::Value;

use crate::audit::reading;
use crate::escape::Escaped;

const COLUMNS: &str = "chain,seq,sealed,occurred,kind,outcome,lease,node,tenant,workload,tag,from,principal,request,trace,span,src,n,hash,data";

pub(super) fn head(out: &mut impl Write) -> io::Result<()> {
    write!(out, "{COLUMNS}\r\n")
}

pub(super) fn row(out: &mut impl Write, record: &AuditRecord) -> io::Result<()> {
    let (keys, who, src) = (record.keys(), record.who(), record.src());
    let shown = |value: Option<&Text>| value.map(reading::text).unwrap_or_default();
    let body: Value = serde_json::from_slice(record.body())?;
    let cells = [
        record.chain().to_string(),
        record.seq().to_string(),
        record.time().to_string(),
        src.time.to_string(),
        record.kind().to_string(),
        record.outcome().as_str().to_owned(),
        keys.lease.map(|id| id.to_string()).unwrap_or_default(),
        shown(keys.node.as_ref()),
        shown(who.tenant.as_ref()),
        shown(who.workload.as_ref()),
        shown(who.tag.as_ref()),
        shown(who.from.as_ref()),
        shown(who.principal.as_ref()),
        keys.request.map(|id| id.to_string()).unwrap_or_default(),
        keys.trace.map(|id| id.to_string()).unwrap_or_default(),
        keys.span.map(|id| id.to_string()).unwrap_or_default(),
        src.id.to_string(),
        src.n.to_string(),
        record.hash().to_string(),
        body["event"]["data"].to_string(),
    ];
    for (at, value) in cells.iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        out.write_all(cell(value).as_bytes())?;
    }
    out.write_all(b"\r\n")
}

/// A value as a cell that is a text in every spreadsheet.
fn cell(value: &str) -> String {
    let shown = Escaped(value).to_string();
    // Also behind spaces and as full-width forms, which some programs take for the plain ones.
    let first = shown.trim_start().chars().next();
    let formula = matches!(
        first,
        Some('=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}')
    );
    let guard = if formula { "'" } else { "" };
    let quoted = formula || shown.contains([',', '"', ' ', ';']) || shown.starts_with('\'');
    if quoted {
        format!("\"{guard}{}\"", shown.replace('"', "\"\""))
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_breaks_its_row() {
        for (value, expected) in [
            ("node-a", "node-a"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("  =1", "\"'  =1\""),
            ("\u{ff1d}1", "\"'\u{ff1d}1\""),
            ("\t=1", "\\u{9}=1"),
            ("a\r\nb", "a\\u{d}\\u{a}b"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
        ] {
            assert_eq!(cell(value), expected, "{value:?}");
        }
    }
}
