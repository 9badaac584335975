//! Epochs at work: the next key takes over, and the one before is destroyed (audit specification §6, epochs).
//!
//! In this order, each step durable before the next: the key of the next epoch, the `epoch_started` that the key before
//! signed, the end of that key. Wherever a crash comes between, the next opening finds one of the two keys too many and can
//! tell which.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_core::{ChainId, Clock};
use counterfoil_signer::{EpochKeys, Signer, epoch_message};

use crate::log::found_keys::FoundEpoch;
use crate::log::opening::OPEN;
use crate::log::sealer::{Sealer, Stopped};
use crate::{AuditEventData, EpochStarted, Error, ErrorKind};

/// After a failure it is tried again so much later.
const RETRY: Duration = Duration::from_secs(1);

/// What the builder was told.
#[derive(Clone, Debug)]
pub(crate) struct EpochPlan {
    pub(crate) period: Duration,
    pub(crate) keys: Arc<dyn EpochKeys>,
}

/// The epochs of an open log.
#[derive(Debug)]
pub(crate) struct Epochs {
    plan: EpochPlan,
    chain: ChainId,
    /// The running epoch; 0 before the first.
    number: u64,
    /// The key of the running epoch.
    signer: Option<Arc<dyn Signer>>,
    /// The epoch before, whose key is destroyed once this record is durable.
    ending: Option<Ending>,
    /// When the next epoch begins, in ticks.
    due: u64,
    /// Before this nothing is tried again, in ticks.
    not_before: u64,
}

#[derive(Clone, Copy, Debug)]
struct Ending {
    number: u64,
    seq: u64,
}

/// Why an epoch did not begin.
pub(crate) enum NotBegun {
    /// The epoch before goes on.
    Yet(Error),
    Stopped(Stopped),
}

impl From<Stopped> for NotBegun {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

/// Whether the key of the epoch that the log is in can be had. Changes nothing.
pub(crate) fn require_key(
    plan: &EpochPlan,
    chain: &ChainId,
    found: &FoundEpoch,
) -> Result<Arc<dyn Signer>, Error> {
    let number = found.number;
    let lost = |why: String| {
        Error::new(
            ErrorKind::Missing,
            OPEN,
            format!(
                "{chain} is in epoch {number}, and its key {why}, so that nothing further could be sealed. Restore log and key \
                 as they were together, or begin the next incarnation with open_or_restart"
            ),
        )
    };
    let signer = plan.keys.load(chain, number).map_err(|error| {
        lost("cannot be read; or the log was put back to an older state".to_owned())
            .with_source(error)
    })?;
    match signer.verifier_key() {
        Some(key) if key.to_string() == found.key => Ok(signer),
        _ => Err(lost(
            "is another one than the log names; the log was put back to an older state".to_owned(),
        )),
    }
}

impl Epochs {
    /// Goes on where the log is, or before the first epoch, and destroys the key that a crash left over.
    pub(crate) fn resume(
        plan: EpochPlan,
        chain: ChainId,
        found: Option<&FoundEpoch>,
        clock: &dyn Clock,
    ) -> Result<Self, Error> {
        let now = clock.ticks().0;
        let (number, signer, due) = match found {
            None => (0, None, now),
            Some(found) => {
                let left = plan.period.saturating_sub(clock.utc().since(found.began));
                let signer = require_key(&plan, &chain, found)?;
                (found.number, Some(signer), later(now, left))
            }
        };
        let epochs = Self {
            plan,
            chain,
            number,
            signer,
            ending: None,
            due,
            not_before: 0,
        };
        epochs.tidy()?;
        Ok(epochs)
    }

    /// Destroys the keys that are neither of the running epoch nor could come from anything but a crash.
    fn tidy(&self) -> Result<(), Error> {
        let failed = |error: counterfoil_signer::Error| {
            Error::new(
                ErrorKind::Signer,
                OPEN,
                format!("the epoch keys of {} cannot be put in order", self.chain),
            )
            .with_source(error)
        };
        let listed = self.plan.keys.list(&self.chain).map_err(failed)?;
        let next = self.number + 1;
        if let Some(last) = listed.last().filter(|last| **last > next) {
            return Err(Error::new(
                ErrorKind::Missing,
                OPEN,
                format!(
                    "{} is in epoch {}, and there is a key of epoch {last}: the log was put back to an older state. Nothing was \
                     changed; restore the log as it was last",
                    self.chain, self.number
                ),
            ));
        }
        for epoch in listed.into_iter().filter(|epoch| *epoch != self.number) {
            self.plan.keys.destroy(&self.chain, epoch).map_err(failed)?;
        }
        Ok(())
    }

    /// The running epoch; 0 before the first.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// The key of the running epoch, which counts for heads of more records than `found` says.
    pub(crate) fn signer(&self) -> Option<Arc<dyn Signer>> {
        self.signer.clone()
    }

    /// Destroys the key of an epoch that has ended, and begins the next one when it is time.
    pub(crate) fn turn(&mut self, sealer: &mut Sealer) -> Result<(), Stopped> {
        let now = sealer.shared.clock.ticks().0;
        if now < self.not_before {
            return Ok(());
        }
        self.end(sealer, now);
        if self.ending.is_some() || now < self.due {
            return Ok(());
        }
        match self.begin(sealer) {
            Ok(()) => Ok(()),
            Err(NotBegun::Stopped(stopped)) => Err(stopped),
            Err(NotBegun::Yet(error)) => {
                self.complain(sealer, now, "did not begin", self.number + 1, &error);
                Ok(())
            }
        }
    }

    /// Destroys the key of the epoch before, if what ends it is durable.
    pub(crate) fn end(&mut self, sealer: &Sealer, now: u64) {
        let durable = sealer.shared.progress.durable_seq.load(Ordering::Acquire);
        let Some(ending) = self.ending.filter(|ending| ending.seq <= durable) else {
            return;
        };
        sealer.signers.retire_epochs();
        match self.plan.keys.destroy(&self.chain, ending.number) {
            Ok(()) => self.ending = None,
            Err(error) => self.complain(
                sealer,
                now,
                "has ended and its key is not destroyed",
                ending.number,
                &error,
            ),
        }
    }

    /// As the log closes: what has ended is destroyed before the process goes.
    pub(crate) fn settle(&mut self, sealer: &mut Sealer) -> Result<(), Stopped> {
        if let Some(ending) = self.ending
            && sealer.wait_durable(ending.seq)?
        {
            self.end(sealer, sealer.shared.clock.ticks().0);
        }
        Ok(())
    }

    /// Begins the next epoch.
    pub(crate) fn begin(&mut self, sealer: &mut Sealer) -> Result<(), NotBegun> {
        sealer.read_clock()?;
        let number = self.number + 1;
        let signer = self.make_key(number)?;
        let started = self.sealed_by_the_key_before(sealer, number, &*signer);
        let started = started.map_err(|error| {
            // It sealed nothing. Should that fail, the next attempt or opening does it.
            self.plan.keys.destroy(&self.chain, number).ok();
            NotBegun::Yet(error)
        })?;
        let size = started.size;
        sealer.signers.epoch_from(size, Arc::clone(&signer));
        sealer.seal_own(AuditEventData::EpochStarted(started))?;
        self.ending = (self.number > 0).then_some(Ending {
            number: self.number,
            seq: size + 1,
        });
        self.number = number;
        self.signer = Some(signer);
        self.due = later(sealer.shared.clock.ticks().0, self.plan.period);
        sealer
            .shared
            .progress
            .epoch
            .store(number, Ordering::Relaxed);
        // A head of the new epoch, because none of the old one can be signed once its key is gone.
        sealer.flush(true)?;
        sealer.shared.commit.sync_at_once();
        Ok(())
    }

    fn make_key(&self, number: u64) -> Result<Arc<dyn Signer>, NotBegun> {
        let failed = |error: counterfoil_signer::Error| {
            NotBegun::Yet(
                Error::new(
                    ErrorKind::Signer,
                    "begin an epoch",
                    format!(
                        "the key of epoch {number} of {} could not be made",
                        self.chain
                    ),
                )
                .with_source(error),
            )
        };
        // What an attempt before this one left.
        self.plan
            .keys
            .destroy(&self.chain, number)
            .and_then(|()| self.plan.keys.create(&self.chain, number))
            .map_err(failed)
    }

    fn sealed_by_the_key_before(
        &self,
        sealer: &mut Sealer,
        number: u64,
        next: &dyn Signer,
    ) -> Result<EpochStarted, Error> {
        let failed = || {
            Error::new(
                ErrorKind::Signer,
                "begin an epoch",
                format!(
                    "the key before could not sign for epoch {number} of {}",
                    self.chain
                ),
            )
        };
        let head = sealer.chain.head().ok_or_else(failed)?;
        let root = head.root.ok_or_else(failed)?;
        let key = next.verifier_key().ok_or_else(failed)?.to_string();
        let message = epoch_message(self.chain.as_str(), number, head.seq, &root, &key);
        let before = self.signer.clone().or_else(|| sealer.signers.log_key());
        let signature = before
            .ok_or_else(failed)?
            .sign(message.as_bytes())
            .map_err(|error| failed().with_source(error))?
            .ok_or_else(failed)?;
        Ok(EpochStarted {
            epoch: number,
            key,
            root,
            signature: STANDARD.encode(signature),
            size: head.seq,
        })
    }

    fn complain(
        &mut self,
        sealer: &Sealer,
        now: u64,
        what: &str,
        number: u64,
        error: &dyn std::error::Error,
    ) {
        self.not_before = later(now, RETRY);
        let why = error
            .source()
            .map_or_else(String::new, |why| format!(": {why}"));
        sealer.shared.set_alarm(format!(
            "epoch {number} {what}, and it is tried again: {error}{why}"
        ));
    }
}

fn later(now: u64, by: Duration) -> u64 {
    now.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX))
}

/// Destroys every epoch key of a chain that was set aside: nothing may be sealed under it any more.
pub(crate) fn destroy_all(
    keys: &dyn EpochKeys,
    chain: &ChainId,
) -> Result<(), counterfoil_signer::Error> {
    for epoch in keys.list(chain)? {
        keys.destroy(chain, epoch)?;
    }
    Ok(())
}
