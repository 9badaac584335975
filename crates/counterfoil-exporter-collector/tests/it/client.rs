//! The client against a server that answers as told, and shows what it was asked.

use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use counterfoil_core::{ChainId, Digest, SealedLine};
use counterfoil_exporter_collector::{Client, ClientConfig, ErrorKind, Upload};
use counterfoil_http::{Bytes, Request, Response, Server, StatusCode};
use flate2::read::MultiGzDecoder;

/// What a request had.
#[derive(Clone, Debug, Default)]
struct Asked {
    method: String,
    path: String,
    authorization: Option<String>,
    encoding: Option<String>,
    body: Vec<u8>,
}

struct StandIn {
    server: Server,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl StandIn {
    /// Answers everything with this.
    fn answering(status: u16, headers: &'static [(&str, &str)], body: &'static str) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let handler = move |request: Request<Bytes>| {
            let header = |name| {
                let value = request.headers().get(name)?;
                Some(value.to_str().unwrap().to_owned())
            };
            seen.lock().unwrap().push(Asked {
                method: request.method().to_string(),
                path: request.uri().path().to_owned(),
                authorization: header("authorization"),
                encoding: header("content-encoding"),
                body: request.body().to_vec(),
            });
            let mut response = Response::new(Bytes::from_static(body.as_bytes()));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            for (name, value) in headers {
                response.headers_mut().insert(*name, value.parse().unwrap());
            }
            response
        };
        let server = Server::builder("stand in for a collector", handler)
            .max_body(1 << 20)
            .start("127.0.0.1:0".parse().unwrap())
            .unwrap();
        Self { server, asked }
    }

    fn config(&self) -> ClientConfig {
        ClientConfig::new(&format!("http://{}/", self.server.address())).unwrap()
    }

    fn client(&self) -> Client {
        Client::new(self.config()).unwrap()
    }

    fn asked(&self) -> Asked {
        self.asked.lock().unwrap().last().cloned().unwrap()
    }
}

const HEAD: &str = r#"{"chain":"audit.example.com/leases/1","seq":7,"hash":"0707070707070707070707070707070707070707070707070707070707070707","durable":7}"#;
const ACK: &str = r#"{"acknowledged":9,"hash":"0909090909090909090909090909090909090909090909090909090909090909","known":2,"cosignature":"— w AAAA\n"}"#;

fn chain() -> ChainId {
    "audit.example.com/leases/1".parse().unwrap()
}

fn upload() -> Upload {
    let mut upload = Upload::new();
    for seq in 8..10 {
        upload.push(&SealedLine {
            seq,
            hash: Digest::from([seq as u8; 32]),
            bytes: format!("{{\"line\":{seq}}}\n").into_bytes(),
        });
    }
    upload.push_checkpoint("audit.example.com/leases/1\n9\nroot\n\n— k \"\\\n");
    upload
}

#[test]
fn a_head_is_asked_for_at_the_chains_address() {
    let collector = StandIn::answering(200, &[], HEAD);
    let head = collector.client().head(&chain()).unwrap();
    assert_eq!((head.seq, head.hash), (7, Digest::from([7; 32])));
    let asked = collector.asked();
    assert_eq!(asked.method, "GET");
    assert_eq!(asked.path, "/v1/audit/audit.example.com%2Fleases%2F1");
}

#[test]
fn a_registration_names_the_verifier_key() {
    let collector = StandIn::answering(200, &[], HEAD);
    collector
        .client()
        .register(&chain(), Some("audit.example.com/leases/1+1234+key"))
        .unwrap();
    let asked = collector.asked();
    assert_eq!(asked.method, "PUT");
    let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(body["verifier_key"], "audit.example.com/leases/1+1234+key");
}

#[test]
fn lines_and_checkpoints_arrive_compressed_and_in_order() {
    let collector = StandIn::answering(200, &[], ACK);
    let upload = upload();
    let ack = collector.client().upload(&chain(), &upload).unwrap();
    assert_eq!((ack.acknowledged, ack.known), (9, 2));
    assert_eq!(ack.cosignature.as_deref(), Some("— w AAAA\n"));
    let asked = collector.asked();
    assert_eq!(
        (&*asked.method, asked.encoding.as_deref()),
        ("POST", Some("gzip"))
    );
    let mut body = Vec::new();
    MultiGzDecoder::new(&*asked.body)
        .read_to_end(&mut body)
        .unwrap();
    assert_eq!(body, upload.bytes());
    let lines: Vec<&str> = std::str::from_utf8(&body).unwrap().lines().collect();
    assert_eq!(lines[..2], ["{\"line\":8}", "{\"line\":9}"]);
    let checkpoint: serde_json::Value = serde_json::from_str(lines[2]).unwrap();
    assert_eq!(
        checkpoint["checkpoint"],
        "audit.example.com/leases/1\n9\nroot\n\n— k \"\\\n"
    );
}

#[test]
fn an_upload_without_compression_is_sent_as_it_is() {
    let collector = StandIn::answering(200, &[], ACK);
    let client = Client::new(collector.config().gzip(false)).unwrap();
    client.upload(&chain(), &upload()).unwrap();
    let asked = collector.asked();
    assert_eq!((asked.encoding, &*asked.body), (None, upload().bytes()));
}

#[test]
fn a_refusal_is_told_with_all_that_the_collector_said() {
    let collector = StandIn::answering(
        409,
        &[("content-type", "application/problem+json")],
        r#"{"title":"Conflict","status":409,"code":"fork","detail":"record 8 is known with another hash\u001b[2J","seq":8,
            "expected":{"seq":7,"hash":"0707070707070707070707070707070707070707070707070707070707070707"},"acknowledged":7}"#,
    );
    let error = collector.client().upload(&chain(), &upload()).unwrap_err();
    assert_eq!(
        (error.kind(), error.is_temporary()),
        (ErrorKind::Refused, false)
    );
    let refused = error.refused().unwrap();
    assert_eq!((&*refused.code, refused.seq), ("fork", Some(8)));
    assert_eq!(refused.expected, Some((7, Digest::from([7; 32]))));
    assert_eq!(refused.acknowledged, Some(7));
    let shown = error.to_string();
    assert!(
        shown.contains("record 8 is known with another hash"),
        "{shown}"
    );
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn a_busy_collector_says_when_to_come_again() {
    let collector = StandIn::answering(429, &[("retry-after", "3")], "no json");
    let error = collector.client().head(&chain()).unwrap_err();
    assert!(error.is_temporary());
    let refused = error.refused().unwrap();
    assert_eq!(refused.retry_after, Some(Duration::from_secs(3)));
    assert_eq!((refused.status, &*refused.code), (429, ""));
}

#[test]
fn what_does_not_answer_as_a_collector_is_none() {
    let collector = StandIn::answering(200, &[], "<html>welcome</html>");
    let error = collector.client().head(&chain()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
}

#[test]
fn a_redirect_is_not_followed() {
    let collector = StandIn::answering(307, &[("location", "/elsewhere")], "");
    let error = collector.client().head(&chain()).unwrap_err();
    assert_eq!(error.refused().unwrap().status, 307);
    assert_eq!(collector.asked.lock().unwrap().len(), 1);
}

#[test]
fn a_collector_that_is_not_there_may_come() {
    let collector = StandIn::answering(200, &[], HEAD);
    let client = collector.client();
    collector.server.stop().unwrap();
    let error = client.head(&chain()).unwrap_err();
    assert_eq!(
        (error.kind(), error.is_temporary()),
        (ErrorKind::Unavailable, true)
    );
}

#[test]
fn the_key_is_sent_and_never_shown() {
    let collector = StandIn::answering(401, &[], "");
    let config = collector.config().key(" cfk_0_s3cret \n").unwrap();
    let client = Client::new(config).unwrap();
    let error = client.head(&chain()).unwrap_err();
    assert_eq!(
        collector.asked().authorization.as_deref(),
        Some("Bearer cfk_0_s3cret")
    );
    for shown in [
        error.to_string(),
        format!("{error:?}"),
        format!("{client:?}"),
    ] {
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}

#[test]
fn a_key_from_a_file_is_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    std::fs::write(&path, "cfk_0_s3cret\n").unwrap();
    let collector = StandIn::answering(200, &[], HEAD);
    let config = collector.config().key_file(&path).unwrap();
    Client::new(config).unwrap().head(&chain()).unwrap();
    assert_eq!(
        collector.asked().authorization.as_deref(),
        Some("Bearer cfk_0_s3cret")
    );
    let missing = collector.config().key_file(&directory.path().join("none"));
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn addresses_and_keys_that_cannot_be_are_refused_without_repeating_them() {
    for url in [
        "",
        "collector",
        "ftp://a",
        "http://user:s3cret@a",
        "http://a/?k=s3cret",
    ] {
        let error = ClientConfig::new(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{url}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    let config = ClientConfig::new("http://127.0.0.1:9466").unwrap();
    for key in ["", " \n", "s3\ncret", "s3cret\u{e9}"] {
        let error = config.clone().key(key).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(!error.to_string().contains("s3"), "{error}");
    }
}
