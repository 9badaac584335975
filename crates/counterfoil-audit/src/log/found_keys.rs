//! What a log that is opened again says about its keys.

use counterfoil_core::{Digest, Timestamp};

use crate::{AuditEventData, AuditEventKind, KeyRole};

/// Name of the setting under which the handover of a log key stands (audit specification §6, rotation).
pub(crate) const HANDOVER: &str = "keys.handover";

/// The kinds of record that are of interest here.
pub(crate) const fn is_about_keys(kind: &AuditEventKind) -> bool {
    matches!(
        kind,
        AuditEventKind::LogOpened
            | AuditEventKind::KeyRotated
            | AuditEventKind::ConfigChanged
            | AuditEventKind::EpochStarted
    )
}

/// The keys in force at the end of what was read, and what was left undone about them.
#[derive(Clone, Debug, Default)]
pub(crate) struct FoundKeys {
    pub(crate) in_force: Vec<String>,
    /// A rotation of the log key whose handover is not there.
    pub(crate) unfinished: Option<Unfinished>,
    pub(crate) epoch: Option<FoundEpoch>,
}

/// A `key_rotated` of the log key at `seq`, over which the tree has `root`.
#[derive(Clone, Debug)]
pub(crate) struct Unfinished {
    pub(crate) seq: u64,
    pub(crate) root: Option<Digest>,
    pub(crate) old_key: String,
}

/// The last `epoch_started`.
#[derive(Clone, Debug)]
pub(crate) struct FoundEpoch {
    pub(crate) number: u64,
    pub(crate) key: String,
    /// It counts for heads of more records than this.
    pub(crate) above: u64,
    pub(crate) began: Timestamp,
}

impl FoundKeys {
    /// Takes in a record of the log about itself. Whether the root over the records up to it is needed: then it goes to
    /// [`root`](Self::root).
    pub(crate) fn learn(&mut self, data: &AuditEventData, seq: u64, sealed: Timestamp) -> bool {
        match data {
            AuditEventData::LogOpened(opened) => self.in_force.clone_from(&opened.keys),
            AuditEventData::KeyRotated(rotated) => {
                self.in_force.retain(|key| *key != rotated.old_key);
                self.in_force.push(rotated.new_key.clone());
                if rotated.role == KeyRole::Log {
                    self.unfinished = Some(Unfinished {
                        seq,
                        root: None,
                        old_key: rotated.old_key.clone(),
                    });
                    return true;
                }
            }
            AuditEventData::ConfigChanged(changed) if changed.key == HANDOVER => {
                self.unfinished = None;
            }
            AuditEventData::EpochStarted(started) => {
                self.epoch = Some(FoundEpoch {
                    number: started.epoch,
                    key: started.key.clone(),
                    above: started.size,
                    began: sealed,
                });
            }
            _ => {}
        }
        false
    }

    pub(crate) fn root(&mut self, root: Digest) {
        if let Some(unfinished) = &mut self.unfinished {
            unfinished.root = Some(root);
        }
    }
}
