//! A witness behind HTTP.

use counterfoil_http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use counterfoil_http::{
    Builder, Bytes, Handler, Method, Request, Response, Server, StatusCode, text,
};
use counterfoil_merkle::note::NoteSignature;
use counterfoil_merkle::witness::cosignatures_body;

use crate::{Refusal, Witness, WitnessStorage};

/// Longest request that is read. Sixteen signatures of the largest type and the longest proof fit twice.
const MAX_BODY: usize = 128 << 10;
const WORKERS: u16 = 4;

type Listener = Box<dyn Fn(&Result<NoteSignature, Refusal>) + Send + Sync>;

/// Answers `POST /add-checkpoint` and `GET /<hex of SHA-256(origin)>/checkpoint` as C2SP tlog-witness asks.
///
/// Any path in front of these is left to a proxy. Requests of up to 128 KiB are read, four are judged at a time.
pub struct WitnessService<S> {
    witness: Witness<S>,
    on_request: Listener,
}

impl<S: WitnessStorage> WitnessService<S> {
    /// Serves the witness. `on_request` is told what came of each request to cosign, on the thread that answers it.
    #[must_use]
    pub fn new(
        witness: Witness<S>,
        on_request: impl Fn(&Result<NoteSignature, Refusal>) + Send + Sync + 'static,
    ) -> Self {
        Self {
            witness,
            on_request: Box::new(on_request),
        }
    }

    /// A server for it, with limits that fit, yet to be started.
    #[must_use]
    pub fn into_server(self) -> Builder {
        Server::builder("serve a witness", self)
            .workers(WORKERS)
            .max_body(MAX_BODY)
    }

    fn add_checkpoint(&self, body: &[u8]) -> Response<Bytes> {
        let answer = self.witness.add_checkpoint(body);
        (self.on_request)(&answer);
        match answer {
            Ok(line) => text(StatusCode::OK, cosignatures_body(&[line])),
            Err(refusal) => {
                let status = StatusCode::from_u16(refusal.status())
                    .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut response = text(status, refusal.body());
                let content_type = HeaderValue::from_static(refusal.content_type());
                response.headers_mut().insert(CONTENT_TYPE, content_type);
                response
            }
        }
    }

    fn latest(&self, origin_hash: &str) -> Response<Bytes> {
        match self.witness.latest(origin_hash) {
            Ok(Some(note)) => {
                let mut response = text(StatusCode::OK, note);
                let fresh = HeaderValue::from_static("no-cache");
                response.headers_mut().insert(CACHE_CONTROL, fresh);
                response
            }
            Ok(None) => text(
                StatusCode::NOT_FOUND,
                "no head of such a log was cosigned here\n",
            ),
            Err(_its_operator_knows) => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the witness has failed; its operator knows why\n",
            ),
        }
    }
}

impl<S: WitnessStorage> Handler for WitnessService<S> {
    fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        let origin_hash = path
            .strip_prefix('/')
            .and_then(|path| path.strip_suffix("/checkpoint"));
        match (path, origin_hash) {
            ("/add-checkpoint", _) if request.method() == Method::POST => {
                self.add_checkpoint(request.body())
            }
            ("/add-checkpoint", _) => not_allowed("POST"),
            (_, Some(origin_hash)) if reads(request.method()) => self.latest(origin_hash),
            (_, Some(_)) => not_allowed("GET, HEAD"),
            _ => text(
                StatusCode::NOT_FOUND,
                "nothing here; this is a witness: POST /add-checkpoint\n",
            ),
        }
    }
}

fn reads(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn not_allowed(allowed: &'static str) -> Response<Bytes> {
    let mut response = text(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("only {allowed} is answered here\n"),
    );
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

impl<S: std::fmt::Debug> std::fmt::Debug for WitnessService<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WitnessService")
            .field("witness", &self.witness)
            .finish_non_exhaustive()
    }
}
