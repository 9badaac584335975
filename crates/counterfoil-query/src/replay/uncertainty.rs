//! When something may have happened that no record tells of.

use std::collections::HashMap;

use counterfoil_audit::{AuditEventData, AuditRecord, Instance, LossReason, SrcId};
use counterfoil_core::{ChainId, Timestamp};

use super::MAX_LISTED;

/// A stretch of time in which something may have happened that no record tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uncertainty {
    /// Why.
    pub cause: Cause,
    /// From when on; `None` = from before the first record.
    pub from: Option<Timestamp>,
    /// Until when; `None` = until after the last record.
    pub to: Option<Timestamp>,
}

impl Uncertainty {
    /// Whether the stretch has a moment in common with another one, whose ends count.
    #[must_use]
    pub fn touches(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> bool {
        let begins_before = |a: Option<Timestamp>, b: Option<Timestamp>| match (a, b) {
            (Some(begin), Some(end)) => begin <= end,
            _ => true,
        };
        // What occurred when the last record did is known to the log; what came after it is not.
        let is_after = !matches!(self.cause, Cause::EndOfLog { .. }) || self.from != to;
        is_after && begins_before(self.from, to) && begins_before(from, self.to)
    }
}

/// Why there may be more than the records tell.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Numbers of a lane have no record.
    Lost {
        /// The lane.
        src: SrcId,
        /// The first number.
        first_n: u64,
        /// The last number.
        last_n: u64,
        /// Why, and which record says so; `None` where none does.
        declared: Option<(LossReason, u64)>,
    },
    /// The log did not end in order before `seq`.
    Unclean {
        /// The `log_opened` that says so.
        seq: u64,
        /// Most records that may be missing, where a bound is known.
        bound_records: Option<u64>,
    },
    /// Records after the durable mark were moved to quarantine.
    TailRecovered {
        /// The `tail_recovered` that says so.
        seq: u64,
        /// How many lines.
        lines: u64,
    },
    /// The clock was set back, so that moments occurred twice.
    ClockSetBack {
        /// The `clock_stepped` that says so.
        seq: u64,
    },
    /// Records are not there: removed by retention, or absent.
    NotThere {
        /// Number of the first.
        first: u64,
        /// Number of the last.
        last: u64,
    },
    /// What came before stands in another chain.
    EarlierChain {
        /// This chain.
        chain: ChainId,
    },
    /// A line is no record.
    Unreadable {
        /// The line and its file.
        place: String,
    },
    /// The log ends.
    EndOfLog {
        /// Its last record.
        seq: u64,
    },
    /// More causes than are listed.
    Further {
        /// How many.
        count: u64,
    },
}

impl Cause {
    /// A stable word for it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Lost {
                declared: Some(_), ..
            } => "records_lost",
            Self::Lost { declared: None, .. } => "undeclared_gap",
            Self::Unclean { .. } => "unclean_end",
            Self::TailRecovered { .. } => "tail_recovered",
            Self::ClockSetBack { .. } => "clock_set_back",
            Self::NotThere { .. } => "records_not_there",
            Self::EarlierChain { .. } => "earlier_chain",
            Self::Unreadable { .. } => "unreadable_line",
            Self::EndOfLog { .. } => "end_of_log",
            Self::Further { .. } => "further_causes",
        }
    }

    /// It in a few words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Lost {
                src,
                first_n,
                last_n,
                declared,
            } => {
                let what = format!("{} of lane {src}", range("number", *first_n, *last_n));
                match declared {
                    Some((reason, seq)) => {
                        format!("{what} lost ({reason}), as record {seq} declares")
                    }
                    None => format!("{what} missing, and no record says why"),
                }
            }
            Self::Unclean { seq, bound_records } => match bound_records {
                Some(bound) => format!(
                    "the log did not end in order before record {seq}; at most {bound} records may be missing"
                ),
                None => format!(
                    "the log did not end in order before record {seq}; nobody knows how much is missing"
                ),
            },
            Self::TailRecovered { seq, lines } => {
                format!("a torn tail was moved to quarantine before record {seq} (lines: {lines})")
            }
            Self::ClockSetBack { seq } => {
                format!("the clock was set back at record {seq}, so these moments occurred twice")
            }
            Self::NotThere { first, last } => {
                format!("{} not there", range("record", *first, *last))
            }
            Self::EarlierChain { chain } => {
                format!("{chain} goes on from an earlier chain, which was not read")
            }
            Self::Unreadable { place } => format!("{place} is no record"),
            Self::EndOfLog { seq } => format!("the log ends with record {seq}"),
            Self::Further { count } => format!("{count} more causes, which are not listed"),
        }
    }
}

fn range(what: &str, first: u64, last: u64) -> String {
    if first == last {
        format!("{what} {first}")
    } else {
        format!("{what}s {first} to {last}")
    }
}

/// Finds what is uncertain while a log is read. Holds a small entry per lane and producer, and a bounded list.
#[derive(Debug, Default)]
pub(super) struct Uncertainties {
    pub(super) found: Vec<Uncertainty>,
    lanes: HashMap<SrcId, Lane>,
    /// Where the gaps of a lane stand in `found` that no record has declared.
    gaps: HashMap<SrcId, Vec<usize>>,
    opened: HashMap<Instance, Timestamp>,
    last: Option<Last>,
    /// When the last record of the producer before occurred.
    before: Option<Timestamp>,
    unreadable: Option<String>,
    began_late: bool,
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    n: u64,
    time: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    seq: u64,
    instance: Instance,
    /// The latest time so far.
    time: Timestamp,
}

impl Uncertainties {
    /// A line that is no record.
    pub(super) fn unreadable(&mut self, place: String) {
        self.unreadable.get_or_insert(place);
    }

    pub(super) fn take(&mut self, record: &AuditRecord) {
        let (seq, time) = (record.seq(), record.src().time);
        match self.last {
            None => self.begin(record),
            Some(last) if seq > last.seq + 1 => {
                let (first, last_seq) = (last.seq + 1, seq - 1);
                let cause = Cause::NotThere {
                    first,
                    last: last_seq,
                };
                self.add(cause, Some(last.time), Some(time));
            }
            Some(_) => {}
        }
        if let Some(place) = self.unreadable.take() {
            let from = self.last.map(|last| last.time);
            self.add(Cause::Unreadable { place }, from, Some(time));
        }
        let instance = record.src().id.instance();
        if let Some(last) = self.last.filter(|last| last.instance != instance) {
            self.before = Some(last.time);
        }
        self.lane(record);
        if record.kind().is_about_the_log()
            && let Ok(data) = record.data()
        {
            self.about_the_log(record, data);
        }
        self.last = Some(Last {
            seq,
            instance,
            time: self.last.map_or(time, |last| last.time.max(time)),
        });
    }

    /// Nothing follows.
    pub(super) fn end(&mut self) {
        let from = self.last.map(|last| last.time);
        if let Some(place) = self.unreadable.take() {
            self.add(Cause::Unreadable { place }, from, None);
        }
        let seq = self.last.map_or(0, |last| last.seq);
        self.add(Cause::EndOfLog { seq }, from, None);
    }

    /// Whether something could be missing, or out of order, between two moments.
    pub(super) fn touch(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> bool {
        self.found.iter().any(|found| found.touches(from, to))
    }

    fn begin(&mut self, record: &AuditRecord) {
        let to = Some(record.src().time);
        let seq = record.seq();
        if seq > 1 {
            self.began_late = true;
            let cause = Cause::NotThere {
                first: 1,
                last: seq - 1,
            };
            self.add(cause, None, to);
        } else if record.chain().incarnation() > 1 {
            let chain = record.chain().clone();
            self.add(Cause::EarlierChain { chain }, None, to);
        }
    }

    fn lane(&mut self, record: &AuditRecord) {
        let (src, time) = (record.src(), record.src().time);
        let known = self.lanes.get(&src.id).copied();
        let (first, from) = match known {
            Some(lane) => (lane.n + 1, Some(lane.time)),
            // Where the log has lost its beginning, so have its lanes.
            None if self.began_late => (src.n, None),
            None => (1, self.opened.get(&src.id.instance()).copied()),
        };
        if src.n > first {
            let cause = Cause::Lost {
                src: src.id,
                first_n: first,
                last_n: src.n - 1,
                declared: None,
            };
            if self.found.len() < MAX_LISTED {
                self.gaps.entry(src.id).or_default().push(self.found.len());
            }
            self.add(cause, from, Some(time));
        }
        let lane = Lane { n: src.n, time };
        // A number that is not above the last one is a replay, which the verification judges.
        if known.is_none_or(|known| known.n < src.n) {
            self.lanes.insert(src.id, lane);
        }
    }

    fn about_the_log(&mut self, record: &AuditRecord, data: AuditEventData) {
        let (seq, time) = (record.seq(), record.time());
        match data {
            AuditEventData::ProducerOpened(data) => {
                self.opened.insert(data.instance, record.src().time);
            }
            AuditEventData::RecordsLost(data) => {
                let declared = (data.reason, seq);
                self.lost(data.src, data.first_n, data.last_n, declared, time);
            }
            AuditEventData::LogOpened(data) => {
                if let Some(unclean) = data.unclean {
                    let bound_records = unclean.bound_records;
                    let cause = Cause::Unclean { seq, bound_records };
                    self.add(cause, self.before, Some(time));
                }
            }
            AuditEventData::TailRecovered(data) => {
                let lines = data.lines;
                self.add(Cause::TailRecovered { seq, lines }, self.before, Some(time));
            }
            AuditEventData::ClockStepped(data) if data.to < data.from => {
                self.add(Cause::ClockSetBack { seq }, Some(data.to), Some(data.from));
            }
            _ => {}
        }
    }

    /// A declared loss: of a gap that was seen before, or of numbers that come next.
    fn lost(
        &mut self,
        lane: SrcId,
        first_n: u64,
        last_n: u64,
        declared: (LossReason, u64),
        sealed: Timestamp,
    ) {
        let known = self.lanes.get(&lane).copied();
        let seen_to = known.map_or(0, |known| known.n);
        let was_seen = self.declare(lane, first_n, last_n, declared);
        if last_n > seen_to || !was_seen {
            let from = known.filter(|_| first_n > seen_to).map(|known| known.time);
            let from = from.or_else(|| self.opened.get(&lane.instance()).copied());
            let cause = Cause::Lost {
                src: lane,
                first_n,
                last_n,
                declared: Some(declared),
            };
            self.add(cause, from, Some(sealed));
        }
        if last_n > seen_to {
            let opened = self.opened.get(&lane.instance()).copied();
            let time = known.map(|known| known.time).or(opened).unwrap_or_default();
            self.lanes.insert(lane, Lane { n: last_n, time });
        }
    }

    /// Takes the declared numbers out of the gaps that were seen; whether there were any in one.
    fn declare(&mut self, lane: SrcId, first_n: u64, last_n: u64, by: (LossReason, u64)) -> bool {
        let mut gaps = self.gaps.remove(&lane).unwrap_or_default();
        let mut was_seen = false;
        let mut split = Vec::new();
        gaps.retain(|gap| {
            let Some(found) = self.found.get_mut(*gap) else {
                return false;
            };
            let Cause::Lost {
                first_n: first,
                last_n: last,
                declared,
                ..
            } = &mut found.cause
            else {
                return false;
            };
            if *last < first_n || last_n < *first {
                return true;
            }
            was_seen = true;
            if first_n <= *first && *last <= last_n {
                *declared = Some(by);
                return false;
            }
            // Its stretch of time is that of the whole gap: nobody knows when within it the declared numbers were taken.
            let mut part = found.clone();
            let Cause::Lost {
                first_n: first,
                last_n: last,
                ..
            } = &mut found.cause
            else {
                return false;
            };
            let cut = (first_n.max(*first), last_n.min(*last));
            if cut.0 == *first {
                *first = cut.1 + 1;
            } else if cut.1 == *last {
                *last = cut.0 - 1;
            }
            part.cause = Cause::Lost {
                src: lane,
                first_n: cut.0,
                last_n: cut.1,
                declared: Some(by),
            };
            split.push(part);
            true
        });
        if !gaps.is_empty() {
            self.gaps.insert(lane, gaps);
        }
        for part in split {
            self.add(part.cause, part.from, part.to);
        }
        was_seen
    }

    /// The last entry of a full list stands for all that follow, over the whole stretch that they have together.
    fn add(&mut self, cause: Cause, from: Option<Timestamp>, to: Option<Timestamp>) {
        if self.found.len() < MAX_LISTED {
            self.found.push(Uncertainty { cause, from, to });
            return;
        }
        if let Some(last) = self.found.last_mut() {
            let count = match last.cause {
                Cause::Further { count } => count + 1,
                _ => 2,
            };
            last.cause = Cause::Further { count };
            last.from = last.from.zip(from).map(|(a, b)| a.min(b));
            last.to = last.to.zip(to).map(|(a, b)| a.max(b));
        }
    }
}
