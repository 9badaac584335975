//! Whether those who cosigned are enough.

use std::fmt;

use super::{Member, NONE, Policy, PolicyWitness};

impl Policy {
    /// Whether the quorum is met by the witnesses for which `has_cosigned` answers true: those with a verified cosignature.
    #[must_use]
    pub fn evaluate(&self, has_cosigned: impl Fn(&PolicyWitness) -> bool) -> QuorumVerdict {
        let by_witness: Vec<bool> = self.witnesses.iter().map(has_cosigned).collect();
        let mut by_group: Vec<bool> = Vec::with_capacity(self.groups.len());
        let mut of_quorum = None;
        for (at, group) in self.groups.iter().enumerate() {
            let met = group
                .members
                .iter()
                .filter(|member| match **member {
                    Member::Witness(at) => by_witness[at],
                    // A member stands before its group.
                    Member::Group(at) => by_group[at],
                })
                .count();
            by_group.push(met >= group.threshold);
            if self.quorum == Some(Member::Group(at)) {
                of_quorum = Some((met, group.threshold, group.members.len()));
            }
        }
        let met = match self.quorum {
            None => true,
            Some(Member::Witness(at)) => by_witness[at],
            Some(Member::Group(at)) => by_group[at],
        };
        let names = |cosigned: bool| {
            let chosen = self.witnesses.iter().zip(&by_witness);
            chosen
                .filter(|(_, has)| **has == cosigned)
                .map(|(witness, _)| witness.name.clone())
                .collect()
        };
        QuorumVerdict {
            met,
            quorum: self
                .quorum
                .map_or(NONE, |quorum| self.name_of(quorum))
                .to_owned(),
            of_quorum,
            cosigned: names(true),
            missing: names(false),
        }
    }
}

/// Whether a quorum is met, and by whom. `Display` says it in one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumVerdict {
    met: bool,
    quorum: String,
    /// Of a group: how many members saw the checkpoint, how many must, how many there are.
    of_quorum: Option<(usize, usize, usize)>,
    cosigned: Vec<String>,
    missing: Vec<String>,
}

impl QuorumVerdict {
    /// Whether enough witnesses cosigned.
    #[must_use]
    pub const fn is_met(&self) -> bool {
        self.met
    }

    /// Names of the witnesses that cosigned.
    #[must_use]
    pub fn cosigned(&self) -> &[String] {
        &self.cosigned
    }

    /// Names of the witnesses that did not, needed or not.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }
}

/// Names are shown with escapes for what could steer a terminal or hide.
impl fmt::Display for QuorumVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.met { "is met" } else { "is not met" };
        write!(f, "the quorum {} {state}", self.quorum.escape_debug())?;
        if let Some((met, threshold, members)) = self.of_quorum {
            write!(
                f,
                ": {met} of its {members} members saw the checkpoint, and it needs {threshold}"
            )?;
        }
        for (what, names) in [
            ("cosigned by", &self.cosigned),
            ("not cosigned by", &self.missing),
        ] {
            if !names.is_empty() {
                write!(f, "; {what} {}", names.join(", ").escape_debug())?;
            }
        }
        Ok(())
    }
}
