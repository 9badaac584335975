//! Reading what is kept: filters, paging, waiting, proofs, and who may.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use counterfoil::audit::{AccessAction, AuditLog, AuditRecord};
use counterfoil::signer::{Ed25519Signer, Keyring, Signer as _};
use counterfoil::{ChainId, Context, FabricEvent, Head, LeaseId, ResourceType, WorkloadIdentity};
use counterfoil_collector::routes::read::{self, KeptChain, Shelf, no_such_chain};
use counterfoil_collector::{Caller, Refusal, Scope, Scopes};
use counterfoil_merkle::policy::Policy;
use counterfoil_merkle::tlog_proof::TlogProof;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

const PATIENCE: Duration = Duration::from_secs(60);
const PATH: &str = "/v1/chains/audit.example.com%2Fleases%2F1";

/// One log of the tenant acme, whose writer says what is durable.
struct OneLog {
    log: AuditLog,
    dir: tempfile::TempDir,
    durable: Mutex<Option<Head>>,
    accesses: Mutex<Vec<String>>,
}

impl OneLog {
    fn new() -> Arc<Self> {
        let dir = tempfile::tempdir().unwrap();
        let log = AuditLog::builder(dir.path(), "audit.example.com/leases")
            .signer(|chain| Ok(Arc::new(signer(chain.as_str()))))
            .open()
            .unwrap();
        let shelf = Self {
            log,
            dir,
            durable: Mutex::default(),
            accesses: Mutex::default(),
        };
        shelf.sync();
        Arc::new(shelf)
    }

    fn add(&self, leases: std::ops::Range<u64>) {
        let context = Context::new(WorkloadIdentity::tenant_only("acme"));
        for lease in leases {
            let event = FabricEvent::LeaseAcquired {
                resource_type: ResourceType::Mem,
                lease_id: LeaseId(lease),
                node: "node-a".into(),
                bytes: 4096,
            };
            let _ticket = self.log.append_event(&event, &context);
        }
    }

    fn sync(&self) {
        *self.durable.lock().unwrap() = Some(self.log.anchor_now(PATIENCE).unwrap());
    }

    fn seq(&self) -> u64 {
        self.durable.lock().unwrap().as_ref().unwrap().seq
    }

    fn kept(&self) -> KeptChain {
        let durable = self.durable.lock().unwrap().clone();
        let id = ChainId::new("audit.example.com/leases/1").unwrap();
        KeptChain::new(id, self.dir.path().to_owned(), durable, None)
    }
}

fn signer(chain: &str) -> Ed25519Signer {
    Ed25519Signer::from_seed(chain, &[7; 32]).unwrap()
}

impl Shelf for OneLog {
    async fn chains(&self, caller: &Caller) -> Result<Vec<KeptChain>, Refusal> {
        let own = caller.tenant.as_str() == "acme";
        Ok(own.then(|| self.kept()).into_iter().collect())
    }

    async fn chain(&self, caller: &Caller, chain: &ChainId) -> Result<KeptChain, Refusal> {
        let kept = self.kept();
        if caller.tenant.as_str() == "acme" && *chain == kept.id {
            return Ok(kept);
        }
        Err(no_such_chain())
    }

    fn note_access(&self, caller: &Caller, chain: &ChainId, action: AccessAction) {
        let access = format!("{} {chain} {action:?}", caller.credential);
        self.accesses.lock().unwrap().push(access);
    }
}

struct Answer {
    status: StatusCode,
    up_to: Option<u64>,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn records(&self) -> Vec<AuditRecord> {
        assert_eq!(self.status, StatusCode::OK);
        let lines = self.body.split_inclusive(|byte| *byte == b'\n');
        lines
            .map(|line| AuditRecord::parse(line).unwrap())
            .collect()
    }

    fn seqs(&self) -> Vec<u64> {
        self.records().iter().map(AuditRecord::seq).collect()
    }
}

async fn get(shelf: &Arc<OneLog>, tenant: &str, scopes: Scopes, path: &str) -> Answer {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    let caller = Caller::new(tenant.parse().unwrap(), scopes, "cfk_test");
    request.extensions_mut().insert(caller);
    let response = read::routes(Arc::clone(shelf)).oneshot(request).await;
    let response = response.unwrap();
    let up_to = response.headers().get("counterfoil-up-to");
    Answer {
        status: response.status(),
        up_to: up_to.map(|up_to| up_to.to_str().unwrap().parse().unwrap()),
        body: response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .into(),
    }
}

async fn read(shelf: &Arc<OneLog>, rest: &str) -> Answer {
    get(shelf, "acme", Scope::Read.into(), &format!("{PATH}{rest}")).await
}

fn bytes_of(dir: &Path) -> Vec<u8> {
    let mut segments: Vec<_> = std::fs::read_dir(dir.join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    segments.sort();
    segments
        .iter()
        .flat_map(|path| std::fs::read(path).unwrap())
        .collect()
}

#[tokio::test]
async fn without_a_filter_the_answer_is_the_log_byte_for_byte_in_as_many_pieces_as_it_takes() {
    let shelf = OneLog::new();
    shelf.add(0..2_000);
    shelf.sync();
    let all = read(&shelf, "/records").await;
    assert!(all.body == bytes_of(shelf.dir.path()));
    assert_eq!(all.up_to, Some(shelf.seq()));
    let accesses = shelf.accesses.lock().unwrap().clone();
    assert_eq!(accesses, ["cfk_test audit.example.com/leases/1 Read"]);
}

#[tokio::test]
async fn pages_are_asked_for_by_the_last_number_and_nothing_is_missing_between_them() {
    let shelf = OneLog::new();
    shelf.add(0..25);
    shelf.sync();
    let (mut after, mut seqs) = (0, Vec::new());
    loop {
        let page = read(&shelf, &format!("/records?after={after}&limit=7"))
            .await
            .seqs();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 7);
        after = *last;
        seqs.extend(page);
    }
    assert_eq!(seqs, (1..=shelf.seq()).collect::<Vec<_>>());
}

#[tokio::test]
async fn filters_are_those_of_the_command_and_an_unknown_one_is_refused_by_name() {
    let shelf = OneLog::new();
    shelf.add(0..50);
    shelf.sync();
    let one = read(&shelf, "/records?lease=7").await.records();
    assert_eq!(one.len(), 1);
    assert_eq!(one[0].keys().lease, Some(LeaseId(7)));
    let kind = read(
        &shelf,
        "/records?kind=lease_allocated&kind=lease_expired&limit=3",
    )
    .await;
    assert_eq!(kind.records().len(), 3);
    assert_eq!(
        read(&shelf, "/records?tenant=globex").await.records().len(),
        0
    );
    for wrong in [
        "colour=red",
        "limit=0",
        "limit=100001",
        "limit=1&limit=1",
        "wait=31",
        "lease=x",
        "since=now",
        "kind=none",
    ] {
        let answer = read(&shelf, &format!("/records?{wrong}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
        let name = wrong.split('=').next().unwrap();
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(name), "{detail}");
    }
}

#[tokio::test]
async fn nothing_is_shown_that_is_not_durable() {
    let shelf = OneLog::new();
    let durable = shelf.seq();
    shelf.add(0..10);
    // Written, as the anchor shows, and not yet said to be durable.
    shelf.log.anchor_now(PATIENCE).unwrap();
    assert_eq!(read(&shelf, "/records").await.seqs().last(), Some(&durable));
    shelf.sync();
    assert_eq!(
        read(&shelf, "/records").await.seqs().last(),
        Some(&shelf.seq())
    );
}

#[tokio::test]
async fn who_waits_gets_what_comes_and_only_what_matches() {
    let shelf = OneLog::new();
    let after = shelf.seq();
    let waiting = tokio::spawn({
        let shelf = Arc::clone(&shelf);
        async move { read(&shelf, &format!("/records?after={after}&lease=42&wait=30")).await }
    });
    // The first ones do not match, so it goes on waiting.
    shelf.add(0..10);
    shelf.sync();
    shelf.add(42..43);
    shelf.sync();
    let answer = waiting.await.unwrap();
    assert_eq!(answer.records().len(), 1);
    assert_eq!(answer.up_to, Some(answer.seqs()[0]));
    assert!(
        read(&shelf, "/records?lease=43&wait=0")
            .await
            .records()
            .is_empty()
    );
    let bounded = read(&shelf, "/records?lease=43&last=5&wait=30").await;
    assert!(bounded.records().is_empty(), "nothing more can come");
}

#[tokio::test]
async fn the_chain_of_another_tenant_is_answered_as_one_that_does_not_exist() {
    let shelf = OneLog::new();
    for rest in [
        "",
        "/records",
        "/checkpoint",
        "/tile/0/000.p/1",
        "/tile/entries/000.p/1",
        "/proof/1",
    ] {
        let other = get(&shelf, "globex", Scopes::ALL, &format!("{PATH}{rest}")).await;
        let absent = format!("/v1/chains/audit.example.com%2Fnone%2F1{rest}");
        let absent = get(&shelf, "acme", Scopes::ALL, &absent).await;
        let malformed = get(
            &shelf,
            "acme",
            Scopes::ALL,
            &format!("/v1/chains/..%2F..{rest}"),
        )
        .await;
        assert_eq!(other.status, StatusCode::NOT_FOUND, "{rest}");
        assert_eq!(other.body, absent.body);
        assert_eq!(other.body, malformed.body);
    }
    let list = get(&shelf, "globex", Scopes::ALL, "/v1/chains").await;
    assert_eq!(list.json(), serde_json::json!({"chains": []}));
    assert_eq!(shelf.accesses.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn each_resource_asks_for_its_scope() {
    let shelf = OneLog::new();
    let verify = ["/checkpoint", "/tile/0/000.p/1", "/proof/1"];
    let read = ["/records", "/tile/entries/000.p/1"];
    let cases = verify
        .map(|rest| (rest, Scope::Verify, Scope::Read))
        .into_iter()
        .chain(read.map(|rest| (rest, Scope::Read, Scope::Verify)));
    for (rest, enough, other) in cases {
        let path = format!("{PATH}{rest}");
        let answer = get(&shelf, "acme", enough.into(), &path).await;
        assert_ne!(answer.status, StatusCode::FORBIDDEN, "{rest}");
        let scopes = [other, Scope::Ingest, Scope::Admin].into_iter().collect();
        let answer = get(&shelf, "acme", scopes, &path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{rest}");
        assert_eq!(answer.json()["code"], "forbidden");
    }
    let nobody = Request::get(PATH).body(Body::empty()).unwrap();
    let response = read::routes(Arc::clone(&shelf))
        .oneshot(nobody)
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_receipt_verifies_with_nothing_but_the_chains_key() {
    let shelf = OneLog::new();
    shelf.add(0..300);
    shelf.sync();
    let kept = get(&shelf, "acme", Scope::Verify.into(), PATH).await.json();
    assert_eq!(kept["seq"], shelf.seq());
    let proof = format!("{PATH}/proof/7");
    let proof = get(&shelf, "acme", Scope::Verify.into(), &proof).await;
    let proof = TlogProof::parse(std::str::from_utf8(&proof.body).unwrap()).unwrap();
    let record = read(&shelf, "/records?after=6&limit=1")
        .await
        .records()
        .remove(0);
    let key = signer("audit.example.com/leases/1")
        .verifier_key()
        .unwrap()
        .clone();
    let policy = Policy::parse(format!("log {key}\nquorum none\n").as_bytes()).unwrap();
    let keys = Keyring::of_policy(&policy).unwrap();
    let judge = |text: &str, signature: &_| keys.judge(text, signature);
    proof.verify(&record.hash(), &policy, judge).unwrap();
    let tile = get(
        &shelf,
        "acme",
        Scope::Verify.into(),
        &format!("{PATH}/tile/0/000"),
    )
    .await;
    assert_eq!(tile.body.len(), 256 * 32);
    for none in ["/proof/100000", "/proof/0", "/tile/0/100", "/tile/9/../0"] {
        let answer = get(
            &shelf,
            "acme",
            Scope::Verify.into(),
            &format!("{PATH}{none}"),
        )
        .await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{none}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_gives_its_place_back() {
    let shelf = OneLog::new();
    shelf.add(0..1_000);
    shelf.sync();
    let routes = read::routes(Arc::clone(&shelf));
    let ask = async || {
        let mut request = Request::get(format!("{PATH}/records"))
            .body(Body::empty())
            .unwrap();
        let caller = Caller::new("acme".parse().unwrap(), Scope::Read.into(), "cfk_test");
        request.extensions_mut().insert(caller);
        routes.clone().oneshot(request).await.unwrap()
    };
    let mut held = Vec::new();
    loop {
        let response = ask().await;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
        assert_eq!(response.status(), StatusCode::OK);
        held.push(response);
    }
    // The clock is the test's own: an answer that nobody takes is given up at its 30 s.
    let mut seconds = 0;
    while ask().await.status() != StatusCode::OK {
        assert!(seconds < 100_000, "the places stay taken");
        tokio::time::advance(Duration::from_secs(1)).await;
        seconds += 1;
    }
    let mut cut = 0;
    for response in held {
        cut += usize::from(response.into_body().collect().await.is_err());
    }
    assert!(cut > 0, "nobody takes it for whole");
}
