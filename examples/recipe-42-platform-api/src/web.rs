//! The web front: pages for people, in a process of its own that calls the API in the name of whoever is signed in.

mod allocations;
mod api;
mod assets;
mod errors;
mod form;
mod headers;
mod layout;
mod ops;
mod refusal;
mod session;
mod sign_in;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use counterfoil::audit::Outcome;
use counterfoil::init::Draining;
use counterfoil::metrics::Registry;
use counterfoil::tower::axum::matched_path;
use counterfoil::tower::{ErrorCode, ServerLayer};
use counterfoil::trace::HeadSampler;
use counterfoil::{Observer, WorkloadIdentity};
use tokio::net::TcpListener;
use tower_http::csrf::CsrfLayer;

use crate::audit::{AuditTrail, Field, Kind, Metadata};
use crate::errors::{METHOD_NOT_ALLOWED, NOT_FOUND};
use crate::limits::{Concurrency, LONGEST, in_time, not_too_many};
use api::Api;
use errors::CROSS_SITE;
use refusal::Refusal;
use session::Sessions;

/// The largest form that is taken, in bytes.
const MOST_BYTES: usize = 16 * 1024;

/// What the web front is started with.
#[derive(Clone, Debug)]
pub struct WebSettings {
    /// Where it listens; port 0 has the system choose one.
    pub listen: SocketAddr,
    /// Where the API is: `http://host:port`.
    pub api: String,
    /// That browsers reach it through TLS, ended at a proxy.
    pub https: bool,
    /// Which traces are recorded.
    pub sampler: HeadSampler,
}

/// The web front, listening.
#[derive(Debug)]
pub struct Web {
    listener: TcpListener,
    router: Router,
}

/// What the handlers share. Cheap to clone.
#[derive(Clone, Debug)]
struct Front {
    api: Api,
    sessions: Sessions,
    audit: AuditTrail,
}

impl Web {
    /// Listens. Nothing is answered before [`serve`](Self::serve).
    ///
    /// # Errors
    /// When the address of the API is none, or the address to listen at is taken.
    pub async fn bind(
        settings: &WebSettings,
        observer: &Observer,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let registry = observer.registry();
        let front = Front {
            api: Api::new(&settings.api, registry, settings.sampler)?,
            sessions: Sessions::new(Arc::clone(observer.clock()), settings.https),
            audit: AuditTrail::new(observer.clone())?,
        };
        let listener = TcpListener::bind(settings.listen).await.map_err(|error| {
            let address = settings.listen;
            format!("cannot listen at {address}: {error}; choose another --listen")
        })?;
        let router = router(front, registry, settings);
        Ok(Self { listener, router })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until draining begins; then finishes what is under way.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, draining: &Draining) -> std::io::Result<()> {
        let server = axum::serve(self.listener, self.router);
        let server = server.with_graceful_shutdown(draining.begun());
        let served = draining.within(LONGEST, server).await.transpose();
        served.map(drop)
    }
}

impl FromRef<Front> for Sessions {
    fn from_ref(front: &Front) -> Self {
        front.sessions.clone()
    }
}

impl Front {
    /// Seals that somebody signed in or out, or what is about to be asked of the API in their name: under the same trace the
    /// chain of the API says what came of it.
    async fn seal(&self, scope: &str, allocation: Option<&str>) -> Result<(), ErrorCode> {
        let mut metadata = Metadata::default().with(Field::RequestScope, scope);
        if let Some(id) = allocation {
            metadata = metadata.with(Field::AllocationId, id);
        }
        let sealed = self
            .audit
            .seal(Kind::WebRequest, metadata, None, Outcome::Success);
        sealed.await.map(drop).map_err(|failure| {
            failure.log();
            failure.code()
        })
    }
}

/// The routes. Browsers are strangers, so each request begins a trace of its own; its id is in the answer.
fn router(front: Front, registry: &Registry, settings: &WebSettings) -> Router {
    let (sessions, sampler) = (front.sessions.clone(), settings.sampler);
    let observed = ServerLayer::builder(registry)
        .routes(matched_path)
        .at_trust_boundary()
        .older_pair()
        .sampled(move |trace| sampler.samples(trace))
        .identity(move |request| {
            let session = sessions.of(request)?;
            Some(WorkloadIdentity::tenant_only(&session.caller.tenant))
        });
    let observed = if settings.https {
        observed.https()
    } else {
        observed
    };
    let own_site =
        CsrfLayer::new().with_rejection_response(|_| Refusal(CROSS_SITE).into_response());
    Router::new()
        .route("/", get(async || Redirect::to("/allocations")))
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route(
            "/allocations",
            get(allocations::list).post(allocations::create),
        )
        .route("/allocations/progress", get(allocations::progress))
        .route("/allocations/{id}/release", post(allocations::release))
        .route("/admin/ops/overview", get(ops::page))
        .route("/admin/ops/overview.json", get(ops::json))
        .merge(assets::routes())
        .fallback(async || Refusal(NOT_FOUND))
        .method_not_allowed_fallback(async || Refusal(METHOD_NOT_ALLOWED))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(own_site)
        .layer(from_fn(async |request: Request, next: Next| {
            in_time(request, next).await.map_err(Refusal)
        }))
        .layer(from_fn_with_state(
            Concurrency::default(),
            async |places: State<Concurrency>, request: Request, next: Next| {
                not_too_many(places, request, next).await.map_err(Refusal)
            },
        ))
        .layer(map_response(headers::protect))
        .layer(observed.http())
        .with_state(front)
}
