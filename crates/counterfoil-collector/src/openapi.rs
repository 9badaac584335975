//! The OpenAPI document of the collector's HTTP interface, served at `/v1/openapi.json`.
//!
//! It is generated from the routes; `docs/reference/openapi.json` is a copy that a test keeps up to date.

use axum::Router;
use axum::routing::get;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoParams, Modify, OpenApi, ToResponse};

use crate::routes::Problem;
use crate::routes::{ingest, read};

/// The whole of it.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Counterfoil collector",
        description = "Takes sealed audit records from many producers, verifies each chain as it arrives, and answers questions \
            about what it keeps. Every error is a problem document (RFC 9457) with a stable `code`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        ingest::register,
        ingest::head,
        ingest::extend,
        read::chains,
        read::chain,
        read::records::records,
        read::tree::checkpoint,
        read::tree::tile,
        read::tree::proof,
    ),
    components(responses(ProblemResponse)),
    modifiers(&BearerKey),
    security(("key" = [])),
    tags(
        (name = "ingest", description = "Taking records in"),
        (name = "read", description = "Records that are kept"),
        (name = "verify", description = "Hashes that prove what is kept"),
    ),
)]
struct Document;

/// The document as JSON, with a line feed at its end.
#[must_use]
pub fn document() -> String {
    // It holds nothing that cannot be JSON.
    let mut json = Document::openapi().to_pretty_json().unwrap_or_default();
    json.push('\n');
    json
}

/// `GET /v1/openapi.json`, for everybody.
pub fn routes() -> Router {
    let document: &'static str = document().leak();
    let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Router::new().route(
        "/v1/openapi.json",
        get(move || async move { (json, document) }),
    )
}

/// Keys of tenants.
struct BearerKey;

impl Modify for BearerKey {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let key = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A key of a tenant, or the client's certificate instead",
            ))
            .build();
        let components = openapi.components.get_or_insert_with(Default::default);
        components.add_security_scheme("key", SecurityScheme::Http(key));
    }
}

/// Why it was refused.
#[derive(ToResponse)]
#[response(
    description = "Why it was refused",
    content_type = "application/problem+json"
)]
#[expect(dead_code, reason = "it only describes")]
pub(crate) struct ProblemResponse(Problem);

/// The chain.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it only describes")]
pub(crate) struct ChainParam {
    /// The id of a chain: one segment of the path, its slashes written as %2F.
    #[param(max_length = 200, example = "audit.example.com/leases/1")]
    chain: String,
}

/// The record.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it only describes")]
pub(crate) struct SeqParam {
    /// The number of a record.
    #[param(minimum = 1, maximum = 9_007_199_254_740_991_u64)]
    seq: u64,
}

/// The tile.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it only describes")]
pub(crate) struct TileParam {
    /// Level and index, or `entries` and index, as C2SP tlog-tiles writes them, such as `0/x001/234` or `entries/000.p/7`.
    #[param(max_length = 100, example = "0/000")]
    tile: String,
}

/// Which records.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it only describes")]
pub(crate) struct RecordParams {
    /// Only records behind this number.
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    after: Option<u64>,
    /// Only records up to this number.
    #[param(minimum = 1, maximum = 9_007_199_254_740_991_u64)]
    last: Option<u64>,
    /// At most so many records.
    #[param(minimum = 1, maximum = 100_000, default = 10_000)]
    limit: Option<u64>,
    /// Wait so many seconds for a record that matches, if there is none.
    #[param(minimum = 0, maximum = 30, default = 0)]
    wait: Option<u64>,
    /// Only these kinds, such as lease_expired or vault.object_put.
    #[param(style = Form, explode, max_items = 64, pattern = r"^([a-z][a-z0-9_]{0,31}\.)?[a-z][a-z0-9_]{0,62}$")]
    kind: Option<Vec<String>>,
    /// Only what ended so.
    #[param(inline)]
    outcome: Option<OutcomeParam>,
    /// Only what occurred at this time or later.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Only what occurred at this time or earlier.
    #[param(format = DateTime)]
    until: Option<String>,
    /// Only this lease.
    #[param(pattern = "^(0|[1-9][0-9]{0,19})$")]
    lease: Option<String>,
    /// Only this node.
    #[param(max_length = 255)]
    node: Option<String>,
    /// Only this tenant.
    #[param(max_length = 255)]
    tenant: Option<String>,
    /// Only this trace.
    #[param(pattern = "^[0-9a-f]{32}$")]
    trace: Option<String>,
    /// Only this request.
    #[param(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    request: Option<String>,
    /// Only this pseudonym of a person or service account.
    #[param(max_length = 255)]
    principal: Option<String>,
}

/// How what a record is about ended.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it only describes")]
pub(crate) enum OutcomeParam {
    Success,
    Failure,
    Unknown,
}
