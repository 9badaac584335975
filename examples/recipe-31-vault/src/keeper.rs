//! What the vault does by itself: it looks at itself every second, raises alerts, stores snapshots of its metrics in itself and
//! removes what has expired.

use std::sync::Arc;
use std::time::Duration;

use counterfoil::audit::{AuditEventData, AuditInput, NamedReceipt, PayloadDigest, Receipt};
use counterfoil::health::Health;
use counterfoil::prometheus::Renderer;
use counterfoil::{MetricSnapshot, Observer, Timestamp};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use crate::address::Address;
use crate::alerts::{Alerts, Change, RULES, Rule, Severity};
use crate::errors::{Failure, NOT_SEALED};
use crate::metrics::{Attempt, Metrics};
use crate::state::State;
use crate::store::{About, Store};

/// How often it looks at itself.
const LOOK: Duration = Duration::from_secs(1);
/// How often it removes what has expired.
const COLLECT: Duration = Duration::from_secs(60);
/// How long snapshots and alerts are kept: 30 days.
pub(crate) const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// Runs beside the service.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) store: Store,
    pub(crate) state: Arc<State>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) observer: Observer,
    pub(crate) alerts: Arc<Mutex<Alerts>>,
    pub(crate) health: Health,
    /// How often it stores its metrics.
    pub(crate) snapshots: Duration,
    /// Told when it is to end.
    pub(crate) end: Arc<Notify>,
}

impl Keeper {
    /// Runs until its end, which is never between a record and what is noted of it.
    pub(crate) async fn run(self) {
        for rule in &RULES {
            self.show(rule, false);
        }
        for rule in self.alerts.lock().firing() {
            self.show(rule, true);
        }
        let mut from = self.store.now();
        let [mut look, mut collect, mut snapshot] = [LOOK, COLLECT, self.snapshots].map(ticks);
        snapshot.reset();
        loop {
            let done = tokio::select! {
                () = self.end.notified() => return,
                _ = look.tick() => self.look().await,
                _ = collect.tick() => self.collect().await,
                _ = snapshot.tick() => self.store_snapshot(&mut from).await,
            };
            if let Err(failure) = done {
                failure.log();
            }
        }
    }

    async fn look(&self) -> Result<(), Failure> {
        self.state.set_figures(self.store.figures().await?);
        // An alert that was firing when the vault was stopped has not ended because the peer was not asked yet.
        if !self.state.is_known() {
            return Ok(());
        }
        let (now, gauges) = (self.store.now(), self.state.gauges());
        let changes = self.alerts.lock().evaluate(now, &gauges);
        for change in changes {
            self.raise(change).await?;
        }
        Ok(())
    }

    /// Seals that an alert has begun or ended, and tells everybody.
    async fn raise(&self, change: Change) -> Result<(), Failure> {
        let rule = change.rule;
        let payload = json!({
            "name": rule.name,
            "severity": rule.severity,
            "message": rule.message,
            "value": change.value,
            "since": change.since.to_string(),
            "resolved": change.resolved.map(|at| at.to_string()),
        });
        let text = payload.to_string();
        let address = Address::of(text.as_bytes());
        let receipt = NamedReceipt {
            count: 1,
            digest: PayloadDigest::Sha256(address.digest()),
            from: change.since,
            name: rule.name.to_owned(),
            to: change.resolved.unwrap_or(change.since),
        };
        let is_firing = change.resolved.is_none();
        self.seal(if is_firing {
            AuditEventData::ObsAlertFired(receipt)
        } else {
            AuditEventData::ObsAlertResolved(receipt)
        })
        .await?;
        // Only now: it comes again each second until it is sealed.
        self.alerts.lock().note(&change);
        let since = is_firing.then_some(change.since);
        if let Err(failure) = self.store.set_firing(rule.name, since).await {
            failure.log();
        }
        self.keep(text).await;
        self.show(rule, is_firing);
        tell(&change);
        if is_firing {
            self.health
                .record_error("alert", format!("{}: {}", rule.name, rule.message));
        }
        Ok(())
    }

    fn show(&self, rule: &Rule, is_firing: bool) {
        let gauge = self.metrics.alerts_firing.with(&[rule.name]);
        gauge.set(f64::from(u8::from(is_firing)));
    }

    /// Stores all metrics in the vault, and seals their address.
    async fn store_snapshot(&self, from: &mut Timestamp) -> Result<(), Failure> {
        let snapshot = self.observer.peek();
        let stored = self.try_snapshot(&snapshot, *from).await;
        let attempt = if stored.is_ok() {
            Attempt::Ok
        } else {
            Attempt::Error
        };
        self.metrics.snapshots.at(attempt).increment();
        stored?;
        *from = snapshot.time;
        Ok(())
    }

    async fn try_snapshot(
        &self,
        snapshot: &MetricSnapshot,
        from: Timestamp,
    ) -> Result<(), Failure> {
        if self.store.is_read_only() {
            return Ok(());
        }
        let series = snapshot.families.iter().map(|it| it.series.len() as u64);
        let count = series.sum();
        let text = format!(
            "# taken at {}\n{}",
            snapshot.time,
            Renderer::new().render(snapshot)
        );
        let about = kept("metric-snapshot");
        let (address, _) = self.store.put(text.into(), about, None).await?;
        self.seal(AuditEventData::ObsMetricSnapshot(Receipt {
            count,
            digest: PayloadDigest::Sha256(address.digest()),
            from,
            to: snapshot.time,
        }))
        .await
    }

    async fn collect(&self) -> Result<(), Failure> {
        let removed = self.store.collect().await?;
        if removed > 0 {
            self.metrics.gc_removed.add(removed);
            tracing::info!(removed, "objects removed whose time had come");
        }
        Ok(())
    }

    /// Keeps the text of an alert in the vault. Where it takes none, the log has the text that belongs to the sealed address.
    async fn keep(&self, text: String) {
        let put = self.store.put(text.clone().into(), kept("alert"), None);
        if let Err(failure) = put.await {
            failure.log();
            tracing::warn!(alert = text, "an alert is not kept in the vault");
        }
    }

    /// Waits until the record is on stable storage.
    async fn seal(&self, data: AuditEventData) -> Result<(), Failure> {
        let Some(log) = self.observer.audit() else {
            return Ok(());
        };
        let sealed = log.append(AuditInput::unassigned(data)).durable().await;
        sealed.map_err(|error| Failure::because(NOT_SEALED, error))
    }
}

/// The log and the ring hear of it: the mark takes the event into the ring.
fn tell(change: &Change) {
    let (rule, value) = (change.rule, change.value);
    let (alert, message) = (rule.name, rule.message);
    match (change.resolved, rule.severity) {
        (Some(_), _) => {
            tracing::info!(
                counterfoil.event = "vault.alert_resolved",
                alert,
                value,
                "alert resolved: {message}"
            );
        }
        (None, Severity::Critical) => {
            tracing::error!(
                counterfoil.event = "vault.alert_fired",
                alert,
                value,
                "alert fired: {message}"
            );
        }
        (None, Severity::Warning) => {
            tracing::warn!(
                counterfoil.event = "vault.alert_fired",
                alert,
                value,
                "alert fired: {message}"
            );
        }
    }
}

fn kept(kind: &str) -> About {
    About {
        kind: kind.to_owned(),
        attributes: Vec::new(),
        ttl: Some(RETENTION),
    }
}

fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
