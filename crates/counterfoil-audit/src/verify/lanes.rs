//! Completeness: whether the records of each lane tile its numbers (audit specification §7).

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::reason::Reason;
use super::report::{Completeness, LaneReport};
use crate::{Instance, Lane, LanePositions, SrcId};

/// Runs of numbers that a lane may have beyond its first gap before the gap is taken as final.
const MAX_ISLANDS: usize = 4_096;

/// What is wrong with a lane, and at which position that became known.
#[derive(Debug)]
pub(crate) struct LaneFault {
    pub(crate) reason: Reason,
    pub(crate) position: u64,
    pub(crate) detail: String,
}

/// Every lane of a log.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    index: HashMap<SrcId, usize>,
    lanes: Vec<LaneState>,
    closed: HashSet<Instance>,
    /// Whether records before the first one present were pruned or are absent.
    pub(crate) without_beginning: bool,
    /// Whether they were pruned: then each lane is judged from its first number present.
    pub(crate) pruned: bool,
    /// What to go back to, while lines are tried.
    trial: Option<Trial>,
}

/// The lanes as they were when a trial began: those that were named since, and how many there were.
#[derive(Debug)]
struct Trial {
    lanes: usize,
    before: Vec<(usize, LaneState)>,
    closed: Vec<Instance>,
}

#[derive(Clone, Debug)]
struct LaneState {
    src: SrcId,
    /// Every number up to this one is accounted for, or given up.
    contiguous: u64,
    /// Numbers up to this one are absent with the beginning of the log, and are not judged.
    begins_behind: u64,
    /// Runs beyond it: first to last, and the position that showed them.
    islands: BTreeMap<u64, (u64, u64)>,
    /// Numbers that `records_lost` declares.
    declared: u64,
    /// The final number, and the position that states it.
    end: Option<(u64, u64)>,
    /// The largest number that somebody states to have been sealed, and where.
    stated: Option<(u64, u64)>,
    /// Numbers given up as missing, the first of them, and where that became known.
    missing: u64,
    first_missing: Option<(u64, u64)>,
}

/// The lanes, to be written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedLanes {
    lanes: Vec<SavedLane>,
    closed: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedLane {
    src: String,
    contiguous: u64,
    islands: Vec<(u64, u64, u64)>,
    declared: u64,
    end: Option<(u64, u64)>,
    stated: Option<(u64, u64)>,
}

impl SavedLanes {
    /// The lanes again; `None` when a name is none.
    pub(crate) fn restore(&self) -> Option<Lanes> {
        let mut lanes = Lanes::default();
        for saved in &self.lanes {
            let index = lanes.index(saved.src.parse().ok()?);
            let lane = &mut lanes.lanes[index];
            lane.contiguous = saved.contiguous;
            let islands = saved.islands.iter();
            lane.islands = islands
                .map(|(first, last, position)| (*first, (*last, *position)))
                .collect();
            lane.declared = saved.declared;
            lane.end = saved.end;
            lane.stated = saved.stated;
        }
        for instance in &self.closed {
            let digits = u64::from_str_radix(instance, 16).ok()?;
            lanes.closed.insert(Instance(digits));
        }
        Some(lanes)
    }
}

impl Lanes {
    /// The lanes as they are now, of a log that has its beginning and no gap that was given up.
    pub(crate) fn save(&self) -> SavedLanes {
        let saved = |lane: &LaneState| SavedLane {
            src: lane.src.to_string(),
            contiguous: lane.contiguous,
            islands: lane
                .islands
                .iter()
                .map(|(first, (last, position))| (*first, *last, *position))
                .collect(),
            declared: lane.declared,
            end: lane.end,
            stated: lane.stated,
        };
        let mut closed: Vec<String> = self.closed.iter().map(ToString::to_string).collect();
        closed.sort();
        let mut lanes: Vec<SavedLane> = self.lanes.iter().map(saved).collect();
        lanes.sort_by(|one, other| one.src.cmp(&other.src));
        SavedLanes { lanes, closed }
    }

    /// Index of a lane, which is new if nobody named it before.
    pub(crate) fn index(&mut self, src: SrcId) -> usize {
        let index = *self.index.entry(src).or_insert_with(|| {
            self.lanes.push(LaneState::new(src));
            self.lanes.len() - 1
        });
        // Whoever changes a lane asks for its index first, so this is where it is kept.
        if let Some(trial) = &mut self.trial
            && index < trial.lanes
        {
            trial.before.push((index, self.lanes[index].clone()));
        }
        index
    }

    /// How many lanes there are.
    pub(crate) const fn len(&self) -> usize {
        self.lanes.len()
    }

    /// From here on changes can be taken back.
    pub(crate) fn begin_trial(&mut self) {
        self.trial = Some(Trial {
            lanes: self.lanes.len(),
            before: Vec::new(),
            closed: Vec::new(),
        });
    }

    /// Ends a trial whose changes stay.
    pub(crate) fn keep_trial(&mut self) {
        self.trial = None;
    }

    /// Ends a trial and takes its changes back.
    pub(crate) fn undo_trial(&mut self) {
        let Some(trial) = self.trial.take() else {
            return;
        };
        for new in self.lanes.drain(trial.lanes..) {
            self.index.remove(&new.src);
        }
        // The first state that was kept of a lane is the oldest, so it is restored last.
        for (index, lane) in trial.before.into_iter().rev() {
            self.lanes[index] = lane;
        }
        for instance in trial.closed {
            self.closed.remove(&instance);
        }
    }

    /// Record number `n` of lane `index`.
    #[inline]
    pub(crate) fn record(&mut self, index: usize, n: u64, position: u64) -> Result<(), LaneFault> {
        let lane = &mut self.lanes[index];
        let plain = n == lane.contiguous + 1 && lane.islands.is_empty() && lane.end.is_none();
        // The first number of a lane asks whether its instance is still open; what closes it later finds this lane.
        if plain && n > 1 {
            lane.contiguous = n;
            return Ok(());
        }
        self.account(index, n, n, position)
    }

    /// Numbers that are declared lost.
    pub(crate) fn lost(
        &mut self,
        src: SrcId,
        first: u64,
        last: u64,
        position: u64,
    ) -> Result<(), LaneFault> {
        let index = self.index(src);
        self.account(index, first, last, position)?;
        self.lanes[index].declared += last - first + 1;
        Ok(())
    }

    fn account(
        &mut self,
        index: usize,
        first: u64,
        last: u64,
        position: u64,
    ) -> Result<(), LaneFault> {
        let without_beginning = self.without_beginning;
        let lane = &mut self.lanes[index];
        if without_beginning && lane.is_untouched() {
            lane.contiguous = first - 1;
            lane.begins_behind = first - 1;
        }
        let named = lane.end.is_some() || !self.closed.contains(&lane.src.instance());
        let end = if named { lane.end } else { Some((0, 0)) };
        if let Some((end, _)) = end
            && last > end
        {
            return Err(lane.fault(
                Reason::Replay,
                position,
                format!("number {last} lies above the final number {end}"),
            ));
        }
        lane.insert(first, last, position)
    }

    /// A producer instance ended.
    pub(crate) fn closed(
        &mut self,
        instance: Instance,
        ends: &LanePositions,
        more: bool,
        position: u64,
    ) -> Result<(), LaneFault> {
        let mut outcome = Ok(());
        for (lane, end) in ends {
            let index = self.index(SrcId::new(instance, *lane));
            let lane = &mut self.lanes[index];
            lane.end = Some((*end, position));
            if lane.largest() > *end && outcome.is_ok() {
                outcome = Err(lane.fault(
                    Reason::Replay,
                    position,
                    format!(
                        "number {} lies above the final number {end}",
                        lane.largest()
                    ),
                ));
            }
        }
        if !more {
            if self.closed.insert(instance)
                && let Some(trial) = &mut self.trial
            {
                trial.closed.push(instance);
            }
            let unnamed = self.lanes.iter().find(|lane| {
                lane.src.instance() == instance && lane.end.is_none() && lane.largest() > 0
            });
            if let Some(lane) = unnamed
                && outcome.is_ok()
            {
                outcome = Err(lane.fault(
                    Reason::Replay,
                    position,
                    "its instance closed without naming it, so it should not exist".to_owned(),
                ));
            }
        }
        outcome
    }

    /// The last numbers that an earlier opening sealed, as a later one found them.
    pub(crate) fn stated(
        &mut self,
        instance: Instance,
        lanes: &LanePositions,
        unclean: bool,
        position: u64,
    ) {
        for (lane, n) in lanes {
            let index = self.index(SrcId::new(instance, *lane));
            let state = &mut self.lanes[index];
            if state.stated.is_none_or(|(before, _)| before < *n) {
                state.stated = Some((*n, position));
            }
            // A `log_closed` that the crash swallowed was counted in and is no gap.
            if unclean && *lane == Lane::sealer() && state.end.is_some_and(|(end, _)| end > *n) {
                state.end = Some((*n, position));
            }
        }
    }

    /// The verdict on every lane, and what is missing. Where records are `unread` because they are malformed or
    /// because the end of the log is absent, what lies above the last number seen may be among them: no fault of the lane's.
    pub(crate) fn finish(mut self, unread: bool) -> (Vec<LaneReport>, Vec<LaneFault>) {
        let mut faults = Vec::new();
        let mut reports = Vec::with_capacity(self.lanes.len());
        for lane in &mut self.lanes {
            if self.pruned {
                lane.begin_where_it_does();
            }
            lane.give_up();
            if let Some((first, position)) = lane.first_missing
                && !(unread && first > lane.contiguous)
            {
                faults.push(lane.fault(
                    Reason::Gap,
                    position,
                    format!(
                        "{} of its numbers are missing and not declared lost, the first is {first}",
                        lane.missing
                    ),
                ));
            }
            let closed = self.closed.contains(&lane.src.instance());
            let whole = closed && lane.missing == 0 && lane.begins_behind == 0;
            reports.push(LaneReport {
                src: lane.src,
                last_n: lane.largest(),
                declared_lost: lane.declared,
                missing: lane.missing,
                completeness: match (whole, lane.declared) {
                    (false, _) => Completeness::Unknown,
                    (true, 0) => Completeness::Complete,
                    (true, _) => Completeness::Lossy,
                },
            });
        }
        reports.sort_by_key(|report| report.src);
        faults.sort_by_key(|fault| fault.position);
        (reports, faults)
    }
}

impl LaneState {
    const fn new(src: SrcId) -> Self {
        Self {
            src,
            contiguous: 0,
            begins_behind: 0,
            islands: BTreeMap::new(),
            declared: 0,
            end: None,
            stated: None,
            missing: 0,
            first_missing: None,
        }
    }

    fn is_untouched(&self) -> bool {
        self.contiguous == 0 && self.islands.is_empty()
    }

    /// Takes the numbers before the first one present as accounted for.
    fn begin_where_it_does(&mut self) {
        self.begins_behind = 0;
        if self.is_untouched() {
            let ends = [self.end, self.stated].into_iter().flatten();
            self.contiguous = ends.map(|(n, _)| n).max().unwrap_or(0);
        }
    }

    fn largest(&self) -> u64 {
        self.islands
            .last_key_value()
            .map_or(self.contiguous, |(_, (last, _))| *last)
    }

    fn fault(&self, reason: Reason, position: u64, what: String) -> LaneFault {
        LaneFault {
            reason,
            position,
            detail: format!("lane {}: {what}", self.src),
        }
    }

    fn insert(&mut self, first: u64, last: u64, position: u64) -> Result<(), LaneFault> {
        // What belongs to the absent beginning is not judged.
        if last <= self.begins_behind {
            return Ok(());
        }
        let before = self.islands.range(..=last).next_back();
        let overlaps =
            first <= self.contiguous || before.is_some_and(|(_, (end, _))| *end >= first);
        if overlaps {
            return Err(self.fault(
                Reason::Replay,
                position,
                if first == last {
                    format!("number {first} is accounted for twice")
                } else {
                    format!("a number of {first} to {last} is accounted for twice")
                },
            ));
        }
        if first == self.contiguous + 1 {
            self.contiguous = last;
            self.absorb();
        } else {
            let grows = before.filter(|(_, (end, _))| end + 1 == first);
            let (start, shown) = grows.map_or((first, position), |(start, (_, at))| (*start, *at));
            self.islands.insert(start, (last, shown));
            if self.islands.len() > MAX_ISLANDS {
                self.skip_gap();
            }
        }
        Ok(())
    }

    /// Joins runs that the contiguous part has reached.
    fn absorb(&mut self) {
        while let Some(entry) = self.islands.first_entry()
            && *entry.key() == self.contiguous + 1
        {
            self.contiguous = entry.remove().0;
        }
    }

    /// Takes the first gap as final.
    fn skip_gap(&mut self) {
        if let Some((first, (_, position))) = self.islands.first_key_value() {
            let (first, position) = (*first, *position);
            self.missed_up_to(first - 1, position);
            self.absorb();
        }
    }

    fn missed_up_to(&mut self, last: u64, position: u64) {
        if last > self.contiguous {
            self.missing += last - self.contiguous;
            self.first_missing
                .get_or_insert((self.contiguous + 1, position));
            self.contiguous = last;
        }
    }

    /// Takes every gap as final.
    fn give_up(&mut self) {
        let largest = self.largest();
        while !self.islands.is_empty() {
            self.skip_gap();
        }
        for (n, position) in [self.end, self.stated].into_iter().flatten() {
            self.missed_up_to(n, position);
        }
        // `last_n` of the report is what was seen.
        self.contiguous = largest;
    }
}
