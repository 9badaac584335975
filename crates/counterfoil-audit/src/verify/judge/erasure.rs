//! Erasable values, at each record and at the end.

use super::Judge;
use crate::AuditEventData;
use crate::verify::batch::{Form, Special};
use crate::verify::erasure::ErasureFault;
use crate::verify::findings::Place;
use crate::verify::report::Erasables;

impl Judge<'_> {
    pub(super) fn erasable(&mut self, special: &Special, form: &Form, place: &Place<'_>) {
        if !special.commitments.is_empty() {
            let chain = String::from_utf8_lossy(&self.id).into_owned();
            let faults = self.erasure.record(&chain, form.seq, &special.commitments);
            self.note(faults, place);
        }
        if let Some(AuditEventData::Erased(erased)) = &special.log_data {
            self.erasure.erased(erased);
        }
        if let Some(AuditEventData::RetentionApplied(applied)) = &special.log_data {
            self.retention_applied(applied);
        }
    }

    pub(super) fn judge_erasure(&mut self) -> Option<Erasables> {
        let last = self.expected - 1;
        let (erasables, faults) = std::mem::take(&mut self.erasure).finish(last);
        self.note(faults, &Place::none());
        erasables
    }

    fn note(&mut self, faults: Vec<ErasureFault>, place: &Place<'_>) {
        for fault in faults {
            self.findings
                .add(fault.reason, Some(fault.position), place, fault.detail);
        }
    }
}
