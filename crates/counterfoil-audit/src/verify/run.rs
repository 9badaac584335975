//! Reading, judging batches on several threads, and merging them in order.

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use super::VerifyOptions;
use super::batch::{Batch, BatchReader};
use super::judge::Judge;
use super::progress::Watched;
use super::reason::Reason;
use super::report::Report;
use crate::source::{Chunk, Chunks, FileId, LogFile, files_of, read_text};

/// Batches that a worker has at most, the one at hand included.
const AHEAD: usize = 2;

/// Bytes that a stored checkpoint may have: a note with hundreds of signatures has fewer.
const MAX_CHECKPOINT: u64 = 1 << 20;

/// How often a log whose files were replaced or removed meanwhile is looked at again.
const MAX_TRIES: u32 = 8;

/// Verifies what lies at `path`.
///
/// A writer may be at work. What it appends behind what was listed is not looked for; but it may also replace a segment that
/// failed to sync, or prune one, between the listing and the reading. A finding in files that are not those listed any more
/// says nothing, so the log is read again.
pub(crate) fn path(path: &Path, options: &VerifyOptions<'_>) -> Report {
    for _ in 1..MAX_TRIES {
        let before = identities(path);
        let report = once(path, options);
        let doubtful = report
            .failures
            .iter()
            .any(|failure| !matches!(failure.reason, Reason::NoHead | Reason::Tail | Reason::Key));
        if !doubtful || still_there(&before) {
            return report;
        }
    }
    once(path, options)
}

fn once(path: &Path, options: &VerifyOptions<'_>) -> Report {
    let stored = match stored_checkpoint(path) {
        Ok(stored) => stored,
        Err(why) => return unreadable(path, options, why),
    };
    match files_of(path) {
        Ok(files) => {
            let mut judge = Judge::new(options, stored);
            judge.log_folder(path);
            let state = options.state;
            let (first, offset) = state.map_or((0, 0), |state| judge.resume(state, &files));
            let sources = files.iter().enumerate().skip(first).map(|(index, file)| {
                let from = if index == first { offset } else { 0 };
                Source {
                    file: file.clone(),
                    reader: file.open_at(from),
                    from,
                }
            });
            run(sources, judge, path.display().to_string(), options)
        }
        Err(error) => unreadable(path, options, error.to_string()),
    }
}

/// The segments of a log, and what tells each from a file that takes its place.
fn identities(path: &Path) -> Vec<(LogFile, Option<FileId>)> {
    let files = files_of(path).unwrap_or_default();
    files
        .into_iter()
        .map(|file| {
            let id = file.id();
            (file, id)
        })
        .collect()
}

fn still_there(before: &[(LogFile, Option<FileId>)]) -> bool {
    before.iter().all(|(file, id)| file.id() == *id)
}

/// Verifies what `reader` gives.
pub(crate) fn reader(reader: impl Read, name: &str, options: &VerifyOptions<'_>) -> Report {
    let file = LogFile {
        path: name.into(),
        first_seq: None,
    };
    let source = Source {
        file,
        reader: Ok(reader),
        from: 0,
    };
    let judge = Judge::new(options, None);
    run(std::iter::once(source), judge, name.to_owned(), options)
}

/// The checkpoint stored with a log. One that is there and cannot be read is no absent one: who can hide a checkpoint must
/// not be able to hide what it says.
fn stored_checkpoint(log: &Path) -> Result<Option<String>, String> {
    let path = log.join("checkpoint");
    if !log.is_dir() {
        return Ok(None);
    }
    let unreadable = |error: std::io::Error| format!("{}: {error}", path.display());
    match std::fs::symlink_metadata(&path) {
        Ok(_) => read_text(&path, MAX_CHECKPOINT)
            .map(Some)
            .map_err(unreadable),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error)),
    }
}

fn unreadable(path: &Path, options: &VerifyOptions<'_>, why: String) -> Report {
    let mut judge = Judge::new(options, None);
    judge.findings.log(Reason::Unreadable, why);
    judge.finish(path.display().to_string(), 0)
}

/// A file to read, from a byte on.
struct Source<R> {
    file: LogFile,
    reader: std::io::Result<R>,
    from: u64,
}

fn run<R: Read>(
    sources: impl Iterator<Item = Source<R>>,
    mut judge: Judge<'_>,
    log: String,
    options: &VerifyOptions<'_>,
) -> Report {
    let mut watched = Watched::new(options);
    let bytes = std::thread::scope(|scope| {
        let mut pool = Pool::new(scope, options);
        let mut bytes = 0;
        let mut sources = sources.peekable();
        while let Some(Source { file, reader, from }) = sources.next() {
            let last = sources.peek().is_none();
            if from == 0 {
                judge.file(&file);
            }
            match reader {
                Ok(reader) => {
                    let chunks = Chunks::new(watched.over(reader), from);
                    let end = read_file(chunks, &file, last, &mut judge, &mut pool);
                    bytes += end - from;
                    let next = sources.peek().map(|next| next.file.first_seq);
                    if let Some(next) = next {
                        judge.keep_segment(file.first_seq.map(|first| (first, end)), next);
                    }
                }
                Err(error) => judge.findings.log(
                    Reason::Unreadable,
                    format!("{} cannot be opened: {error}", file.path.display()),
                ),
            }
        }
        bytes
    });
    judge.finish(log, bytes)
}

/// Judges one file; returns its length.
fn read_file<R: Read>(
    mut chunks: Chunks<R>,
    file: &LogFile,
    last: bool,
    judge: &mut Judge<'_>,
    pool: &mut Pool<'_>,
) -> u64 {
    loop {
        let mut batch = pool.spare();
        match chunks.next(std::mem::take(&mut batch.bytes)) {
            Ok(Chunk::Lines { bytes, offset }) => {
                batch.bytes = bytes;
                batch.offset = offset;
                if let Some(done) = pool.submit(batch) {
                    judge.batch(&done, file);
                    pool.recycle(done);
                }
            }
            Ok(Chunk::TooLong { offset, len }) => {
                drain(pool, judge, file);
                judge.too_long(file, offset, len);
            }
            Ok(Chunk::End { offset, unfinished }) => {
                drain(pool, judge, file);
                judge.unfinished(file, offset, &unfinished, last);
                return offset + unfinished.len() as u64;
            }
            Err(error) => {
                drain(pool, judge, file);
                judge.findings.log(
                    Reason::Unreadable,
                    format!("{} cannot be read to its end: {error}", file.path.display()),
                );
                return chunks.offset();
            }
        }
    }
}

fn drain(pool: &mut Pool<'_>, judge: &mut Judge<'_>, file: &LogFile) {
    while let Some(done) = pool.take() {
        judge.batch(&done, file);
        pool.recycle(done);
    }
}

/// Judges batches, each on its own, and gives them back in the order in which they came.
enum Pool<'a> {
    /// On this thread.
    Inline {
        reader: Box<BatchReader<'a>>,
        spare: Option<Batch>,
    },
    Threads {
        workers: Vec<Worker>,
        /// Batches handed out, and taken back.
        submitted: usize,
        taken: usize,
        spare: Vec<Batch>,
    },
}

struct Worker {
    todo: SyncSender<Batch>,
    done: Receiver<Batch>,
}

impl<'a> Pool<'a> {
    fn new<'scope>(scope: &'scope Scope<'scope, '_>, options: &'a VerifyOptions<'_>) -> Self
    where
        'a: 'scope,
    {
        if options.jobs <= 1 {
            return Pool::Inline {
                reader: Box::new(BatchReader::new(
                    options.key_source().keys,
                    options.hash_only,
                )),
                spare: None,
            };
        }
        let worker = |_| {
            let (todo, batches) = sync_channel::<Batch>(AHEAD);
            let (results, done) = sync_channel(AHEAD);
            scope.spawn(move || {
                let mut reader = BatchReader::new(options.key_source().keys, options.hash_only);
                while let Ok(mut batch) = batches.recv() {
                    reader.read(&batch.bytes, &mut batch.parsed);
                    if results.send(batch).is_err() {
                        return;
                    }
                }
            });
            Worker { todo, done }
        };
        Pool::Threads {
            workers: (0..options.jobs).map(worker).collect(),
            submitted: 0,
            taken: 0,
            spare: Vec::new(),
        }
    }

    fn spare(&mut self) -> Batch {
        match self {
            Pool::Inline { spare, .. } => spare.take().unwrap_or_default(),
            Pool::Threads { spare, .. } => spare.pop().unwrap_or_default(),
        }
    }

    fn recycle(&mut self, batch: Batch) {
        match self {
            Pool::Inline { spare, .. } => *spare = Some(batch),
            Pool::Threads { spare, .. } => spare.push(batch),
        }
    }

    /// Hands out a batch; gives back one that is done, where the workers have all they take.
    fn submit(&mut self, mut batch: Batch) -> Option<Batch> {
        match self {
            Pool::Inline { reader, .. } => {
                reader.read(&batch.bytes, &mut batch.parsed);
                Some(batch)
            }
            Pool::Threads {
                workers,
                submitted,
                taken,
                ..
            } => {
                let full = *submitted - *taken >= workers.len() * AHEAD;
                let done = if full { take(workers, taken) } else { None };
                let worker = &workers[*submitted % workers.len()];
                // A worker ends only when this side does, so the send arrives.
                if worker.todo.send(batch).is_ok() {
                    *submitted += 1;
                }
                done
            }
        }
    }

    /// The oldest batch that was handed out, when it is done.
    fn take(&mut self) -> Option<Batch> {
        match self {
            Pool::Inline { .. } => None,
            Pool::Threads {
                workers,
                submitted,
                taken,
                ..
            } => {
                if taken == submitted {
                    return None;
                }
                take(workers, taken)
            }
        }
    }
}

fn take(workers: &[Worker], taken: &mut usize) -> Option<Batch> {
    let batch = workers[*taken % workers.len()].done.recv().ok()?;
    *taken += 1;
    Some(batch)
}
