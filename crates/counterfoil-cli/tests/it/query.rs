//! `counterfoil audit query`.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::Value;

use crate::run::{Copied, Ran, counterfoil, sample_log};

fn query(copy: &Copied, args: &[&str]) -> Ran {
    counterfoil()
        .args(["audit", "query"])
        .arg(copy.path("audit"))
        .args(args)
        .output()
        .expect("the binary runs")
        .into()
}

fn records(ran: &Ran) -> Vec<Value> {
    ran.stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_kind_is_found_as_often_as_the_demo_counted_it() {
    let copy = sample_log().copy();
    for row in sample_log().totals["happenings"].as_array().unwrap() {
        let kind = row["kind"].as_str().unwrap();
        let found = records(&query(&copy, &["--kind", kind, "--output", "jsonl"]));
        assert_eq!(found.len() as u64, row["audit"].as_u64().unwrap(), "{kind}");
        assert!(
            found
                .iter()
                .all(|record| record["body"]["event"]["kind"] == kind)
        );
    }
}

#[test]
fn without_a_condition_jsonl_is_the_log_byte_for_byte() {
    let copy = sample_log().copy();
    let log: Vec<u8> = copy
        .segments()
        .iter()
        .flat_map(|segment| std::fs::read(segment).unwrap())
        .collect();
    assert!(query(&copy, &["--output", "jsonl"]).stdout.as_bytes() == log);
}

#[test]
fn a_number_selects_the_line_of_its_record() {
    let copy = sample_log().copy();
    let all = query(&copy, &["--output", "jsonl"]).stdout;
    let seventh = query(&copy, &["--seq", "7", "--output", "jsonl"]).stdout;
    assert_eq!(
        seventh.lines().collect::<Vec<_>>(),
        [all.lines().nth(6).unwrap()]
    );
    assert_eq!(query(&copy, &["--seq", "0"]).code, Some(2));
}

#[test]
fn each_key_selects_its_records_and_keys_combine() {
    let copy = sample_log().copy();
    let all = records(&query(&copy, &["--output", "jsonl"]));
    let sample = all
        .iter()
        .find(|record| record["body"]["event"]["kind"] == "lease_released")
        .expect("a lease was released");
    let body = &sample["body"];
    let text = |value: &Value| value.as_str().expect("keys are text").to_owned();
    let conditions = [
        ("--lease", text(&body["keys"]["lease"]), "/body/keys/lease"),
        ("--node", text(&body["keys"]["node"]), "/body/keys/node"),
        ("--trace", text(&body["keys"]["trace"]), "/body/keys/trace"),
        (
            "--request",
            text(&body["keys"]["request"]),
            "/body/keys/request",
        ),
        ("--tenant", text(&body["who"]["tenant"]), "/body/who/tenant"),
    ];
    let mut together: Vec<&str> = vec!["--output", "jsonl"];
    for (flag, value, pointer) in &conditions {
        let found = records(&query(&copy, &[flag, value, "--output", "jsonl"]));
        let expected: Vec<_> = all
            .iter()
            .filter(|record| record.pointer(pointer) == Some(&Value::from(value.as_str())))
            .collect();
        assert!(
            !found.is_empty() && found.iter().eq(expected),
            "{flag} {value}"
        );
        together.extend([*flag, value.as_str()]);
    }
    let found = records(&query(&copy, &together));
    assert!(
        found.contains(sample) && found.len() < 20,
        "{} records",
        found.len()
    );
}

#[test]
fn time_bounds_are_inclusive_and_relative_ones_count_from_now() {
    let copy = sample_log().copy();
    let all = records(&query(&copy, &["--output", "jsonl"]));
    let time = all[all.len() / 2]["body"]["src"]["time"].as_str().unwrap();
    let exactly = records(&query(
        &copy,
        &["--since", time, "--until", time, "--output", "jsonl"],
    ));
    assert!(exactly.contains(&all[all.len() / 2]));
    assert!(
        exactly
            .iter()
            .all(|record| record["body"]["src"]["time"] == time)
    );
    assert_eq!(
        records(&query(&copy, &["--since", "-24h", "--output", "jsonl"])).len(),
        all.len()
    );
    assert_eq!(query(&copy, &["--until", "-24h"]).stdout, "");
}

#[test]
fn a_reader_that_goes_away_ends_the_query_quietly() {
    let copy = sample_log().copy();
    let mut child = counterfoil()
        .args(["audit", "query", "--output", "jsonl"])
        .arg(copy.path("audit"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert!(first.starts_with("{\"body\":"));
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(
        (child.wait().unwrap().code(), stderr.as_str()),
        (Some(0), "")
    );
}

#[test]
fn a_line_without_an_end_is_left_out_with_a_note() {
    let copy = sample_log().copy();
    let segment = copy.segments().pop().unwrap();
    let whole = std::fs::read(&segment).unwrap();
    std::fs::write(&segment, &whole[..whole.len() - 10]).unwrap();
    let ran = query(&copy, &["--output", "jsonl"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.starts_with("note: line "), "{}", ran.stderr);
    let all: usize = sample_log().totals["head"]["seq"].as_u64().unwrap() as usize;
    assert_eq!(records(&ran).len(), all - 1);
}

#[test]
fn text_is_one_line_per_record() {
    let copy = sample_log().copy();
    let ran = query(&copy, &[]);
    assert_eq!(
        ran.stdout.lines().count() as u64,
        sample_log().totals["head"]["seq"].as_u64().unwrap()
    );
    assert!(
        ran.stdout.lines().next().unwrap().contains(" log_opened "),
        "{}",
        ran.stdout.lines().next().unwrap()
    );
}

#[test]
fn an_index_changes_no_answer_and_can_be_built_anew_or_be_damaged() {
    let copy = sample_log().copy();
    let log = copy.path("audit");
    let before = query(&copy, &["--lease", "7", "--output", "jsonl"]);
    assert!(!before.stdout.is_empty());
    let index = |args: &[&str]| -> Ran {
        let mut command = counterfoil();
        command.args(["audit", "index"]).arg(&log).args(args);
        command.output().expect("the binary runs").into()
    };
    let built = index(&["--output", "json"]).json();
    assert_eq!(built["up_to"], sample_log().totals["head"]["seq"]);
    assert_eq!(index(&["--output", "json"]).json()["added"], 0);
    let with = query(&copy, &["--lease", "7", "--output", "jsonl"]);
    assert_eq!(
        (with.stdout, with.stderr),
        (before.stdout.clone(), String::new())
    );
    let run = std::fs::read_dir(log.join("index"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "run"))
        .unwrap();
    let whole = std::fs::read(&run).unwrap();
    std::fs::write(&run, &whole[..whole.len() / 2]).unwrap();
    let damaged = query(&copy, &["--lease", "7", "--output", "jsonl"]);
    assert_eq!(damaged.stdout, before.stdout);
    assert!(
        damaged.stderr.contains("counterfoil audit index"),
        "{}",
        damaged.stderr
    );
    assert_eq!(
        index(&["--rebuild", "--output", "json"]).json()["added"],
        built["up_to"]
    );
    let verified = crate::run::run([
        "verify".as_ref(),
        log.as_os_str(),
        "--anchor".as_ref(),
        copy.path("anchor.json").as_os_str(),
    ]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

#[test]
fn a_table_has_a_heading_and_a_row_for_each_record_and_a_limit_holds() {
    let copy = sample_log().copy();
    let ran = query(&copy, &["--output", "csv", "--limit", "5"]);
    let rows: Vec<_> = ran.stdout.split("\r\n").collect();
    assert!(
        rows[0].starts_with("chain,seq,sealed,occurred,kind,"),
        "{}",
        rows[0]
    );
    assert_eq!(rows.len(), 1 + 5 + 1);
    assert!(
        rows[1].contains(",1,") && rows[1].contains(",log_opened,success,"),
        "{}",
        rows[1]
    );
    let none = query(&copy, &["--output", "csv", "--node", "nowhere"]);
    assert_eq!(none.stdout.lines().count(), 1);
    assert_eq!(
        records(&query(&copy, &["--limit", "3", "--output", "jsonl"])).len(),
        3
    );
}

#[test]
fn who_follows_sees_what_is_added_and_ends_in_order_when_interrupted() {
    let copy = sample_log().copy();
    let segment = copy.segments().pop().unwrap();
    let whole = std::fs::read(&segment).unwrap();
    let cut = whole[..whole.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    std::fs::write(&segment, &whole[..cut + 20]).unwrap();
    let mut child = counterfoil()
        .args(["audit", "query", "--output", "jsonl", "--follow"])
        .arg(copy.path("audit"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let all = sample_log().totals["head"]["seq"].as_u64().unwrap();
    for _ in 1..all {
        lines.next().unwrap().unwrap();
    }
    let mut file = std::fs::File::options()
        .append(true)
        .open(&segment)
        .unwrap();
    std::io::Write::write_all(&mut file, &whole[cut + 20..]).unwrap();
    let last: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(last["body"]["chain"]["seq"], all);
    let status = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(lines.next().is_none());
}
