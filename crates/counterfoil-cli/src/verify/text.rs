//! The report for people.

use std::time::Duration;

use counterfoil::Timestamp;
use counterfoil::audit::verify::{Completeness, Failure, KeyReport, LaneReport, Report, StateUse};

use super::next;
use crate::wrap::Paragraph;

/// Lanes and missing ranges that are listed; JSON has them all.
const LISTED: usize = 20;

/// The report, at most 80 columns wide. What comes out of records is escaped.
pub(super) fn of(report: &Report) -> String {
    let mut text = Text::default();
    text.line("", &format!("{}: {}", report.verdict, report.log));
    what_was_read(&mut text, report);
    head(&mut text, report);
    keys(&mut text, report);
    completeness(&mut text, report);
    if report.hash_only {
        text.item(
            "left out",
            "hash only: the grammar of bodies, policies and completeness were not judged",
        );
    }
    state(&mut text, report);
    for failure in &report.failures {
        finding(&mut text, failure, &report.log);
    }
    let listed = report.failures.len() as u64;
    if report.failures_total > listed {
        let more = report.failures_total - listed;
        text.line("", &format!("and {more} more findings"));
    }
    text.0
}

/// Lines, each wrapped and escaped.
#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, label: &str, text: &str) {
        self.0.push_str(&Paragraph::new(label, text).to_string());
    }

    fn item(&mut self, name: &str, text: &str) {
        self.line(&format!("  {name:<12} "), text);
    }

    fn part(&mut self, name: &str, text: &str) {
        self.line(&format!("    {name:<9} "), text);
    }
}

fn what_was_read(text: &mut Text, report: &Report) {
    let mut read = records(report.records);
    if let (Some(first), Some(last)) = (report.first_seq, report.last_seq) {
        read.push_str(&format!(", numbers {first} to {last}"));
    }
    read.push_str(&format!(", {} bytes", report.bytes));
    text.item("read", &read);
    for range in report.missing_ranges.iter().take(LISTED) {
        let count = records(range.last - range.first + 1);
        let what = format!("{count}, numbers {} to {}", range.first, range.last);
        text.item("missing", &what);
    }
    let more = report.missing_ranges.len().saturating_sub(LISTED);
    if more > 0 {
        let total = records(report.missing_records);
        text.item("missing", &format!("{more} more ranges; {total} in all"));
    }
}

fn head(text: &mut Text, report: &Report) {
    if let Some(head) = &report.trusted {
        let from = report.head_from.map_or("", |from| from.as_str());
        let mut what = format!("record {} of {}, from {from}", head.seq, head.chain);
        if let Some(age) = report.head_age {
            what.push_str(&format!(", sealed {} ago", ago(age)));
        }
        text.item("head", &what);
        let mut tail = format!("{} beyond the head", records(report.tail.records));
        if let Some(age) = report.tail.age {
            tail.push_str(&format!(", the oldest sealed {} ago", ago(age)));
        }
        if report.tail.records > 0 {
            let sound = report.tail.consistent == report.tail.records;
            tail.push_str(&if sound {
                ", consistent".to_owned()
            } else {
                format!(", the first {} consistent", report.tail.consistent)
            });
        }
        text.item("tail", &tail);
    }
    if report.tail.unfinished_bytes > 0 {
        let bytes = report.tail.unfinished_bytes;
        text.item("tail", &format!("an unfinished line of {bytes} bytes"));
    }
}

fn keys(text: &mut Text, report: &Report) {
    for key in &report.keys {
        text.item(&format!("{} key", key.role.as_str()), &key_line(key));
    }
    for by in &report.cosigned_by {
        let at = Timestamp::from_unix_seconds(by.unix_seconds).to_text();
        let at = String::from_utf8_lossy(&at);
        text.item("cosigned", &format!("by {} at {at}", by.witness));
    }
    if report.rotations_followed > 0 {
        text.item(
            "rotations",
            &format!("{} of the log key followed", report.rotations_followed),
        );
    }
    if let Some(epoch) = report.epoch {
        text.item("key epoch", &epoch.to_string());
    }
    if report.signatures_verified + report.signatures_not_checked > 0 {
        let what = format!(
            "of records: {} verified, {} by keys that were not given",
            report.signatures_verified, report.signatures_not_checked
        );
        text.item("signatures", &what);
    }
}

fn key_line(key: &KeyReport) -> String {
    let mut words = vec![if key.given { "given" } else { "not given" }.to_owned()];
    match key.in_force {
        Some(true) => words.push("in force".to_owned()),
        Some(false) => words.push("not in force at the end".to_owned()),
        None => {}
    }
    if key.signed_head {
        words.push("signed the head".to_owned());
    }
    if key.signatures_verified > 0 {
        words.push(format!("signed {}", records(key.signatures_verified)));
    }
    if key.signatures_not_checked > 0 {
        words.push(format!(
            "{} signatures not checked",
            key.signatures_not_checked
        ));
    }
    format!("{}: {}", key.key, words.join(", "))
}

fn completeness(text: &mut Text, report: &Report) {
    if let Some(last) = report.pruned {
        text.item(
            "pruned",
            &format!("records 1 to {last}, as retention_applied says"),
        );
    }
    if let Some(erasables) = &report.erasables {
        text.item("erasable", &erasables.to_string());
    }
    let Some(completeness) = report.completeness else {
        return;
    };
    let lost: u64 = report.lanes.iter().map(|lane| lane.declared_lost).sum();
    let lanes = count(report.lanes.len() as u64, "lane");
    text.item(
        "completeness",
        &format!("{completeness}: {lanes}, {} declared lost", records(lost)),
    );
    // Whole lanes need no line of their own.
    let unusual = |lane: &&LaneReport| lane.completeness != Completeness::Complete;
    for lane in report.lanes.iter().filter(unusual).take(LISTED) {
        text.item("lane", &lane_line(lane));
    }
    let more = report.lanes.iter().filter(unusual).count();
    if more > LISTED {
        text.item(
            "lane",
            &format!("{} more that are not COMPLETE", more - LISTED),
        );
    }
}

fn lane_line(lane: &LaneReport) -> String {
    let mut what = format!(
        "{} to number {}: {}",
        lane.src, lane.last_n, lane.completeness
    );
    if lane.declared_lost > 0 {
        what.push_str(&format!(", {} declared lost", lane.declared_lost));
    }
    if lane.missing > 0 {
        what.push_str(&format!(", {} missing and not declared", lane.missing));
    }
    what
}

fn state(text: &mut Text, report: &Report) {
    match report.state_used {
        Some(StateUse::From { seq }) if seq > 1 => text.item(
            "state",
            &format!(
                "records 1 to {} rest on it and were not read again; hash tiles were not compared",
                seq - 1
            ),
        ),
        Some(StateUse::ReadAll { why }) => {
            text.item("state", &format!("everything was read, for {why}"));
        }
        _ => {}
    }
}

fn finding(text: &mut Text, failure: &Failure, log: &str) {
    let position = failure
        .position
        .map_or_else(|| "log".to_owned(), |position| format!("record {position}"));
    let code = failure.reason.code();
    text.line("", &format!("{code} {position}: {}", failure.detail));
    let parts = [
        ("expected", failure.expected.clone()),
        ("found", failure.found.clone()),
        ("file", place(failure)),
        (
            "cause",
            failure.cause.map(|cause| cause.sentence().to_owned()),
        ),
        ("next", Some(next::command(failure, log))),
    ];
    for (name, part) in parts {
        if let Some(part) = part {
            text.part(name, &part);
        }
    }
}

fn place(failure: &Failure) -> Option<String> {
    let file = failure.file.as_ref()?;
    let offset = failure.offset?;
    Some(format!("{file}, at byte {offset}"))
}

fn records(number: u64) -> String {
    count(number, "record")
}

fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn ago(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", age.as_secs_f64()),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}
