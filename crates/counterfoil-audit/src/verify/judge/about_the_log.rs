//! What a record says about the log itself, to the rules of policy and of lanes.

use super::Judge;
use crate::verify::batch::{Form, Line};
use crate::verify::epochs::Beginning;
use crate::verify::findings::Place;
use crate::verify::log_keys::HANDOVER;
use crate::verify::policy::Fault;
use crate::{AuditEventData, Text};

impl Judge<'_> {
    pub(super) fn about_the_log(&mut self, line: &Line, form: &Form, place: &Place<'_>) {
        let special = form.special.as_deref();
        let data = special.and_then(|special| special.log_data.as_ref());
        let signature = special.and_then(|special| special.signature.as_ref());
        let position = self.position;
        let faults = self
            .policy
            .line(position, line.hash(), signature, data, self.known.reader);
        for (reason, detail) in faults {
            self.findings.add(reason, Some(position), place, detail);
        }
        for (reason, detail) in self.about_keys(form.seq, data) {
            self.findings.add(reason, Some(position), place, detail);
        }
        let outcome = match data {
            Some(AuditEventData::RecordsLost(lost)) => {
                self.lanes
                    .lost(lost.src, lost.first_n, lost.last_n, position)
            }
            Some(AuditEventData::ProducerClosed(closed)) => {
                self.lanes
                    .closed(closed.instance, &closed.lanes, closed.more, position)
            }
            Some(AuditEventData::ProducerOpened(opened)) => {
                if let Some((instance, lanes)) = opened.predecessor.zip(opened.last_known.as_ref())
                {
                    self.lanes.stated(instance, lanes, false, position);
                }
                Ok(())
            }
            Some(AuditEventData::LogOpened(opened)) => {
                if let Some(unclean) = &opened.unclean {
                    self.lanes
                        .stated(unclean.instance, &unclean.lanes, true, position);
                }
                Ok(())
            }
            _ => Ok(()),
        };
        if let Err(fault) = outcome {
            self.findings
                .add(fault.reason, Some(fault.position), place, fault.detail);
        }
    }

    /// Epochs and handovers, which are about the tree as well.
    fn about_keys(&mut self, seq: u64, data: Option<&AuditEventData>) -> Vec<Fault> {
        let chain = String::from_utf8_lossy(&self.id).into_owned();
        match data {
            Some(AuditEventData::EpochStarted(started)) => {
                let beginning = Beginning {
                    chain: &chain,
                    seq,
                    root: self.tree.root_at(seq - 1),
                    log_keys: &self.policy.log_keys,
                    checker: self.known.checker(),
                };
                self.policy.epochs.started(started, &beginning)
            }
            Some(AuditEventData::ConfigChanged(changed)) if changed.key == HANDOVER => {
                let Some(Text::Plain(note)) = &changed.new_value else {
                    return Vec::new();
                };
                let checker = self.known.checker();
                let fault = self.policy.log_keys.handover(note, &chain, checker);
                fault.into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}
