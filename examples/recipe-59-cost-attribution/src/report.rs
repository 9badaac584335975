//! The bill as text, CSV and JSON.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use crate::{Account, Bill, Finding, Reconciliation, Usage};

/// For people: the totals by tenant, by project and by tag, and what could not be booked. At most 80 columns wide; text from
/// records cannot act on a terminal.
#[must_use]
pub fn text(bill: &Bill, tail: u64) -> String {
    let mut out = String::new();
    let head = &bill.head;
    line(&mut out, format_args!("chain    {}", head.chain));
    line(
        &mut out,
        format_args!("head     record {}\nhash     {}", head.seq, head.hash),
    );
    line(
        &mut out,
        format_args!("tail     {tail} records beyond the head, not billed"),
    );
    line(&mut out, format_args!("as of    {}", bill.as_of));
    let project = |account: &Account| account.project().map(str::to_owned);
    table(&mut out, "tenant", &rollup(bill, |it| it.tenant.clone()));
    table(&mut out, "project", &rollup(bill, project));
    table(&mut out, "tag", &rollup(bill, |it| it.tag.clone()));
    for (count, what) in [
        (
            bill.unmatched,
            "ends or renewals of leases whose beginning is not in the log",
        ),
        (bill.superseded, "leases granted again while they were held"),
        (
            bill.unreadable.len() as u64,
            "records about leases that could not be booked",
        ),
    ] {
        if count > 0 {
            line(
                &mut out,
                format_args!("\nnot booked as usual: {count} {what}"),
            );
        }
    }
    out
}

/// Both sides of every figure, and what their differences are made of.
#[must_use]
pub fn reconciliation(it: &Reconciliation) -> String {
    let mut out = String::new();
    line(
        &mut out,
        format_args!(
            "{:<14}{:>18}{:>18}{:>14}{:>12}",
            "metrics", "counted", "billed", "in the tail", "no record"
        ),
    );
    let mut rows = |what: &str, findings: &[Finding]| {
        for finding in findings {
            let name = format!("{what} {}", finding.resource);
            line(
                &mut out,
                format_args!(
                    "{name:<14}{:>18}{:>18}{:>14}{:>12}",
                    finding.metric,
                    finding.anchored,
                    finding.tail,
                    finding.unsealed()
                ),
            );
        }
    };
    rows("leases", &it.leases);
    rows("bytes", it.bytes.as_deref().unwrap_or_default());
    if it.bytes.is_none() {
        line(
            &mut out,
            format_args!("bytes are not measured by this service"),
        );
    }
    let Reconciliation {
        declared_lost,
        undeclared,
        queued,
        ..
    } = it;
    let verdict = if it.agrees() {
        "RECONCILED: every figure is the same on both sides".to_owned()
    } else if it.is_explained() {
        format!(
            "EXPLAINED: the tail is not anchored yet; lost and declared {declared_lost}, \
             lost and not declared yet {undeclared}, still queued {queued}"
        )
    } else {
        format!(
            "NOT EXPLAINED: metrics and records are of different runs, or something was left out \
             (declared lost {declared_lost}, not declared {undeclared}, queued {queued})"
        )
    };
    out.push_str(&wrapped(&verdict));
    out
}

/// For spreadsheets (RFC 4180): a line per account. Cells that a spreadsheet would take for a formula begin with `'`.
#[must_use]
pub fn csv(bill: &Bill) -> String {
    let mut out = "tenant,project,tag,resource,acquired,renewed,released,expired,preempted,held,\
                   bytes,byte_seconds\r\n"
        .to_owned();
    for (account, usage) in &bill.usage {
        let texts = [
            account.tenant.as_deref(),
            account.project(),
            account.tag.as_deref(),
        ];
        let cells = texts.map(|text| cell(text.unwrap_or_default())).join(",");
        let Usage {
            acquired,
            renewed,
            released,
            expired,
            preempted,
            held,
            bytes,
            ..
        } = usage;
        append(
            &mut out,
            format_args!(
                "{cells},{},{acquired},{renewed},{released},{expired},{preempted},{held},{bytes},{}\r\n",
                account.resource,
                usage.byte_seconds()
            ),
        );
    }
    out
}

/// For programs. Figures without a bound are strings, because readers of JSON round numbers beyond 2^53.
#[must_use]
pub fn json(bill: &Bill, tail: u64, reconciled: Option<&Reconciliation>) -> Value {
    let rows: Vec<_> = bill
        .usage
        .iter()
        .map(|(account, usage)| row(account, usage))
        .collect();
    json!({
        "schema": "cookbook.cost",
        "version": 1,
        "chain": bill.head.chain.as_str(),
        "head": { "seq": bill.head.seq, "hash": bill.head.hash.to_string() },
        "tail": tail,
        "as_of": bill.as_of.to_string(),
        "usage": rows,
        "unmatched": bill.unmatched,
        "superseded": bill.superseded,
        "unreadable": bill.unreadable,
        "reconciliation": reconciled.map(|it| json!({
            "agrees": it.agrees(),
            "explained": it.is_explained(),
            "leases": it.leases.iter().map(sides).collect::<Vec<_>>(),
            "bytes": it.bytes.as_ref().map(|all| all.iter().map(sides).collect::<Vec<_>>()),
            "declared_lost": it.declared_lost,
            "undeclared": it.undeclared,
            "queued": it.queued,
        })),
    })
}

fn row(account: &Account, usage: &Usage) -> Value {
    json!({
        "tenant": account.tenant,
        "project": account.project(),
        "tag": account.tag,
        "resource": account.resource.as_str(),
        "acquired": usage.acquired,
        "renewed": usage.renewed,
        "released": usage.released,
        "expired": usage.expired,
        "preempted": usage.preempted,
        "held": usage.held,
        "bytes": usage.bytes.to_string(),
        "byte_seconds": usage.byte_seconds(),
    })
}

fn sides(finding: &Finding) -> Value {
    json!({
        "resource": finding.resource.as_str(),
        "metric": finding.metric.to_string(),
        "anchored": finding.anchored.to_string(),
        "tail": finding.tail.to_string(),
        "unsealed": finding.unsealed().to_string(),
    })
}

/// Usage by whatever `by` says of an account.
fn rollup(bill: &Bill, by: impl Fn(&Account) -> Option<String>) -> BTreeMap<Option<String>, Usage> {
    let mut totals = BTreeMap::<_, Usage>::new();
    for (account, usage) in &bill.usage {
        totals.entry(by(account)).or_default().add(usage);
    }
    totals
}

fn table(out: &mut String, title: &str, totals: &BTreeMap<Option<String>, Usage>) {
    line(
        out,
        format_args!(
            "\n{title:<26}{:>9}{:>9}{:>8}{:>9}{:>17}",
            "acquired", "expired", "held", "taken", "GiB-hours"
        ),
    );
    for (name, usage) in totals {
        let name = name.as_deref().map_or_else(|| "(none)".to_owned(), shown);
        line(
            out,
            format_args!(
                "{name:<26}{:>9}{:>9}{:>8}{:>9}{:>17.3}",
                usage.acquired,
                usage.expired,
                usage.held,
                usage.preempted,
                usage.gib_hours()
            ),
        );
    }
}

/// Foreign text for a terminal: what is not printable, or turns the direction of writing, is written as an escape.
fn shown(text: &str) -> String {
    const MOST: usize = 25;
    let escaped: String = text
        .chars()
        .flat_map(|c| match c {
            '\'' | '"' => c.to_string().chars().collect::<Vec<_>>(),
            _ => c.escape_debug().collect(),
        })
        .collect();
    if escaped.chars().count() <= MOST {
        return escaped;
    }
    escaped.chars().take(MOST - 1).chain(['…']).collect()
}

fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\r', '\n']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

fn line(out: &mut String, text: fmt::Arguments<'_>) {
    append(out, text);
    out.push('\n');
}

fn append(out: &mut String, text: fmt::Arguments<'_>) {
    // A string takes everything that is written to it.
    let _always_ok = out.write_fmt(text);
}

/// A sentence, broken at spaces so that it fits on a terminal.
fn wrapped(sentence: &str) -> String {
    let mut out = String::new();
    let mut width = 0;
    for word in sentence.split(' ') {
        if width > 0 && width + 1 + word.len() > 80 {
            out.push('\n');
            width = 0;
        } else if width > 0 {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += word.len();
    }
    out.push('\n');
    out
}
