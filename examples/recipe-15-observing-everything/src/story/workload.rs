//! The holder of the leases: it reads its regions, and renews when it thinks it is time.

use std::time::Duration;

use counterfoil::{Observer, OpType};

use super::lease_manager::LeaseManager;
use super::schedule::Schedule;
use super::scrape::Scraper;
use super::{Plan, VirtualClock, Window};
use crate::Result;

/// One region is asked for after another.
const STAGGER: Duration = Duration::from_millis(5);
/// A lease is over from the first moment after its last one.
const MOMENT: Duration = Duration::from_nanos(1);

/// What can happen. Each but the reads and the scrapes is about one region.
#[derive(Debug)]
enum What {
    Read {
        number: usize,
    },
    Scrape,
    /// The holder looks whether the lease is due.
    Look {
        region: usize,
    },
    /// A message has crossed the link.
    AtManager {
        region: usize,
        asked: Asked,
    },
    AtHolder {
        region: usize,
        answer: Answer,
    },
    /// The lease's time is over, unless it was renewed.
    Deadline {
        region: usize,
    },
    Filled {
        region: usize,
    },
}

#[derive(Debug)]
enum Asked {
    Acquire,
    Renew,
}

#[derive(Debug)]
enum Answer {
    Granted,
    Renewed,
    Refused,
}

/// A region as its holder sees it.
#[derive(Debug, Default)]
struct Region {
    /// Leased and filled: reads are served.
    usable: bool,
    /// When the last answer came that extended the lease; nothing while an answer is awaited.
    held_since: Option<Duration>,
    /// When the reads that wait for the region were issued.
    waiting: Vec<Duration>,
}

/// The simulation between two moments.
#[derive(Debug)]
pub(crate) struct Workload<'a> {
    plan: &'a Plan,
    clock: &'a VirtualClock,
    observer: Observer,
    manager: LeaseManager,
    scraper: Scraper,
    regions: Vec<Region>,
    schedule: Schedule<What>,
    windows: Vec<Window>,
}

impl<'a> Workload<'a> {
    pub(crate) fn new(plan: &'a Plan, clock: &'a VirtualClock, observer: Observer) -> Self {
        let mut schedule = Schedule::new();
        for region in 0..plan.regions {
            let (arrival, asked) = (plan.one_way + STAGGER * region as u32, Asked::Acquire);
            schedule.plan(arrival, What::AtManager { region, asked });
        }
        schedule.plan(plan.first_read(), What::Read { number: 0 });
        schedule.plan(plan.scrape_every, What::Scrape);
        Self {
            plan,
            clock,
            manager: LeaseManager::new(observer.clone(), plan),
            scraper: Scraper::new(),
            observer,
            regions: (0..plan.regions).map(|_| Region::default()).collect(),
            schedule,
            windows: Vec::new(),
        }
    }

    /// Lets the planned time pass; returns what the scrapes saw.
    pub(crate) fn run(mut self) -> Result<Vec<Window>> {
        while let Some((now, what)) = self.schedule.next() {
            if now > self.plan.length {
                break;
            }
            self.clock.advance_to(now);
            self.happen(now, what)?;
        }
        Ok(self.windows)
    }

    fn happen(&mut self, now: Duration, what: What) -> Result<()> {
        match what {
            What::Read { number } => self.read(now, number),
            What::Scrape => {
                self.schedule
                    .plan(now + self.plan.scrape_every, What::Scrape);
                let window = self.scraper.scrape(self.observer.metrics(), now);
                self.windows.push(window);
            }
            What::Look { region } => self.look(now, region),
            What::AtManager { region, asked } => {
                let answer = self.ask(now, region, &asked)?;
                let arrival = now + self.plan.one_way;
                self.schedule
                    .plan(arrival, What::AtHolder { region, answer });
            }
            What::AtHolder { region, answer } => self.hear(now, region, &answer),
            What::Deadline { region } => {
                if self.manager.expire(region, now)? {
                    self.regions[region].usable = false;
                }
            }
            What::Filled { region } => self.serve(now, region),
        }
        Ok(())
    }

    /// A read is served at once, or waits for its region.
    fn read(&mut self, now: Duration, number: usize) {
        let next = What::Read { number: number + 1 };
        self.schedule.plan(now + self.plan.read_every, next);
        let region = number % self.regions.len();
        if self.regions[region].usable {
            self.served(service_time(number));
        } else {
            self.regions[region].waiting.push(now);
        }
    }

    /// The region is there again, for the reads that waited as well.
    fn serve(&mut self, now: Duration, region: usize) {
        self.regions[region].usable = true;
        let waiting = std::mem::take(&mut self.regions[region].waiting);
        for (number, issued) in waiting.into_iter().enumerate() {
            self.served(now - issued + service_time(number));
        }
    }

    fn served(&self, elapsed: Duration) {
        self.observer
            .operation(OpType::Read, elapsed, self.plan.read_bytes);
    }

    /// The holder sends a renewal if it thinks that the lease is due.
    fn look(&mut self, now: Duration, region: usize) {
        let Some(since) = self.regions[region].held_since else {
            return;
        };
        if now - since < self.plan.renew_after() {
            self.schedule
                .plan(now + self.plan.look_every, What::Look { region });
            return;
        }
        self.regions[region].held_since = None;
        let asked = Asked::Renew;
        self.schedule
            .plan(now + self.plan.one_way, What::AtManager { region, asked });
    }

    /// A request reaches the lease manager.
    fn ask(&mut self, now: Duration, region: usize, asked: &Asked) -> Result<Answer> {
        let (until, answer) = match asked {
            Asked::Acquire => (self.manager.acquire(region, now)?, Answer::Granted),
            Asked::Renew => match self.manager.renew(region, now)? {
                Some(until) => (until, Answer::Renewed),
                None => return Ok(Answer::Refused),
            },
        };
        self.schedule
            .plan(until + MOMENT, What::Deadline { region });
        Ok(answer)
    }

    /// An answer reaches the holder, which counts the lease's time from here: it knows no better.
    fn hear(&mut self, now: Duration, region: usize, answer: &Answer) {
        let Plan {
            one_way,
            refill,
            look_every,
            ..
        } = *self.plan;
        if let Answer::Refused = answer {
            let asked = Asked::Acquire;
            self.schedule
                .plan(now + one_way, What::AtManager { region, asked });
            return;
        }
        self.regions[region].held_since = Some(now);
        self.schedule.plan(now + look_every, What::Look { region });
        if let Answer::Granted = answer {
            self.schedule.plan(now + refill, What::Filled { region });
        }
    }
}

/// What a read takes when nothing is in its way: 120 to 419 µs, the same in each run.
const fn service_time(number: usize) -> Duration {
    Duration::from_micros(120 + (number * 7_919 % 300) as u64)
}
