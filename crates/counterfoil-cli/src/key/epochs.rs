//! `counterfoil key epochs`: the epochs of a log, and who sealed each.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use counterfoil::audit::{AuditEventData, AuditRecord, EpochStarted, KeyRole};
use counterfoil::signer::{Ed25519Verifier, Verifier, VerifierKey, epoch_message};
use counterfoil_query::{Next, Source};
use serde::Serialize;

use crate::args::Output;
use crate::escape::Escaped;
use crate::failure::{Exit, Failure};
use crate::result;

#[derive(Debug, Args)]
#[command(after_help = "\
Numbers and signatures are checked here, by the keys that the log names; whether
the records are what the epochs sealed is checked by `counterfoil verify`. The
vkey of epoch 1, noted when a log is new and given to `verify` beside the log
key, shows a history that was begun anew.

Exit codes: 0 each epoch is sealed by the one before, or there are none; 1 one
is not; 4 the log cannot be read.")]
pub(crate) struct EpochsArgs {
    /// A log directory, or a file of records
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// The document `counterfoil.key.epochs`.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    version: u32,
    epochs: Vec<Epoch>,
}

#[derive(Serialize)]
struct Epoch {
    epoch: u64,
    /// The first size of the log that its key counts for.
    from: u64,
    /// The last; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<u64>,
    began: String,
    vkey: String,
    /// `valid`, `bad`, or `unchecked` where the log does not hold the epoch before.
    signature: &'static str,
    /// Whether it is the next after the one before.
    in_order: bool,
}

/// Goes through the log and prints its epochs.
pub(crate) fn run(args: &EpochsArgs) -> Result<ExitCode, Failure> {
    let mut epochs = Epochs::default();
    let mut source = Source::open(&args.log)?;
    loop {
        match source.read()? {
            Next::Record(record) => epochs.learn(&record),
            Next::Malformed { place, why } => {
                return Err(Failure::new(
                    Exit::Unreadable,
                    format!("cannot read {place}: {why}; run `counterfoil verify` on the log"),
                ));
            }
            Next::Unfinished { .. } | Next::End => break,
        }
    }
    let sound = epochs
        .list
        .iter()
        .all(|epoch| epoch.in_order && epoch.signature != "bad");
    match args.output {
        Output::Text => result::print(&text(&epochs.list))?,
        Output::Json => result::print(&result::json(&Document {
            schema: "counterfoil.key.epochs",
            version: 1,
            epochs: epochs.list,
        })?)?,
    }
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        Exit::Contradiction.into()
    })
}

/// What the records so far say.
#[derive(Default)]
struct Epochs {
    list: Vec<Epoch>,
    /// Log keys in force.
    log_keys: Vec<String>,
}

impl Epochs {
    fn learn(&mut self, record: &AuditRecord) {
        if !record.kind().is_about_the_log() {
            return;
        }
        match record.data() {
            Ok(AuditEventData::LogOpened(opened)) => self.log_keys = opened.keys,
            Ok(AuditEventData::KeyRotated(rotated)) if rotated.role == KeyRole::Log => {
                self.log_keys.retain(|key| *key != rotated.old_key);
                self.log_keys.push(rotated.new_key);
            }
            Ok(AuditEventData::EpochStarted(started)) => self.started(record, started),
            _ => {}
        }
    }

    fn started(&mut self, record: &AuditRecord, started: EpochStarted) {
        let chain = record.chain().as_str();
        let message = epoch_message(
            chain,
            started.epoch,
            started.size,
            &started.root,
            &started.key,
        );
        let size = record.seq() - 1;
        let before = self.list.last_mut();
        let (expected, keys) = match &before {
            Some(before) => (Some(before.epoch + 1), vec![before.vkey.clone()]),
            None if self.log_keys.is_empty() => (None, Vec::new()),
            None => (Some(1), self.log_keys.clone()),
        };
        let valid = keys
            .iter()
            .any(|key| is_by(key, message.as_bytes(), &started.signature));
        let signature = match (keys.is_empty(), valid) {
            (true, _) => "unchecked",
            (false, true) => "valid",
            (false, false) => "bad",
        };
        if let Some(before) = before {
            before.to = Some(size);
        }
        self.list.push(Epoch {
            epoch: started.epoch,
            from: size + 1,
            to: None,
            began: record.time().to_string(),
            vkey: started.key,
            signature,
            in_order: expected.is_none_or(|expected| expected == started.epoch)
                && started.size == size,
        });
    }
}

fn is_by(key: &str, message: &[u8], signature: &str) -> bool {
    let verifier = key
        .parse::<VerifierKey>()
        .ok()
        .and_then(|key| Ed25519Verifier::new(key).ok());
    let signature = STANDARD.decode(signature).ok();
    verifier
        .zip(signature)
        .is_some_and(|(verifier, signature)| verifier.verify(message, &signature))
}

fn text(epochs: &[Epoch]) -> String {
    if epochs.is_empty() {
        return "no epochs\n".to_owned();
    }
    let mut text = "epoch         from           to  began                 signature\n".to_owned();
    for epoch in epochs {
        let to = epoch.to.map_or_else(|| "-".to_owned(), |to| to.to_string());
        let began = epoch.began.get(..19).unwrap_or_default();
        let order = if epoch.in_order { "" } else { ", not the next" };
        // Writing to a string does not fail.
        let _always_fits = writeln!(
            text,
            "{:<8} {:>9} {to:>12}  {began}Z  {}{order}\n  {}",
            epoch.epoch,
            epoch.from,
            epoch.signature,
            Escaped(&epoch.vkey)
        );
    }
    text
}
