//! The records that a collector keeps.

mod client;

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use counterfoil::ChainId;
use counterfoil::audit::AuditRecord;
use counterfoil_query::Filter;

use super::sink::Sink;
use super::{QueryArgs, follow};
use crate::audit::reading::note;
use crate::failure::Failure;
use client::{Client, Trouble};

/// Records of one answer.
const PAGE: u64 = 10_000;
/// How long the collector may wait for records before it answers without any, in seconds.
const WAIT: u64 = 20;
/// Pauses after a failure double up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

pub(super) fn run(
    args: &QueryArgs,
    url: &str,
    filter: Filter,
    mut sink: Sink,
) -> Result<(), Failure> {
    let client = Client::new(args, url)?;
    if args.follow {
        return follow(client, args.chain.clone(), filter, sink);
    }
    let chains = match &args.chain {
        Some(chain) => vec![chain.clone()],
        None => client.chains()?,
    };
    for chain in chains {
        if !once(&client, chain, &filter, &mut sink)? {
            return Ok(());
        }
    }
    sink.flush()?;
    Ok(())
}

/// What a chain has now; `false` when no more is wanted.
fn once(
    client: &Client,
    chain: ChainId,
    filter: &Filter,
    sink: &mut Sink,
) -> Result<bool, Failure> {
    let mut place = Place::new(chain, filter.clone());
    loop {
        let most = sink.left().map_or(PAGE, |left| left.min(PAGE));
        let mut wanted = true;
        let page = place.page(client, most, 0, |record| {
            wanted = sink.put(&record)?;
            Ok(wanted)
        });
        if !wanted {
            return Ok(false);
        }
        if let Err(trouble) = page {
            // What was found before it stands, and is shown.
            sink.flush()?;
            return Err(trouble.into_failure());
        }
        if place.is_at_end {
            return Ok(true);
        }
    }
}

/// Goes on until interrupted. Asking is done on a thread of its own, so that nobody waits for an answer to be asked to stop.
fn follow(
    client: Client,
    chain: Option<ChainId>,
    filter: Filter,
    mut sink: Sink,
) -> Result<(), Failure> {
    let stop = follow::listen()?;
    let (sender, receiver) = mpsc::sync_channel(1_024);
    thread::spawn(move || {
        let ended = ask(&client, chain, filter, &sender);
        if let Err(failure) = ended {
            // Nobody is left to tell when the command has ended.
            sender.send(Err(failure)).ok();
        }
    });
    print(&receiver, &mut sink, &stop)
}

fn print(
    receiver: &Receiver<Result<AuditRecord, Failure>>,
    sink: &mut Sink,
    stop: &crate::stop::Stop,
) -> Result<(), Failure> {
    while !stop.is_asked() {
        match receiver.recv_timeout(follow::PERIOD) {
            Ok(Ok(record)) => {
                if !sink.put(&record)? {
                    return Ok(());
                }
            }
            Ok(Err(failure)) => {
                sink.flush()?;
                return Err(failure);
            }
            Err(RecvTimeoutError::Timeout) => {
                if !sink.flush()? {
                    return Ok(());
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    sink.flush()?;
    Ok(())
}

/// Asks on and on, through failures that pass, until nobody listens.
fn ask(
    client: &Client,
    chain: Option<ChainId>,
    filter: Filter,
    found: &SyncSender<Result<AuditRecord, Failure>>,
) -> Result<(), Failure> {
    let chain = match chain {
        Some(chain) => chain,
        None => only(client.chains()?)?,
    };
    let mut place = Place::new(chain, filter);
    let mut pause = Duration::from_secs(1);
    loop {
        let page = place.page(client, PAGE, WAIT, |record| {
            Ok(found.send(Ok(record)).is_ok())
        });
        match page {
            Ok(true) if place.is_done() => return Ok(()),
            Ok(true) => {
                pause = Duration::from_secs(1);
                if place.is_at_end {
                    // A collector that does not wait is not asked without a pause.
                    thread::sleep(follow::PERIOD);
                }
            }
            Ok(false) => return Ok(()),
            Err(Trouble::Passing { why, after }) => {
                let pause_now = after.unwrap_or(pause).min(LONGEST_PAUSE);
                note(&format!(
                    "{why}; asking again in {} s",
                    pause_now.as_secs().max(1)
                ));
                thread::sleep(pause_now);
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
            Err(trouble) => return Err(trouble.into_failure()),
        }
    }
}

fn only(mut chains: Vec<ChainId>) -> Result<ChainId, Failure> {
    match chains.len() {
        1 => Ok(chains.remove(0)),
        0 => Err(Failure::usage(
            "there is nothing to follow: the collector keeps no chain of this tenant yet",
        )),
        _ => Err(Failure::usage(format!(
            "name the one to follow with --chain; there are {}",
            chains
                .iter()
                .map(ChainId::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        ))),
    }
}

/// How far a chain was read.
struct Place {
    chain: ChainId,
    filter: Filter,
    after: u64,
    is_at_end: bool,
}

impl Place {
    fn new(chain: ChainId, filter: Filter) -> Self {
        Self {
            after: filter.first.map_or(0, |first| first.saturating_sub(1)),
            chain,
            filter,
            is_at_end: false,
        }
    }

    /// Whether nothing more can come.
    fn is_done(&self) -> bool {
        self.filter.last.is_some_and(|last| self.after >= last)
    }

    /// The next records; `Ok(false)` when `take` wants no more. After a failure it goes on behind the last one that was taken.
    fn page(
        &mut self,
        client: &Client,
        most: u64,
        wait: u64,
        mut take: impl FnMut(AuditRecord) -> Result<bool, Failure>,
    ) -> Result<bool, Trouble> {
        self.filter.first = Some(self.after + 1);
        let mut page = client.records(&self.chain, &self.filter, most, wait)?;
        let mut count = 0;
        while let Some(record) = page.next()? {
            let expected = record.seq() > self.after
                && *record.chain() == self.chain
                && self.filter.matches(&record);
            if !expected || count == most {
                return Err(Trouble::broken(
                    "the collector answered with a record that was not asked for",
                ));
            }
            self.after = record.seq();
            count += 1;
            if !take(record).map_err(Trouble::Lasting)? {
                return Ok(false);
            }
        }
        self.is_at_end = count < most;
        if self.is_at_end {
            self.after = self.after.max(page.up_to());
        }
        Ok(true)
    }
}
