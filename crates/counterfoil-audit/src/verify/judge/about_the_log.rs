//! What a record says about the log itself, to the rules of policy and of lanes.

use super::Judge;
use crate::AuditEventData;
use crate::verify::batch::{Form, Line};
use crate::verify::findings::Place;

impl Judge<'_> {
    pub(super) fn about_the_log(&mut self, line: &Line, form: &Form, place: &Place<'_>) {
        let special = form.special.as_deref();
        let data = special.and_then(|special| special.log_data.as_ref());
        let signature = special.and_then(|special| special.signature.as_ref());
        let position = self.position;
        let faults = self.policy.line(
            position,
            line.hash(),
            signature,
            data,
            self.options.key_reader,
        );
        for (reason, detail) in faults {
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
}
