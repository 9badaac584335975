//! What an opening says about itself before anything else is sealed.

use std::time::Duration;

use crate::log::opening::{Opened, Plan};
use crate::log::recovery::Found;
use crate::log::signing::Signing;
use crate::{
    AuditEventData, ConfigChanged, HashAlgorithm, LogOpened, ProducerOpened, Retention, Unclean,
};

/// The records that every opening begins with (audit specification §4, rules 1 to 4).
pub(crate) fn first_records(
    plan: &Plan,
    signing: &Signing,
    found: &Found,
    opened: &Opened,
) -> Vec<AuditEventData> {
    let before = found.opened.as_ref();
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let log_opened = LogOpened {
        anchor_interval_ms: millis(plan.settings.anchor_interval),
        anchor_interval_records: plan.settings.anchor_records,
        anchored_seq: opened.anchored.as_ref().map(|head| head.seq),
        epoch_ms: None,
        hash: HashAlgorithm::Sha256,
        keys: signing.keys.clone(),
        mode: signing.mode,
        resumed_seq: found.seq,
        retention: Retention {
            max_age_s: None,
            max_bytes: None,
        },
        software: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).into(),
        unclean: before
            .filter(|_| !found.closed)
            .map(|(instance, before)| Unclean {
                bound_records: before.unsealed_max,
                instance: *instance,
                lanes: found.lanes.clone(),
            }),
        unsealed_max: Some(plan.settings.unsealed_max()),
    };
    let mut records = Vec::new();
    if let Some((_, before)) = before {
        records.extend(changes(before, &log_opened));
    }
    records.push(AuditEventData::LogOpened(log_opened));
    let restarted = opened.restarted.clone();
    records.extend(restarted.map(AuditEventData::ChainRestarted));
    let recovered = opened.recovered.iter().cloned();
    records.extend(recovered.map(AuditEventData::TailRecovered));
    records.push(AuditEventData::ProducerOpened(ProducerOpened {
        instance: plan.instance,
        last_known: before.map(|_| found.lanes.clone()),
        predecessor: before.map(|(instance, _)| *instance),
    }));
    records
}

/// What of the policy is not as it was: it may change only with an announcement (rule 2).
fn changes(before: &LogOpened, now: &LogOpened) -> Vec<AuditEventData> {
    let pairs = [
        (
            "mode",
            before.mode.as_str().to_owned(),
            now.mode.as_str().to_owned(),
        ),
        ("keys", before.keys.join(" "), now.keys.join(" ")),
        (
            "epoch_ms",
            format!("{:?}", before.epoch_ms),
            format!("{:?}", now.epoch_ms),
        ),
        (
            "retention",
            format!("{:?}", before.retention),
            format!("{:?}", now.retention),
        ),
    ];
    pairs
        .into_iter()
        .filter(|(_, old, new)| old != new)
        .map(|(key, old, new)| {
            AuditEventData::ConfigChanged(ConfigChanged {
                key: key.to_owned(),
                new_value: Some(new.into()),
                old_value: Some(old.into()),
            })
        })
        .collect()
}
