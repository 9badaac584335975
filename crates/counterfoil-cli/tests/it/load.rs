//! `counterfoil load` against a collector in this process that judges chains with the intake, and that can be told to misbehave.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use counterfoil::Digest;
use counterfoil::audit::intake::Intake;
use counterfoil::signer::{Ed25519Verifier, Keyring};
use counterfoil_http::{Bytes, Method, Request, Response, Server, StatusCode};
use serde_json::{Value, json};

use crate::run::{Ran, run};

/// What the stand-in does with its nth request for records.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Honest,
    /// Refuses for now, and takes nothing.
    Busy,
    /// Takes everything and answers that it is overloaded.
    Mute,
    /// Forgets the chain after it acknowledged.
    Forgetful,
    /// Refuses for good.
    Strict,
}

/// A chain as the stand-in keeps it.
struct Kept {
    intake: Intake,
    lines: Vec<Vec<u8>>,
}

struct StandIn {
    chains: Mutex<HashMap<String, Kept>>,
    requests: AtomicU64,
    mood: fn(u64) -> Mood,
}

/// A running stand-in, and its address.
struct Running {
    server: Server,
    url: String,
}

fn start(mood: fn(u64) -> Mood) -> Running {
    let collector = Arc::new(StandIn {
        chains: Mutex::default(),
        requests: AtomicU64::new(0),
        mood,
    });
    let answer = move |request: Request<Bytes>| collector.answer(&request);
    let server = Server::builder("stand in for a collector", answer)
        .max_body(16 << 20)
        .start("127.0.0.1:0".parse().unwrap())
        .unwrap();
    let url = format!("http://{}", server.address());
    Running { server, url }
}

fn new_intake(chain: &str, key: &str) -> Intake {
    let mut keys = Keyring::new();
    let verifier = Ed25519Verifier::new(key.parse().unwrap()).unwrap();
    keys.trust(verifier).unwrap();
    Intake::new(chain.parse().unwrap(), Arc::new(keys), None)
}

fn reply(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
}

fn said(body: &Value) -> Response<Bytes> {
    reply(StatusCode::OK, body.to_string())
}

impl StandIn {
    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        let records = path.strip_suffix("/records");
        let name = records.unwrap_or(path).rsplit('/').next().unwrap();
        let chain = name.replace("%2F", "/");
        let mut chains = self.chains.lock().unwrap();
        if request.method() == Method::PUT {
            let body: Value = serde_json::from_slice(request.body()).unwrap();
            let key = body["verifier_key"].as_str().unwrap();
            let intake = new_intake(&chain, key);
            let lines = Vec::new();
            chains.insert(chain, Kept { intake, lines });
            return said(&json!({}));
        }
        let kept = chains.get_mut(&chain).unwrap();
        if records.is_some() {
            let after = request.uri().query().unwrap().split(['=', '&']).nth(1);
            let after: usize = after.unwrap().parse().unwrap();
            let page = kept.lines.iter().skip(after).take(1_000);
            return reply(StatusCode::OK, page.flatten().copied().collect::<Vec<u8>>());
        }
        if request.method() == Method::POST {
            return self.take(kept, request.body());
        }
        let hash = kept.intake.hash().unwrap_or(Digest::ZERO).to_string();
        said(&json!({ "chain": chain, "seq": kept.intake.seq(), "hash": hash }))
    }

    fn take(&self, kept: &mut Kept, body: &[u8]) -> Response<Bytes> {
        let mood = (self.mood)(self.requests.fetch_add(1, Ordering::Relaxed));
        match mood {
            Mood::Busy => {
                let problem = json!({ "code": "rate_limited", "detail": "slow down" });
                return reply(StatusCode::TOO_MANY_REQUESTS, problem.to_string());
            }
            Mood::Strict => {
                let problem = json!({ "code": "hash", "detail": "the line\u{1b}[2J lies" });
                return reply(StatusCode::UNPROCESSABLE_ENTITY, problem.to_string());
            }
            Mood::Honest | Mood::Mute | Mood::Forgetful => {}
        }
        for line in body.split_inclusive(|byte| *byte == b'\n') {
            if let Ok(Value::Object(it)) = serde_json::from_slice(line)
                && let Some(note) = it.get("checkpoint")
            {
                kept.intake.checkpoint(note.as_str().unwrap()).unwrap();
                continue;
            }
            let offered = kept.intake.offer(line);
            assert_eq!(offered.refused, None);
            kept.lines.push(line.to_vec());
        }
        let hash = kept.intake.hash().unwrap().to_string();
        let ack = json!({ "acknowledged": kept.intake.seq(), "hash": hash, "known": 0 });
        if mood == Mood::Mute {
            let problem = json!({ "code": "overloaded", "detail": "try later" });
            return reply(StatusCode::SERVICE_UNAVAILABLE, problem.to_string());
        }
        if mood == Mood::Forgetful {
            let chain = kept.intake.chain().clone();
            kept.intake = Intake::new(chain, Arc::new(Keyring::new()), None);
            kept.lines.clear();
        }
        said(&ack)
    }
}

fn load(mood: fn(u64) -> Mood, args: &[&str]) -> Ran {
    let collector = start(mood);
    let all = ["load", "--output", "json", "--url", &collector.url];
    let ran = run(all.iter().chain(args));
    collector.server.stop().unwrap();
    ran
}

#[track_caller]
fn assert_sums(report: &Value) {
    let of = |name: &str| report["records"][name].as_u64().unwrap();
    assert_eq!(of("offered"), of("acknowledged") + of("outstanding"));
    let sent = of("acknowledged") - of("found") + of("refused") + of("unanswered");
    assert_eq!(of("sent"), sent, "{report}");
}

#[test]
fn everything_offered_is_acknowledged_and_checked_through_the_api() {
    let ran = load(
        |_| Mood::Honest,
        &[
            "--chains",
            "3",
            "--connections",
            "2",
            "--records",
            "15000",
            "--check",
            "api",
        ],
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    assert_sums(&report);
    assert_eq!(report["records"]["acknowledged"], 15_000);
    assert_eq!(report["check"]["valid"], 3);
    assert_eq!(report["check"]["records"], 15_000);
    assert!(report["latency_ms"]["p99"].as_f64().unwrap() > 0.0);
}

#[test]
fn refusals_for_now_are_sent_again_and_counted() {
    let ran = load(
        |request| {
            if request % 2 == 0 {
                Mood::Busy
            } else {
                Mood::Honest
            }
        },
        &[
            "--chains",
            "1",
            "--records",
            "1000",
            "--batch",
            "100",
            "--check",
            "api",
        ],
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    assert_sums(&report);
    assert_eq!(report["records"]["refused"], 1_000);
    assert_eq!(report["records"]["retried"], 1_000);
}

#[test]
fn what_was_stored_without_an_answer_is_found_and_not_sent_twice() {
    let ran = load(
        |request| {
            if request == 3 {
                Mood::Mute
            } else {
                Mood::Honest
            }
        },
        &[
            "--chains",
            "1",
            "--records",
            "1000",
            "--batch",
            "100",
            "--check",
            "api",
        ],
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    assert_sums(&report);
    assert_eq!(report["records"]["found"], 100);
    assert_eq!(report["records"]["retried"], 0);
    assert_eq!(report["check"]["records"], 1_000);
}

#[test]
fn an_acknowledged_record_that_is_gone_is_a_contradiction() {
    let ran = load(
        |request| match request {
            1 => Mood::Forgetful,
            2 => Mood::Busy,
            _ => Mood::Honest,
        },
        &["--chains", "1", "--records", "300", "--batch", "100"],
    );
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let ended = &ran.json()["ended_early"][0];
    assert_eq!(ended["contradiction"], true);
    assert_eq!(
        ended["reason"],
        "LOST: record 200 was acknowledged, and the collector now ends with 0"
    );
}

#[test]
fn a_check_finds_what_was_forgotten_after_the_last_acknowledgement() {
    let ran = load(
        |_| Mood::Forgetful,
        &["--chains", "1", "--records", "100", "--check", "api"],
    );
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let failure = &ran.json()["check"]["failures"][0]["reason"];
    assert_eq!(
        failure,
        "record 100 was acknowledged, and the collector ends with 0"
    );
}

#[test]
fn a_refusal_for_good_ends_its_chain_and_its_text_is_escaped() {
    let collector = start(|_| Mood::Strict);
    let ran = run([
        "load",
        "--chains",
        "1",
        "--records",
        "100",
        "--url",
        &collector.url,
    ]);
    collector.server.stop().unwrap();
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(
        ran.stdout
            .contains("offered 100 = acknowledged 0 + outstanding 100"),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("422 hash: the line"), "{ran:?}");
    assert!(!ran.stdout.contains('\u{1b}'), "{ran:?}");
}

#[test]
fn a_rate_is_kept_and_every_due_record_is_sent() {
    let ran = load(
        |_| Mood::Honest,
        &[
            "--chains",
            "2",
            "--rate",
            "10000",
            "--records",
            "3000",
            "--batch",
            "50",
        ],
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    assert_sums(&report);
    // 60 batches at 200 a second: the last one is due after 295 ms at the earliest.
    assert!(report["seconds"].as_f64().unwrap() >= 0.29, "{report}");
}

#[test]
fn a_collector_that_is_not_there_is_named_and_a_key_is_never_an_argument() {
    let ran = run(["load", "--url", "http://127.0.0.1:1", "--chains", "1"]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.stderr.contains("http://127.0.0.1:1"), "{ran:?}");
    let missing = Path::new("/nonexistent/key");
    let ran = run(["load".as_ref(), "--key-file".as_ref(), missing.as_os_str()]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    assert!(ran.stderr.starts_with("error[CF-C-KEY-FILE]"), "{ran:?}");
}

#[test]
fn a_chain_that_patience_gave_up_says_what_the_collector_answered_last() {
    let collector = start(|_| Mood::Busy);
    let ran = run([
        "load",
        "--chains",
        "1",
        "--records",
        "100",
        "--patience",
        "1s",
        "--url",
        &collector.url,
    ]);
    collector.server.stop().unwrap();
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let told: String = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains("the last answer: 429 rate_limited: slow down"),
        "{ran:?}"
    );
}
