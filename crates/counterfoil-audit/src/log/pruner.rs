//! The sealer's part in retention.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

use crate::log::files::FileSystem;
use crate::log::orders::Order;
use crate::log::pruning::{Pruning, SegmentEnd, Shelf};
use crate::log::recovery::Found;
use crate::log::sealer::{Sealer, Stopped};
use crate::{AuditEventData, LogOpened, RetentionApplied};

/// How far retention is.
pub(crate) struct Pruner {
    log: PathBuf,
    files: Arc<dyn FileSystem>,
    shelf: Shelf,
    /// A segment ended, or somebody asked.
    wanted: bool,
    asked: Vec<Order>,
    /// What goes as soon as its record is anchored.
    pending: Option<Pruning>,
    /// Removes it: that takes a sync for each tile, and sealing must not wait for it.
    worker: Option<JoinHandle<io::Result<()>>>,
    /// The policy in force, and the record that states it.
    policy: Option<(u64, LogOpened)>,
    /// The first record that is there.
    first: u64,
}

impl Pruner {
    pub(crate) fn new(log: PathBuf, files: Arc<dyn FileSystem>) -> Self {
        Self {
            log,
            files,
            shelf: Shelf::default(),
            wanted: true,
            asked: Vec::new(),
            pending: None,
            worker: None,
            policy: None,
            first: 1,
        }
    }

    pub(crate) fn segment_ended(&mut self, end: SegmentEnd) {
        self.shelf.push(end);
        self.wanted = true;
    }

    /// Somebody wants what is due to go now.
    pub(crate) fn ask(&mut self, order: Order) {
        self.asked.push(order);
        self.wanted = true;
    }

    /// Learns of what the log says about itself, in record `seq`.
    pub(crate) fn note(&mut self, data: &AuditEventData, seq: u64) {
        match data {
            AuditEventData::LogOpened(opened) => self.policy = Some((seq, opened.clone())),
            AuditEventData::KeyRotated(rotated) => {
                if let Some((_, policy)) = &mut self.policy {
                    policy.keys.retain(|key| *key != rotated.old_key);
                    policy.keys.push(rotated.new_key.clone());
                }
            }
            _ => {}
        }
    }

    fn start(&mut self) {
        let Some(pending) = self.pending.clone() else {
            return;
        };
        let (files, log) = (Arc::clone(&self.files), self.log.clone());
        let worker = thread::Builder::new()
            .name("audit-pruner".to_owned())
            .spawn(move || pending.carry_out(&files, &log));
        // Where there is no thread to be had, it is tried in the next round.
        self.worker = worker.ok();
    }

    fn answer(&mut self, answer: &Result<u64, String>) {
        for order in self.asked.drain(..) {
            order.answer(answer.clone());
        }
    }
}

impl Sealer {
    /// Takes over what the opening found: the segments before the one to go on in, and what a crash kept from being removed.
    pub(crate) fn resume_pruning(&mut self, found: &Found) {
        let retention = &mut self.retention;
        for end in &found.ends {
            retention.shelf.push(*end);
        }
        retention.first = found.below.map_or(1, |below| below.seq + 1);
        retention.pending = found.pruning();
        if let Some(pending) = &mut retention.pending {
            // Not before a head of this opening is anchored: what the opening found missing of the tiles is written before, from the
            // segments that are to go.
            pending.sealed = self.chain.seq() + 1;
            self.shared.want_anchor();
        }
    }

    /// Carries out what is anchored, and begins with what is due.
    pub(crate) fn prune(&mut self) -> Result<(), Stopped> {
        if let Some(sealed) = self.retention.pending.as_ref().map(|it| it.sealed) {
            let anchored = self.shared.progress.anchored_seq.load(Ordering::Acquire);
            if anchored >= sealed {
                self.carry_out(false);
            }
            return Ok(());
        }
        if !std::mem::take(&mut self.retention.wanted) {
            return Ok(());
        }
        let due = self.retention.shelf.due(
            &self.settings.retention,
            self.timeline().utc(),
            self.segment_len,
        );
        let Some(last) = due.last().map(|segment| segment.last_seq) else {
            let first = self.retention.first;
            self.retention.answer(&Ok(first));
            return Ok(());
        };
        // Set before anything is sealed: that may end a segment.
        self.retention.pending = Some(Pruning {
            sealed: u64::MAX,
            segments: due.clone(),
        });
        self.restate_policy(last)?;
        self.seal_due(due)
    }

    /// States the policy once more when the record that states it goes, so that a reader always finds what is in force.
    fn restate_policy(&mut self, last: u64) -> Result<(), Stopped> {
        match self.retention.policy.clone() {
            Some((seq, policy)) if seq <= last => {
                let again = LogOpened {
                    unclean: None,
                    ..policy
                };
                self.seal_own(AuditEventData::LogOpened(again))
            }
            _ => Ok(()),
        }
    }

    fn seal_due(&mut self, due: Vec<RetentionApplied>) -> Result<(), Stopped> {
        for segment in due {
            self.seal_own(AuditEventData::RetentionApplied(segment))?;
        }
        let sealed = self.chain.seq();
        if let Some(pending) = &mut self.retention.pending {
            pending.sealed = sealed;
        }
        self.flush(true)
    }

    /// Begins to remove what is pending, or looks whether that is done; waits for it with `wait`.
    fn carry_out(&mut self, wait: bool) {
        let retention = &mut self.retention;
        let Some(worker) = retention.worker.take() else {
            retention.start();
            return;
        };
        if !wait && !worker.is_finished() {
            retention.worker = Some(worker);
            return;
        }
        let done = worker
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread that removes them panicked")));
        let pending = retention.pending.take();
        match done {
            Ok(()) => {
                let last = pending.and_then(|pending| pending.segments.last().cloned());
                let last = last.map_or(0, |segment| segment.last_seq);
                retention.shelf.forget(last);
                retention.first = retention.first.max(last + 1);
                // More may be due by now. Whoever asked is told when there is none.
                retention.wanted = true;
            }
            // It is tried again when a segment ends. Its records are in the log already, and a second one for the same segment
            // says nothing else.
            Err(error) => {
                let why = format!("segments that retention lets go could not be removed: {error}");
                self.shared.set_alarm(why.clone());
                retention.answer(&Err(why));
            }
        }
    }

    /// Waits for the removal that is under way: it must not go on behind the end of this log.
    pub(crate) fn finish_pruning(&mut self) {
        if self.retention.worker.is_some() {
            self.carry_out(true);
        }
    }
}
