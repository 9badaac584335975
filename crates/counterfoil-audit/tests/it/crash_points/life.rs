//! One process: it opens the log, appends, anchors, closes. Everything that it does to the files is kept, moment by moment.
//!
//! The log has three threads beside the caller, and a life has to come out the same each time. So only one of them ever has
//! something to do: entries are stamped one tick ahead, and the clock moves when all of them are queued, so that they are sealed
//! in one round; nothing is synced before somebody waits for it, and whoever waits for durability waits for the writing first;
//! and after an anchor is asked for, the caller waits until it is settled.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use counterfoil_anchor::Anchor;
use counterfoil_audit::{AuditInput, AuditLog, FileSystem, Instance, LaneWriter, Text};
use counterfoil_core::{Clock, Ticks};
use counterfoil_signer::Ed25519Signer;
use counterfoil_testkit::SeededRng;
use counterfoil_testkit::files::{Failure, Faults, MemFiles};

use super::chain::{Link, links};
use super::planted::{Bug, Planted};
use super::world::World;
use crate::log_support::{BASE, context, expired};

/// Longer than anything takes that is not stuck.
const PATIENCE: Duration = Duration::from_secs(20);
const NEVER: Duration = Duration::from_secs(24 * 3_600);
pub(super) const SEED: [u8; 32] = [7; 32];
pub(super) const DIR: &str = "/log";

/// What a process does between opening and closing.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) steps: Vec<Step>,
    pub(super) faults: Faults,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Appends so many records, and waits until they are durable, or written only.
    Append { records: u64, durable: bool },
    /// Anchors, where there is something new.
    Anchor,
}

impl Script {
    /// What a first process does.
    pub(super) fn draw(rng: &mut SeededRng, wrap: bool) -> Self {
        let mut steps: Vec<Step> = (0..1 + rng.below(6))
            .map(|_| match rng.below(4) {
                0 => Step::Anchor,
                1 => Step::append(1 + rng.below(8), false),
                _ => Step::append(1 + rng.below(8), true),
            })
            .collect();
        if wrap {
            // Past the end of a segment.
            let at = rng.below(steps.len() as u64) as usize;
            steps.insert(at, Step::append(8 + rng.below(16), rng.below(2) == 0));
        }
        let faults = if rng.below(4) == 0 {
            draw_faults(rng, 60 + 20 * steps.len() as u64)
        } else {
            Faults::default()
        };
        Self { steps, faults }
    }

    /// What a process does that finds what a crash left.
    pub(super) fn draw_recovery(rng: &mut SeededRng) -> Self {
        let steps = match rng.below(3) {
            0 => vec![],
            1 => vec![Step::append(1 + rng.below(3), true)],
            _ => vec![
                Step::append(1 + rng.below(3), false),
                Step::Anchor,
                Step::append(1, true),
            ],
        };
        let faults = if rng.below(8) == 0 {
            draw_faults(rng, 60)
        } else {
            Faults::default()
        };
        Self { steps, faults }
    }
}

impl Step {
    const fn append(records: u64, durable: bool) -> Self {
        Self::Append { records, durable }
    }
}

fn draw_faults(rng: &mut SeededRng, calls: u64) -> Faults {
    let from = 1 + rng.below(calls);
    let count = match rng.below(4) {
        0..=1 => 1,
        2 => 1 + rng.below(4),
        _ => 1 << 40,
    };
    let failure = Failure::ALL[rng.below(4) as usize];
    // A call that is interrupted for ever is none that an operating system makes.
    let count = if failure == Failure::Interrupted {
        count.min(3)
    } else {
        count
    };
    Faults {
        at: Some((from, from + count, failure)),
        reverts: rng.below(3) == 0,
        seed: rng.next_u64(),
        ..Faults::default()
    }
}

/// Salts that are the same each time.
fn salts(instance: u64) -> impl FnMut(&mut [u8]) -> io::Result<()> + Send + 'static {
    let mut rng = SeededRng::new(instance);
    move |out| {
        rng.fill(out);
        Ok(())
    }
}

/// What somebody was told: from moment `at` on, this record must not be lost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ack {
    pub(super) at: usize,
    pub(super) link: Link,
}

/// A process that ended.
#[derive(Debug)]
pub(super) struct Run {
    /// The files before the first operation and after each.
    pub(super) moments: Vec<MemFiles>,
    pub(super) acks: Vec<Ack>,
    /// By the moment from which on it is stored.
    pub(super) anchors: Vec<(usize, Anchor)>,
    /// Every record that was ever in a file.
    pub(super) sealed: BTreeSet<Link>,
    /// The machine afterwards.
    pub(super) world: World,
    /// What it resumed from, where it was opened.
    pub(super) resumed: Option<u64>,
    /// It ended in order, with everything durable and anchored.
    pub(super) finished: bool,
    /// It waited for something that neither happened nor failed.
    pub(super) stuck: Option<String>,
    pub(super) refused: Option<String>,
}

/// Lives one life in `world`, on files with `bug` in them.
pub(super) fn live(world: World, script: &Script, bug: Bug) -> Run {
    let start = world.files.operations();
    let mut life = Life {
        start,
        run: Run {
            moments: Vec::new(),
            acks: Vec::new(),
            anchors: world
                .anchor()
                .map(|anchor| (0, anchor))
                .into_iter()
                .collect(),
            sealed: BTreeSet::new(),
            world,
            resumed: None,
            finished: false,
            stuck: None,
            refused: None,
        },
    };
    let files = life.run.world.files.clone();
    files.record();
    let mut faults = script.faults.clone();
    if let Some((from, to, _)) = &mut faults.at {
        let calls = files.calls();
        (*from, *to) = (*from + calls, *to + calls);
    }
    let faulty = faults.at.is_some();
    files.set(faults);
    match life.open(bug) {
        Ok(log) => {
            life.go_on(&log, script);
            life.run.finished = log.close(PATIENCE).finished;
            if life.run.finished {
                life.acknowledge(&log);
            }
        }
        Err(error) => life.run.refused = Some(error.to_string()),
    }
    files.set(Faults::default());
    life.finish(faulty)
}

struct Life {
    start: u64,
    run: Run,
}

impl Life {
    fn open(&mut self, bug: Bug) -> Result<AuditLog, counterfoil_audit::Error> {
        let world = &mut self.run.world;
        world.instance += 1;
        world.clock.step();
        if bug == Bug::CheckpointBeforeAnchor {
            world.anchors.answer_early();
        }
        let files: Arc<dyn FileSystem> = Arc::new(Planted::new(bug, &world.files));
        let log = AuditLog::builder(DIR, BASE)
            .file_system(files)
            .anchor_store(world.anchors.clone())
            .instance(Instance(world.instance))
            .clock(Arc::clone(&world.clock))
            .signer(|id| Ok(Arc::new(Ed25519Signer::from_seed(id.as_str(), &SEED)?)))
            .random(salts(world.instance))
            .queue_words(4_096)
            .segment_bytes(1)
            .commit_delay(NEVER)
            .anchor_interval(NEVER)
            .anchor_records(1 << 40)
            .open()?;
        self.run.resumed = Some(log.opened().resumed_seq);
        self.acknowledge(&log);
        Ok(log)
    }

    fn go_on(&mut self, log: &AuditLog, script: &Script) {
        let lane = log.lane();
        for step in &script.steps {
            let goes_on = match *step {
                Step::Append { records, durable } => self.append(log, &lane, records, durable),
                Step::Anchor => self.anchor(log),
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Whether they were taken.
    fn append(&mut self, log: &AuditLog, lane: &LaneWriter, records: u64, durable: bool) -> bool {
        let world = &mut self.run.world;
        let stamp = Ticks(world.clock.ticks().0 + 1);
        let mut last = None;
        for _ in 0..records {
            world.lease += 1;
            let mut input = AuditInput::unassigned_event(&expired(world.lease), &context());
            if world.lease.is_multiple_of(3) {
                input.who.principal = Some(Text::erasable("somebody"));
            }
            last = Some(lane.push_at(input, stamp));
        }
        world.clock.step();
        let Some(ticket) = last.map(|offer| log.ticket(offer)) else {
            return true;
        };
        let mut outcome = ticket.wait_written(PATIENCE);
        if outcome.is_ok() && durable {
            outcome = ticket.wait_durable(PATIENCE);
            if outcome.is_ok() {
                self.acknowledge(log);
            }
        }
        if let Err(error) = &outcome
            && error.kind() == counterfoil_audit::ErrorKind::Timeout
        {
            self.run.stuck = Some(error.to_string());
        }
        outcome.is_ok()
    }

    fn anchor(&mut self, log: &AuditLog) -> bool {
        let before = log.figures();
        if before.written_seq == before.anchored_seq {
            return true;
        }
        // It says that it did not happen at once; whether it did is seen below.
        log.anchor_now(Duration::ZERO).ok();
        let until = Instant::now() + PATIENCE;
        loop {
            let now = log.figures();
            let has_stopped = now
                .alarm
                .is_some_and(|alarm| alarm.starts_with("the log has stopped"));
            if has_stopped {
                return false;
            }
            if now.anchored_seq >= before.written_seq
                || now.anchor_failures > before.anchor_failures
            {
                self.acknowledge(log);
                return true;
            }
            if Instant::now() > until {
                self.run.stuck = Some("an anchor was neither taken nor refused".to_owned());
                return false;
            }
            thread::sleep(Duration::from_micros(20));
        }
    }

    fn now(&self) -> usize {
        (self.run.world.files.operations() - self.start) as usize
    }

    /// Somebody was told that everything up to the durable record is kept.
    fn acknowledge(&mut self, log: &AuditLog) {
        let seq = log.figures().durable_seq;
        let bytes = self.run.world.files.log_bytes(DIR.as_ref());
        if let Some(link) = links(&bytes).into_iter().find(|link| link.seq == seq) {
            self.run.acks.push(Ack {
                at: self.now(),
                link,
            });
        } else {
            self.run.stuck = Some(format!("record {seq} was acknowledged and is in no file"));
        }
    }

    fn finish(mut self, faulty: bool) -> Run {
        let advances = self.run.world.anchors.advances();
        self.run.anchors.extend(
            advances
                .into_iter()
                .map(|(operations, anchor)| ((operations - self.start) as usize, anchor)),
        );
        self.run.moments = self.run.world.files.moments();
        // Without a fault nothing that was written is ever taken back, except what recovery cut off at the beginning.
        let looked_at = if faulty {
            self.run.moments.iter().collect()
        } else {
            vec![&self.run.world.files]
        };
        let mut before = Vec::new();
        for moment in looked_at {
            let bytes = moment.log_bytes(DIR.as_ref());
            if bytes != before {
                self.run.sealed.extend(links(&bytes));
                before = bytes;
            }
        }
        self.run
    }
}
