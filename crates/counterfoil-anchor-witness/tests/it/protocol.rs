//! The witness protocol on both sides: what the witness answers, and what the store makes of other answers.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use counterfoil_anchor::{Anchor, MemoryAnchorStore};
use counterfoil_anchor_witness::{
    EvidenceDir, FileWitnessStorage, Outcome, Witness, WitnessService, WitnessStorage as _,
    WitnessedAnchorStore,
};
use counterfoil_core::{Digest, Ticks, Timestamp};
use counterfoil_http::{Bytes, Request, Response, Server, StatusCode, header, text};
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::{SignedNote, VerifierKey};
use counterfoil_merkle::policy::Policy;
use counterfoil_merkle::witness::{AddCheckpoint, cosignatures_body};
use counterfoil_signer::{Ed25519Signer, Signer as _, cosign};
use counterfoil_testkit::FakeClock;
use serde_json::Value;
use tempfile::TempDir;

use crate::network::{CHAIN, Log, advance};

fn known_answers(file: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/specs/vectors/");
    serde_json::from_str(&std::fs::read_to_string(format!("{folder}{file}")).unwrap()).unwrap()
}

fn member<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap()
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Sends a request by hand and answers with everything that came back.
fn ask(address: SocketAddr, request: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn status(answer: &str) -> u64 {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

/// The witness of the published answers, in a state of its own.
struct Published {
    signer: Arc<Ed25519Signer>,
    time: u64,
    log_key: String,
    recorded: Value,
}

impl Published {
    fn new() -> Self {
        let cosignature = known_answers("cosignature.json");
        let seed: Digest = member(&cosignature["key"], "seed_test_only")
            .parse()
            .unwrap();
        let key: VerifierKey = member(&cosignature["key"], "vkey").parse().unwrap();
        let witness = known_answers("witness.json");
        Self {
            signer: Arc::new(Ed25519Signer::from_seed(key.name(), seed.as_bytes()).unwrap()),
            time: cosignature["time"].as_u64().unwrap(),
            log_key: member(&witness, "log_key").to_owned(),
            recorded: witness["recorded"].clone(),
        }
    }

    /// A server that has cosigned the head of that size last, if the published answers have one.
    fn serve(&self, state: &TempDir, old_size: u64) -> Server {
        let policy = format!("log {}\nquorum none\n", self.log_key);
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        let storage = FileWitnessStorage::open(state.path()).unwrap();
        if let Some(root) = self.recorded[old_size.to_string()].as_str() {
            let origin = policy.logs()[0].key().name();
            let checkpoint = Checkpoint::new(origin, old_size, root.parse().unwrap()).unwrap();
            let line = cosign(&*self.signer, &checkpoint, self.time)
                .unwrap()
                .unwrap();
            let note = SignedNote::new(&checkpoint.to_text(), line).unwrap();
            storage.store(origin, &note.to_text()).unwrap();
        }
        let clock = FakeClock::at(Ticks(0), Timestamp::from_unix_seconds(self.time));
        let signer = Arc::clone(&self.signer);
        let witness = Witness::new(signer, &policy, storage, clock).unwrap();
        let service = WitnessService::new(witness, |_| {});
        service.into_server().start(any_port()).unwrap()
    }
}

#[test]
fn every_published_request_gets_its_published_status() {
    let published = Published::new();
    let requests = known_answers("witness.json")["requests"].clone();
    assert!(requests.as_array().unwrap().len() > 10);
    for request in requests.as_array().unwrap() {
        let state = tempfile::tempdir().unwrap();
        let sent = member(request, "body");
        let old_size = sent
            .strip_prefix("old ")
            .and_then(|rest| rest.split_once('\n')?.0.parse().ok());
        let server = published.serve(&state, old_size.unwrap_or(0));
        let answer = ask(server.address(), "POST /add-checkpoint", sent);
        assert_eq!(
            Some(status(&answer)),
            request["status"].as_u64(),
            "{request}: {answer}"
        );
    }
}

#[test]
fn the_cosignature_that_is_answered_is_the_published_one() {
    let published = Published::new();
    let state = tempfile::tempdir().unwrap();
    let server = published.serve(&state, 0);
    let cosignature = known_answers("cosignature.json");
    let note = member(&cosignature, "note");
    // The log's part of the published note.
    let signed = &note[..note.rfind('\u{2014}').unwrap()];
    let answer = ask(
        server.address(),
        "POST /add-checkpoint",
        &format!("old 0\n\n{signed}"),
    );
    assert_eq!(body(&answer), member(&cosignature, "line"));
}

/// A witness of `Log`'s chain.
fn witness_of(log: &Log, state: &TempDir) -> Server {
    let policy = format!("log {}\nquorum none\n", log.vkey());
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    let storage = FileWitnessStorage::open(state.path()).unwrap();
    let signer = Ed25519Signer::from_seed("witness.example/w", &[9; 32]).unwrap();
    let witness = Witness::new(Arc::new(signer), &policy, storage, FakeClock::new()).unwrap();
    let service = WitnessService::new(witness, |_| {});
    service.into_server().start(any_port()).unwrap()
}

#[test]
fn each_refusal_has_the_form_that_the_protocol_asks_for() {
    let (log, state) = (Log::new("true", 9), tempfile::tempdir().unwrap());
    let server = witness_of(&log, &state);
    let post = |sent: &str| ask(server.address(), "POST /add-checkpoint", sent);
    let request = |old: u64, note: SignedNote| format!("old {old}\n\n{}", note.to_text());

    assert_eq!(status(&post(&request(0, log.signed(5)))), 200);
    let wrong_size = post(&request(0, log.signed(5)));
    assert_eq!(status(&wrong_size), 409);
    assert!(
        wrong_size.contains("content-type: text/x.tlog.size\r\n"),
        "{wrong_size}"
    );
    assert_eq!(body(&wrong_size), "5\n");
    assert_eq!(status(&post(&request(5, log.signed(5)))), 200);

    let stranger = Ed25519Signer::from_seed(CHAIN, &[99; 32]).unwrap();
    let checkpoint = Checkpoint::new(CHAIN, 5, log.root(5)).unwrap();
    let forged = counterfoil_signer::sign_checkpoint(&stranger, &checkpoint)
        .unwrap()
        .unwrap();
    assert_eq!(status(&post(&request(5, forged))), 403);
    let changed = log.signed(5).to_text().replace("\n5\n", "\n6\n");
    assert_eq!(status(&post(&format!("old 5\n\n{changed}"))), 403);
    let elsewhere = Checkpoint::new("audit.example.com/leases/2", 5, log.root(5)).unwrap();
    let unknown = counterfoil_signer::sign_checkpoint(&stranger, &elsewhere)
        .unwrap()
        .unwrap();
    assert_eq!(status(&post(&request(0, unknown))), 404);
    assert_eq!(status(&post(&request(6, log.signed(5)))), 400);

    let at = |method_and_path: &str| ask(server.address(), method_and_path, "");
    assert_eq!(status(&at("GET /add-checkpoint")), 405);
    assert_eq!(status(&at("GET /")), 404);
    assert_eq!(status(&at("GET /../lock/checkpoint")), 404);
    let too_long = "x".repeat(200_000);
    let long = ask(server.address(), "POST /add-checkpoint", &too_long);
    assert_eq!(status(&long), 413);
}

#[test]
fn monitors_are_shown_the_last_head_with_both_signatures() {
    let (log, state) = (Log::new("true", 9), tempfile::tempdir().unwrap());
    let server = witness_of(&log, &state);
    // The SHA-256 of the origin, as another program computes it.
    let path = "/55683c4a35b5313cff43d4f3693b55c02ac58ce15e9c5601131920255fdd223a/checkpoint";
    assert_eq!(
        status(&ask(server.address(), &format!("GET {path}"), "")),
        404
    );
    let sent = format!("old 0\n\n{}", log.signed(5).to_text());
    let cosigned = ask(server.address(), "POST /add-checkpoint", &sent);
    let shown = ask(server.address(), &format!("GET {path}"), "");
    assert_eq!(body(&shown), log.signed(5).to_text() + body(&cosigned));
}

#[test]
fn of_many_requests_at_once_no_two_cosigned_heads_contradict_each_other() {
    let (log, state) = (Log::new("true", 4), tempfile::tempdir().unwrap());
    let server = witness_of(&log, &state);
    let address = server.address();
    for round in 0..4_u64 {
        let forks: Vec<Log> = (0..6).map(|_| log.fork()).collect();
        let racers = forks.into_iter().enumerate().map(|(writer, fork)| {
            fork.grow(&format!("fork {round} {writer}"), 4);
            let old = 0;
            thread::spawn(move || {
                let sent = format!("old {old}\n\n{}", fork.signed(8).to_text());
                (status(&ask(address, "POST /add-checkpoint", &sent)), fork)
            })
        });
        let outcomes: Vec<(u64, Log)> = racers
            .collect::<Vec<_>>()
            .into_iter()
            .map(|racer| racer.join().unwrap())
            .collect();
        let cosigned = outcomes.iter().filter(|(status, _)| *status == 200).count();
        // In the first round one is cosigned; from then on that size is taken.
        assert_eq!(cosigned, usize::from(round == 0));
    }
}

/// A witness that answers what a test makes up.
fn scripted(answer: impl Fn(&Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static) -> Server {
    Server::builder("play a witness", move |request: Request<Bytes>| {
        answer(&request)
    })
    .max_body(1 << 20)
    .start(any_port())
    .unwrap()
}

/// What the store says about a witness of `key`'s that listens at `address`, asked about a head of size 5.
fn outcome(log: &Log, signer: &Ed25519Signer, address: SocketAddr) -> (Outcome, String) {
    let key = signer.verifier_key().unwrap().as_cosigner();
    let policy = format!(
        "log {}\nwitness w {key} http://{address}\nquorum w\n",
        log.vkey()
    );
    let evidence = tempfile::tempdir().unwrap();
    let store = WitnessedAnchorStore::builder(
        Arc::new(MemoryAnchorStore::new()),
        Policy::parse(policy.as_bytes()).unwrap(),
        log.clone(),
        EvidenceDir::new(evidence.path()),
    )
    .deadline(Duration::from_secs(2))
    .build()
    .unwrap();
    let answered: Result<Anchor, _> = advance(&store, log, 5);
    let figures = store.figures_reader().read();
    let outcomes = figures.witnesses[0].outcomes;
    let outcome = outcomes.iter().find(|(_, count)| *count == 1).unwrap().0;
    (
        outcome,
        answered.map_or_else(|error| error.to_string(), |_| String::new()),
    )
}

#[test]
fn an_answer_that_is_no_valid_cosignature_counts_for_nothing_and_is_named() {
    let log = Log::new("true", 9);
    let signer = Arc::new(Ed25519Signer::from_seed("witness.example/w", &[9; 32]).unwrap());
    let stranger = Arc::new(Ed25519Signer::from_seed("witness.example/x", &[8; 32]).unwrap());
    let cosigned = |key: &Arc<Ed25519Signer>, size: u64| {
        let checkpoint = Checkpoint::new(CHAIN, size, log.root(size)).unwrap();
        cosignatures_body(&[cosign(&**key, &checkpoint, 7).unwrap().unwrap()])
    };
    let good = cosigned(&signer, 5);
    let sized = |size: &'static str| {
        move |_: &Request<Bytes>| {
            let mut answer = text(StatusCode::CONFLICT, size);
            let media = header::HeaderValue::from_static("text/x.tlog.size");
            answer.headers_mut().insert(header::CONTENT_TYPE, media);
            answer
        }
    };
    let ok = |body: String| move |_: &Request<Bytes>| text(StatusCode::OK, body.clone());
    let is = |status: u16| {
        move |_: &Request<Bytes>| text(StatusCode::from_u16(status).unwrap(), "no\u{1b}[2J")
    };
    type Script = Box<dyn Fn(&Request<Bytes>) -> Response<Bytes> + Send + Sync>;
    let cases: Vec<(Script, Outcome, &str)> = vec![
        (Box::new(ok(good.clone())), Outcome::Cosigned, ""),
        (
            Box::new(ok(cosigned(&stranger, 5) + &good)),
            Outcome::Cosigned,
            "",
        ),
        (
            Box::new(ok(cosigned(&signer, 4))),
            Outcome::BadAnswer,
            "does not verify",
        ),
        (
            Box::new(ok(cosigned(&stranger, 5))),
            Outcome::BadAnswer,
            "is that its key",
        ),
        (
            Box::new(ok(good.clone() + &good)),
            Outcome::BadAnswer,
            "twice",
        ),
        (
            Box::new(ok(good[..good.len() - 1].to_owned())),
            Outcome::BadAnswer,
            "line feed",
        ),
        (Box::new(ok(String::new())), Outcome::BadAnswer, "line feed"),
        (
            Box::new(ok("x".repeat(2 << 20))),
            Outcome::Unreachable,
            "limit",
        ),
        (
            Box::new(is(404)),
            Outcome::UnknownLog,
            "has to list this log",
        ),
        (
            Box::new(is(403)),
            Outcome::UntrustedKey,
            "has to list the key",
        ),
        (Box::new(is(400)), Outcome::Refused, "400"),
        (Box::new(is(503)), Outcome::Refused, "503"),
        (Box::new(is(302)), Outcome::Refused, "302"),
        (
            Box::new(is(422)),
            Outcome::Inconsistent,
            "no signed head of its own",
        ),
        (
            Box::new(sized("0\n")),
            Outcome::Inconsistent,
            "no signed head of its own",
        ),
        (Box::new(sized("07\n")), Outcome::BadAnswer, "decimal size"),
        (Box::new(sized("5")), Outcome::BadAnswer, "decimal size"),
        (
            Box::new(sized("6\n")),
            Outcome::Inconsistent,
            "no signed head of its own",
        ),
    ];
    for (script, expected, says) in cases {
        let server = scripted(script);
        let (found, message) = outcome(&log, &signer, server.address());
        assert_eq!(found, expected, "{message}");
        assert!(message.contains(says), "{says:?} in {message}");
        assert!(!message.contains('\u{1b}'), "{message:?}");
    }
}

#[test]
fn a_witness_that_names_another_size_each_time_is_given_up() {
    let log = Log::new("true", 9);
    let signer = Ed25519Signer::from_seed("witness.example/w", &[9; 32]).unwrap();
    let server = scripted(|request| {
        let sent = std::str::from_utf8(request.body()).unwrap();
        let old = AddCheckpoint::parse(sent).unwrap().old_size();
        let mut answer = text(StatusCode::CONFLICT, format!("{}\n", old + 1));
        let media = header::HeaderValue::from_static("text/x.tlog.size");
        answer.headers_mut().insert(header::CONTENT_TYPE, media);
        answer
    });
    let (found, message) = outcome(&log, &signer, server.address());
    assert_eq!(found, Outcome::Refused);
    assert!(message.contains("another size each time"), "{message}");
}

#[test]
fn a_witness_that_accepts_and_never_answers_is_waited_for_until_the_deadline() {
    let log = Log::new("true", 9);
    let signer = Ed25519Signer::from_seed("witness.example/w", &[9; 32]).unwrap();
    let silent = TcpListener::bind(any_port()).unwrap();
    let (found, message) = outcome(&log, &signer, silent.local_addr().unwrap());
    assert_eq!(found, Outcome::TimedOut);
    assert!(message.contains("did not answer in time"), "{message}");
}
