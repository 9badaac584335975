//! Whether the trusted head meets the policy that the verifier was given.

use super::Judge;
use crate::verify::findings::Place;
use crate::verify::reason::Reason;
use crate::verify::report::Cosigned;

impl Judge<'_> {
    /// Who cosigned the head, by the policy. One checkpoint of the head that the policy accepts is enough: the anchor may have
    /// been cosigned, and the one stored with the log not, or the other way round.
    pub(super) fn judge_trust(&mut self) -> Vec<Cosigned> {
        let Some(trust) = self.options.trust else {
            return Vec::new();
        };
        let mut rejected = None;
        for (note, _) in self.notes() {
            let Ok(read) = note else { continue };
            if !self.is_of_head(&read) {
                continue;
            }
            let judge = |text: &str, line: &_| trust.keys.judge(text, line);
            match trust.policy.verify_note(&read.note, judge) {
                Ok(accepted) => {
                    let times = accepted.times().iter();
                    return times
                        .map(|(witness, time)| Cosigned {
                            witness: witness.clone(),
                            unix_seconds: *time,
                        })
                        .collect();
                }
                Err(why) => {
                    rejected.get_or_insert(why.to_string());
                }
            }
        }
        let why = rejected.unwrap_or_else(|| {
            "there is no signed checkpoint of the trusted head that the policy could be held against; give the anchor that \
             has it"
                .to_owned()
        });
        let at = self.trusted.as_ref().map(|head| head.seq);
        let detail = format!("the policy given is not met: {why}");
        self.findings
            .add(Reason::Policy, at, &Place::none(), detail);
        Vec::new()
    }
}
