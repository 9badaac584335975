//! Lives, crashes at each of their operations, recoveries, and crashes in those.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use counterfoil_anchor::Anchor;
use counterfoil_testkit::SeededRng;

use super::life::{Run, Script, Step, live};
use super::oracle::{Expected, Violation, judge_left, judge_run, judge_seen};
use super::planted::Bug;
use super::world::World;

/// Most crash points of one life that are looked at, those in its recoveries aside.
const MOST_PER_LIFE: u64 = 48;
/// A crash, one in its recovery, one in the recovery from that.
const DEEPEST: u32 = 3;

/// What an exploration found.
#[derive(Debug, Default)]
pub(super) struct Explored {
    pub(super) points: u64,
    pub(super) lives: u64,
    pub(super) found: Vec<Found>,
}

/// A violation, and how to see it again.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) seed: u64,
    trail: Vec<String>,
    pub(super) violation: Violation,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.trail {
            writeln!(f, "  {step}")?;
        }
        writeln!(f, "  {}", self.violation)?;
        write!(
            f,
            "again: cargo xtask crash --points 1 --seed {}",
            self.seed
        )
    }
}

/// Looks at `points` crash points or more, beginning with the life of `seed`; stops at the first violation.
pub(super) fn explore(seed: u64, points: u64, bug: Bug) -> Explored {
    let (looked_at, lives) = (AtomicU64::new(0), AtomicU64::new(0));
    let found = Mutex::new(Vec::new());
    // Threads of a log sleep more than they run.
    let workers = 4 * thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while looked_at.load(Ordering::Relaxed) < points && found.lock().unwrap().is_empty()
                {
                    let life = lives.fetch_add(1, Ordering::Relaxed);
                    let mut exploration = Exploration::new(seed_of(seed, life), bug);
                    let outcome = exploration.run();
                    looked_at.fetch_add(exploration.points, Ordering::Relaxed);
                    if let Err(violation) = outcome {
                        found.lock().unwrap().push(Found {
                            seed: exploration.seed,
                            trail: exploration.trail,
                            violation,
                        });
                    }
                }
            });
        }
    });
    Explored {
        points: looked_at.into_inner(),
        lives: lives.into_inner(),
        found: found.into_inner().unwrap(),
    }
}

/// The first life has the seed itself, so that it can be lived again alone.
fn seed_of(seed: u64, life: u64) -> u64 {
    match life {
        0 => seed,
        _ => SeededRng::new(seed.wrapping_add(life)).next_u64(),
    }
}

struct Exploration {
    seed: u64,
    rng: SeededRng,
    bug: Bug,
    points: u64,
    /// What led to where it is.
    trail: Vec<String>,
}

impl Exploration {
    fn new(seed: u64, bug: Bug) -> Self {
        Self {
            seed,
            rng: SeededRng::new(seed),
            bug,
            points: 0,
            trail: Vec::new(),
        }
    }

    fn run(&mut self) -> Result<(), Violation> {
        let wraps = self.rng.below(8) == 0;
        let world = if wraps { nearly_full() } else { World::empty() };
        let script = Script::draw(&mut self.rng, wraps);
        self.trail.push(format!("life: {script:?}"));
        let expected = Expected {
            acked: None,
            sealed: Arc::new(
                super::chain::links(&world.files.log_bytes(super::life::DIR.as_ref()))
                    .into_iter()
                    .collect(),
            ),
        };
        let run = live(world, &script, self.bug);
        judge_run(&run, &expected, script.faults.at.is_some())?;
        let last = run.moments.len() as u64;
        let chosen: BTreeSet<u64> = if last <= MOST_PER_LIFE {
            (0..last).collect()
        } else {
            (0..MOST_PER_LIFE)
                .map(|_| self.rng.below(last))
                .chain([last - 1])
                .collect()
        };
        for moment in chosen {
            self.crash(&run, moment as usize, &expected, 1)?;
        }
        Ok(())
    }

    /// The machine or the process stops at a moment of `run`; and another process starts.
    fn crash(
        &mut self,
        run: &Run,
        moment: usize,
        before: &Expected,
        depth: u32,
    ) -> Result<(), Violation> {
        self.points += 1;
        let deep = self.trail.len();
        let at = &run.moments[moment];
        let (how, files) = match self.rng.below(10) {
            0 => (
                "power failure, nothing unsynced kept",
                at.after_power_failure(),
            ),
            1 => ("kill", at.after_kill()),
            2 => (
                "kill, write-back failing",
                at.after_kill_unheard(&mut self.rng),
            ),
            _ => ("power failure", at.after_crash(&mut self.rng)),
        };
        let anchor = self.anchor(run, moment);
        let acked = run
            .acks
            .iter()
            .rfind(|ack| ack.at <= moment)
            .map(|ack| ack.link)
            .or(before.acked);
        let mut sealed = (*before.sealed).clone();
        sealed.extend(&run.sealed);
        let expected = Expected {
            acked,
            sealed: Arc::new(sealed),
        };
        let script = Script::draw_recovery(&mut self.rng);
        self.trail.push(format!(
            "{how} after operation {moment} of {}; then: {script:?}",
            run.moments.len() - 1
        ));
        self.tell(run, moment);
        // What an earlier crash damaged is mended when the log is open.
        if depth == 1 {
            judge_seen(at, anchor.as_ref())?;
        }
        judge_left(&files, anchor.as_ref(), &expected)?;
        let world = World::of(
            files,
            anchor.as_ref(),
            run.world.clock_after(),
            run.world.instance,
            run.world.lease,
        );
        let recovered = live(world, &script, self.bug);
        let faulty = script.faults.at.is_some();
        if let Err(violation) = judge_run(&recovered, &expected, faulty) {
            self.tell(&recovered, usize::MAX);
            return Err(violation);
        }
        if depth < DEEPEST {
            let last = recovered.moments.len() - 1;
            if faulty {
                self.crash(&recovered, last, &expected, depth + 1)?;
            }
            if self.rng.below(3) == 0 {
                let moment = self.rng.below(last as u64 + 1) as usize;
                self.crash(&recovered, moment, &expected, depth + 1)?;
            }
        }
        self.trail.truncate(deep);
        Ok(())
    }

    /// Notes what was done up to a moment.
    fn tell(&mut self, run: &Run, moment: usize) {
        let operations = run.world.files.recorded_operations();
        for (number, operation) in operations.iter().enumerate().take(moment) {
            self.trail.push(format!("  {} {operation}", number + 1));
        }
    }

    /// What the anchor store holds when the machine stops. A head that is being stored at that moment may be or not be.
    fn anchor(&mut self, run: &Run, moment: usize) -> Option<Anchor> {
        let arrives = self.rng.below(2) == 0;
        run.anchors
            .iter()
            .rfind(|(at, _)| *at < moment || *at == 0 || *at == moment && arrives)
            .map(|(_, anchor)| anchor.clone())
    }
}

/// A log that was closed in order, a few records before the end of its first segment.
fn nearly_full() -> World {
    static WORLD: OnceLock<World> = OnceLock::new();
    let world = WORLD.get_or_init(|| {
        let script = Script {
            steps: vec![Step::Append {
                records: 240,
                durable: true,
            }],
            faults: Default::default(),
        };
        live(World::empty(), &script, Bug::None).world
    });
    World::of(
        world.files.after_kill(),
        world.anchor().as_ref(),
        world.clock_after(),
        world.instance,
        world.lease,
    )
}
