//! What an opening says about itself before anything else is sealed.

use std::sync::Arc;
use std::time::Duration;

use counterfoil_core::{ChainId, Digest, Head};

use crate::log::found_keys::FoundKeys;
use crate::log::head_signers::{HeadNote, HeadSigners};
use crate::log::opening::{OPEN, Opened, Plan};
use crate::log::recovery::Found;
use crate::log::rotation::handover;
use crate::log::signing::Signing;
use crate::{
    AuditEventData, ConfigChanged, Error, ErrorKind, HashAlgorithm, LogOpened, ProducerOpened,
    Unclean,
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
        epoch_ms: plan.epochs.as_ref().map(|epochs| millis(epochs.period)),
        hash: HashAlgorithm::Sha256,
        keys: signing.keys.clone(),
        mode: signing.mode,
        resumed_seq: found.seq,
        retention: plan.settings.retention.clone(),
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
        records.extend(changes(before, &found.keys, &log_opened));
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
fn changes(before: &LogOpened, keys: &FoundKeys, now: &LogOpened) -> Vec<AuditEventData> {
    let pairs = [
        (
            "mode",
            before.mode.as_str().to_owned(),
            now.mode.as_str().to_owned(),
        ),
        ("keys", listed(&keys.in_force), listed(&now.keys)),
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

/// Verifier keys as one text, in an order of its own: a rotation changes theirs.
fn listed(keys: &[String]) -> String {
    let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    keys.sort_unstable();
    keys.join(" ")
}

/// The handover of a rotation that an earlier opening left without, if the signer before is here to give it.
pub(crate) fn late_handover(
    signing: &Signing,
    chain: &ChainId,
    keys: &FoundKeys,
) -> Result<Option<AuditEventData>, Error> {
    let (Some(unfinished), Some(before)) = (&keys.unfinished, &signing.log.before) else {
        return Ok(None);
    };
    let old_key = before.verifier_key().map(ToString::to_string);
    if old_key.as_ref() != Some(&unfinished.old_key) {
        return Ok(None);
    }
    let head = Head {
        chain: chain.clone(),
        seq: unfinished.seq,
        hash: Digest::ZERO,
        root: unfinished.root,
    };
    let signed = HeadSigners::new(Arc::clone(before)).sign(&head);
    match signed {
        Ok(HeadNote::Signed(note)) => Ok(Some(handover(&note))),
        Ok(HeadNote::Unsigned | HeadNote::Superseded) => Ok(None),
        Err(error) => Err(Error::new(
            ErrorKind::Signer,
            OPEN,
            format!(
                "the signer before could not hand over to the one that took over at record {}",
                unfinished.seq
            ),
        )
        .with_source(error)),
    }
}
