//! `counterfoil key rotate`: replaces the key of a log that no writer holds.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use counterfoil::audit::{AuditEventData, AuditLog, LastOpening, Text};
use counterfoil::signer::Signer;
use counterfoil_query::{Next, Source};
use serde::Serialize;

use super::described::{public, read};
use crate::args::Output;
use crate::audit::writer::{PATIENCE, WriterArgs, close, failure};
use crate::escape::Escaped;
use crate::failure::{Code, Exit, Failure};
use crate::result;

#[derive(Debug, Args)]
#[command(after_help = "\
The record key_rotated is sealed, the old key vouches for it, and the new one
signs from then on: who trusts the old key follows. Witnesses have to be told
the new key before, and the log's writer is given it afterwards. A rotation that
was interrupted is completed by the same command.

Exit codes: 0 rotated; 2 the new key does not fit; 4 a writer holds the log, or
it cannot be read or written; 5 a key is missing or is not the one in force.")]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    writer: WriterArgs,
    /// The secret key that is to sign checkpoints from now on
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "next_record_key_file"
    )]
    next_key_file: Option<PathBuf>,
    /// The secret key that is to sign records from now on
    #[arg(long, value_name = "FILE")]
    next_record_key_file: Option<PathBuf>,
    /// Why; it is sealed
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// The document `counterfoil.key.rotate`.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    version: u32,
    chain: String,
    rotations: Vec<Rotated>,
}

#[derive(Serialize)]
struct Rotated {
    role: &'static str,
    old_key: String,
    new_key: String,
    /// The `key_rotated`; absent where an earlier run wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
}

/// A rotation to be done.
struct Planned {
    role: &'static str,
    old: Arc<dyn Signer>,
    next: Arc<dyn Signer>,
    old_key: String,
    new_key: String,
    /// Only its handover may be missing.
    done: bool,
}

/// Opens the log with the keys in force, replaces them, and closes it.
pub(crate) fn run(args: &RotateArgs) -> Result<ExitCode, Failure> {
    let (mut builder, last) = args.writer.policy()?;
    let log_key = (
        args.writer.key_file.as_deref(),
        args.next_key_file.as_deref(),
    );
    let record_key = (
        args.writer.record_key_file.as_deref(),
        args.next_record_key_file.as_deref(),
    );
    let log_rotation = plan("log", log_key, &args.writer.log, &last)?;
    let record_rotation = plan("record", record_key, &args.writer.log, &last)?;

    // Where a rotation was interrupted, the new key is in force, and the old one is here to hand over to it.
    if let Some(before) = done_before(&log_rotation) {
        let (old, next) = (Arc::clone(&before.old), Arc::clone(&before.next));
        builder = builder
            .signer(move |_| Ok(Arc::clone(&old)))
            .next_signer(move |_| Ok(Arc::clone(&next)));
    } else if let Some(signer) = args.writer.log_signer(&last)? {
        builder = builder.signer(move |_| Ok(Arc::clone(&signer)));
    }
    if let Some(before) = done_before(&record_rotation) {
        let next = Arc::clone(&before.next);
        builder = builder.record_signer(move |_| Ok(Arc::clone(&next)));
    } else if let Some(signer) = args.writer.record_signer(&last)? {
        builder = builder.record_signer(move |_| Ok(Arc::clone(&signer)));
    }
    let log = args.writer.open(builder)?;
    let rotated = rotate_all(
        &log,
        [log_rotation, record_rotation],
        args.reason.as_deref(),
    );
    let closed = close(&log);
    let document = Document {
        schema: "counterfoil.key.rotate",
        version: 1,
        chain: log.chain().to_string(),
        rotations: rotated?,
    };
    closed?;
    match args.output {
        Output::Json => result::print(&result::json(&document)?)?,
        Output::Text => result::print(&text(&document))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn done_before(planned: &Option<Planned>) -> Option<&Planned> {
    planned.as_ref().filter(|planned| planned.done)
}

/// What is to be done for a role, of which the files with the old and the new key are given.
fn plan(
    role: &'static str,
    (old, next): (Option<&Path>, Option<&Path>),
    log: &Path,
    last: &LastOpening,
) -> Result<Option<Planned>, Failure> {
    let Some(next) = next else {
        return Ok(None);
    };
    let Some(old) = old else {
        return Err(Failure::new(
            Exit::Policy,
            format!(
                "only the {role} key in force can vouch for the next one; give its file as well"
            ),
        )
        .with_code(Code::KeyFile));
    };
    let old = read(old)?;
    let old_key = public(&old, false)?.to_string();
    let next = read(next)?;
    let new_key = public(&next, false)?.to_string();
    let in_force = |key: &String| last.opened.keys.contains(key);
    let done = in_force(&new_key) && !in_force(&old_key);
    if done && !was_rotated(log, &old_key, &new_key)? {
        return Err(Failure::new(
            Exit::Policy,
            format!("the {role} key in force is {new_key}, and {old_key} never handed over to it; give the files the other way round"),
        )
        .with_code(Code::KeyFile));
    }
    Ok(Some(Planned {
        role,
        done,
        old: Arc::new(old),
        next: Arc::new(next),
        old_key,
        new_key,
    }))
}

/// Whether the log says that the one key took over from the other.
fn was_rotated(log: &Path, old_key: &str, new_key: &str) -> Result<bool, Failure> {
    let mut source = Source::open(log)?;
    // What cannot be read is for the opening to judge.
    while let Next::Record(record) = source.read()? {
        if record.kind().is_about_the_log()
            && let Ok(AuditEventData::KeyRotated(rotated)) = record.data()
            && (rotated.old_key.as_str(), rotated.new_key.as_str()) == (old_key, new_key)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn rotate_all(
    log: &AuditLog,
    planned: [Option<Planned>; 2],
    reason: Option<&str>,
) -> Result<Vec<Rotated>, Failure> {
    let mut rotated = Vec::new();
    for planned in planned.into_iter().flatten() {
        let reason = reason.map(Text::from);
        let seq = match (planned.role, planned.done) {
            (_, true) => None,
            ("log", false) => Some(log.rotate_signer(planned.next, reason, PATIENCE)),
            (_, false) => Some(log.rotate_record_signer(planned.next, reason, PATIENCE)),
        };
        rotated.push(Rotated {
            role: planned.role,
            old_key: planned.old_key,
            new_key: planned.new_key,
            seq: seq.transpose().map_err(|error| failure(&error))?,
        });
    }
    Ok(rotated)
}

fn text(document: &Document) -> String {
    let mut text = String::new();
    for it in &document.rotations {
        let what = match it.seq {
            Some(seq) => format!("rotated the {} key at record {seq}", it.role),
            None => format!("the {} key was rotated before", it.role),
        };
        text.push_str(&format!(
            "{what}\n  from  {}\n  to    {}\n",
            Escaped(&it.old_key),
            Escaped(&it.new_key)
        ));
    }
    text.push_str("Give the new key to the log's writer, and its vkey to those who verify.\n");
    text
}
