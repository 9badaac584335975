//! A collector in memory that speaks the API: it links what arrives to what it has, and refuses as it is told to.

use std::collections::VecDeque;
use std::io::Read as _;
use std::sync::{Arc, Mutex, MutexGuard};

use counterfoil_audit::AuditRecord;
use counterfoil_core::Digest;
use counterfoil_exporter_collector::{Client, Key};
use counterfoil_http::{Bytes, Method, Request, Response, Server, StatusCode, header};
use flate2::read::MultiGzDecoder;
use serde_json::json;

pub(crate) const KEY: &str = "cfk_acme_0123456789";

/// The collector. Its state outlives its server, as a disk does.
pub(crate) struct FakeCollector {
    server: Server,
    pub(crate) state: Shared,
}

pub(crate) type Shared = Arc<Mutex<State>>;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) registered: Option<serde_json::Value>,
    /// The lines of the chain, from record 1 on.
    pub(crate) lines: Vec<(Digest, Vec<u8>)>,
    pub(crate) checkpoints: Vec<String>,
    /// Answers that are given before anything is looked at, to uploads.
    pub(crate) script: VecDeque<Reply>,
    pub(crate) uploads: usize,
    /// Largest upload, in bytes as decoded.
    pub(crate) largest: usize,
    pub(crate) keys: Vec<String>,
    /// Counts lines without looking at them.
    pub(crate) only_counts: bool,
    pub(crate) counted: usize,
    pub(crate) cosigns: bool,
}

#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) retry_after: Option<u64>,
}

impl Reply {
    pub(crate) fn problem(status: u16, code: &str) -> Self {
        Self {
            status,
            body: json!({"title": "no", "status": status, "code": code, "detail": "as the test wants it"}).to_string(),
            retry_after: None,
        }
    }
}

impl FakeCollector {
    pub(crate) fn start() -> Self {
        Self::with(Shared::default())
    }

    /// Goes on with what an earlier one has.
    pub(crate) fn with(state: Shared) -> Self {
        let shared = Arc::clone(&state);
        let server = Server::builder("serve a test", move |request: Request<Bytes>| {
            answer(&mut shared.lock().unwrap(), &request)
        })
        .max_body(64 << 20)
        .start("127.0.0.1:0".parse().unwrap())
        .unwrap();
        Self { server, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    pub(crate) fn client(&self) -> Client {
        let key = Key::new(KEY).unwrap();
        Client::builder(self.url()).key(key).build().unwrap()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state().script.extend(replies);
    }
}

fn answer(state: &mut State, request: &Request<Bytes>) -> Response<Bytes> {
    let key = request.headers().get(header::AUTHORIZATION);
    state
        .keys
        .extend(key.map(|it| it.to_str().unwrap().to_owned()));
    let chain = request.uri().path().strip_prefix("/v1/audit/").unwrap();
    assert!(!chain.contains('/'), "a chain is one segment: {chain}");
    let chain = chain.replace("%2F", "/");
    match *request.method() {
        Method::PUT => {
            state.registered = serde_json::from_slice(request.body()).unwrap();
            reply(200, &json!({}))
        }
        Method::GET if state.registered.is_none() => reply(404, &json!({"code": "not_found"})),
        Method::GET => {
            let (seq, hash) = head(state);
            let hash = hash.to_string();
            reply(
                200,
                &json!({"chain": chain, "seq": seq, "hash": hash, "durable": seq}),
            )
        }
        _ => upload(state, request),
    }
}

fn upload(state: &mut State, request: &Request<Bytes>) -> Response<Bytes> {
    state.uploads += 1;
    if let Some(scripted) = state.script.pop_front() {
        let mut answer = Response::new(Bytes::from(scripted.body));
        *answer.status_mut() = StatusCode::from_u16(scripted.status).unwrap();
        if let Some(seconds) = scripted.retry_after {
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        return answer;
    }
    let mut body = Vec::new();
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        MultiGzDecoder::new(&request.body()[..])
            .read_to_end(&mut body)
            .unwrap();
    } else {
        body.extend_from_slice(request.body());
    }
    state.largest = state.largest.max(body.len());
    assert!(body.ends_with(b"\n"), "only whole lines are sent");
    let (mut known, mut cosignature) = (0, None);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        if state.only_counts {
            state.counted += 1;
        } else if line.starts_with(b"{\"checkpoint\"") {
            let line: serde_json::Value = serde_json::from_slice(line).unwrap();
            let note = line["checkpoint"].as_str().unwrap().to_owned();
            cosignature = state
                .cosigns
                .then(|| "— collector.example AAAA\n".to_owned());
            state.checkpoints.push(note);
        } else if let Err(refused) = take(state, line, &mut known) {
            return refused;
        }
    }
    let (seq, hash) = if state.only_counts {
        last_of_suite(&body)
    } else {
        head(state)
    };
    let hash = hash.to_string();
    reply(
        200,
        &json!({"acknowledged": seq, "hash": hash, "known": known, "cosignature": cosignature}),
    )
}

/// Number and hash of the last line, as the conformance suite of exporters makes its lines.
fn last_of_suite(body: &[u8]) -> (u64, Digest) {
    let line = body.trim_ascii_end().rsplit(|byte| *byte == b'\n').next();
    let line: serde_json::Value = serde_json::from_slice(line.unwrap()).unwrap();
    let seq = line["seq"].as_u64().unwrap();
    (seq, Digest::from_bytes([seq as u8; Digest::LEN]))
}

fn take(state: &mut State, line: &[u8], known: &mut u64) -> Result<(), Response<Bytes>> {
    let record = AuditRecord::parse(line).unwrap();
    let (seq, hash) = head(state);
    let refused = |code: &str| {
        let expected = json!({"seq": seq, "hash": hash.to_string()});
        let body = json!({
            "code": code, "detail": "it does not fit", "seq": record.seq(), "expected": expected, "acknowledged": seq,
        });
        Err(reply(409, &body))
    };
    if record.seq() <= seq {
        let at = usize::try_from(record.seq() - 1).unwrap();
        if state.lines[at].0 != record.hash() {
            return refused("fork");
        }
        *known += 1;
        return Ok(());
    }
    if record.seq() != seq + 1 {
        return refused("sequence");
    }
    if record.prev() != hash {
        return refused("link");
    }
    state.lines.push((record.hash(), line.to_vec()));
    Ok(())
}

fn head(state: &State) -> (u64, Digest) {
    let hash = state.lines.last().map_or(Digest::ZERO, |(hash, _)| *hash);
    (state.lines.len() as u64, hash)
}

fn reply(status: u16, body: &serde_json::Value) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(body.to_string()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}
