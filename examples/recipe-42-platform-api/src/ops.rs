//! `/admin/ops/overview`: how the platform does, for those who operate it. Aggregates alone, with no tenant, no subject and no
//! raw error in it.

mod facts;
mod overview;
mod sanitise;
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json};
use counterfoil::health::Health;
use counterfoil::{Observer, Redactor};
use serde_json::Value;
use tokio::time::MissedTickBehavior;

use crate::api::Platform;
use crate::errors::{Failure, INTERNAL};
use crate::{Member, Role};
use facts::Facts;
use overview::Overview;
use traffic::Traffic;

/// Where it is.
pub(crate) const OVERVIEW: &str = "/admin/ops/overview";

/// How far back it looks.
const WINDOW: Duration = Duration::from_secs(300);
/// How often the counts of requests are noted, to be subtracted later.
const INTERVAL: Duration = Duration::from_secs(5);

/// What the overview is made of beside the database. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Ops {
    traffic: Arc<Traffic>,
    health: Health,
    redactor: Arc<Redactor>,
}

impl Ops {
    pub(crate) fn new(observer: &Observer, health: Health) -> Self {
        Self {
            traffic: Arc::new(Traffic::new(observer)),
            health,
            redactor: Arc::new(Redactor::new()),
        }
    }

    /// Notes the counts again and again, until it is aborted.
    pub(crate) async fn watch(self) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.traffic.note();
        }
    }
}

/// `GET /admin/ops/overview`
pub(crate) async fn overview(
    State(platform): State<Platform>,
    Extension(member): Extension<Member>,
) -> Result<Json<Value>, Failure> {
    member.require(Role::Admin)?;
    let now = platform.store.now();
    let facts = platform
        .store
        .read(move |connection| Facts::read(connection, now))
        .await;
    let facts = facts.map_err(|failure| {
        failure.log();
        failure.code()
    });
    let ops = &platform.ops;
    let overview = Overview::of(now, &ops.health.report(), &ops.traffic.seen(), facts);
    let document = serde_json::to_value(overview);
    let mut document = document.map_err(|error| Failure::because(INTERNAL, error))?;
    sanitise::sanitise(&mut document, &*ops.redactor);
    Ok(Json(document))
}
