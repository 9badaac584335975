//! A log as its writer, for commands that add to it while no other writer is at work.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use counterfoil::anchor::FileAnchorStore;
use counterfoil::audit::{AuditLog, AuditLogBuilder, Error, ErrorKind, LastOpening, last_opening};
use counterfoil::signer::{Ed25519Signer, EpochKeyDir, Signer};

use crate::failure::{Code, Exit, Failure, chain};
use crate::verify::require_log;

/// How long the log may take to make durable and anchor what a command adds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(crate) struct WriterArgs {
    /// A log directory that no writer holds
    #[arg(value_name = "LOG")]
    pub(crate) log: PathBuf,
    /// The secret key that signs the log's checkpoints, if any does
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// The secret key that signs the log's records, if any does
    #[arg(long, value_name = "FILE")]
    pub(crate) record_key_file: Option<PathBuf>,
    /// The anchor kept apart from the log: compared before and advanced after
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
    /// The directory of the log's epoch keys, if it has epochs
    #[arg(long, value_name = "DIR")]
    epoch_keys: Option<PathBuf>,
}

impl WriterArgs {
    /// Prepares to open the log with the policy and the keys that it has.
    pub(crate) fn builder(&self) -> Result<(AuditLogBuilder, LastOpening), Failure> {
        let (mut builder, last) = self.policy()?;
        if let Some(signer) = self.log_signer(&last)? {
            builder = builder.signer(move |_| Ok(Arc::clone(&signer)));
        }
        if let Some(signer) = self.record_signer(&last)? {
            builder = builder.record_signer(move |_| Ok(Arc::clone(&signer)));
        }
        Ok((builder, last))
    }

    /// Prepares to open the log with the policy that it has; who signs is still to be said.
    pub(crate) fn policy(&self) -> Result<(AuditLogBuilder, LastOpening), Failure> {
        require_log(&self.log)?;
        let last = last_opening(&self.log).map_err(|error| failure(&error))?;
        let Some(last) = last else {
            return Err(Failure::usage(format!(
                "{} says nothing about its writer, so it is no log of an AuditLog, or it is empty",
                self.log.display()
            )));
        };
        let mut builder = AuditLog::builder(&self.log, last.chain.base())
            .anchor_interval(Duration::from_millis(last.opened.anchor_interval_ms))
            .anchor_records(last.opened.anchor_interval_records)
            .retention(last.opened.retention.clone());
        if let Some(epoch_ms) = last.opened.epoch_ms {
            builder = builder.epochs(Duration::from_millis(epoch_ms), self.epoch_keys()?);
        }
        if let Some(anchor) = &self.anchor {
            let store = FileAnchorStore::open(anchor).map_err(|error| {
                Failure::new(Exit::Unreadable, chain(&error)).with_code(Code::Anchor)
            })?;
            builder = builder.anchor_store(Arc::new(store));
        }
        Ok((builder, last))
    }

    fn epoch_keys(&self) -> Result<Arc<EpochKeyDir>, Failure> {
        let refused = |why: String| Failure::new(Exit::Policy, why).with_code(Code::KeyFile);
        let Some(dir) = &self.epoch_keys else {
            return Err(refused(
                "the log's keys change by epochs, and the one at work has to sign what is added; give their directory with --epoch-keys"
                    .to_owned(),
            ));
        };
        if !dir.is_dir() {
            return Err(refused(format!(
                "{} is no directory; give the one in which the log's writer keeps the keys of epochs",
                dir.display()
            )));
        }
        let keys =
            EpochKeyDir::open(dir, getrandom::fill).map_err(|error| refused(chain(&error)))?;
        Ok(Arc::new(keys))
    }

    /// Who signs checkpoints.
    pub(crate) fn log_signer(
        &self,
        last: &LastOpening,
    ) -> Result<Option<Arc<dyn Signer>>, Failure> {
        let (name, file) = (last.chain.to_string(), self.key_file.as_ref());
        self.signer(last, &name, "--key-file", file)
    }

    /// Who signs records.
    pub(crate) fn record_signer(
        &self,
        last: &LastOpening,
    ) -> Result<Option<Arc<dyn Signer>>, Failure> {
        let (name, file) = (
            format!("{}/record", last.chain),
            self.record_key_file.as_ref(),
        );
        self.signer(last, &name, "--record-key-file", file)
    }

    /// The signer whose key is in force under `name`; none when no such key is. What the log says of its keys must stay true.
    fn signer(
        &self,
        last: &LastOpening,
        name: &str,
        option: &str,
        file: Option<&PathBuf>,
    ) -> Result<Option<Arc<dyn Signer>>, Failure> {
        let refused = |why: String| Failure::new(Exit::Policy, why);
        let of_name = |key: &&String| key.split('+').next() == Some(name);
        let in_force: Vec<&String> = last.opened.keys.iter().filter(of_name).collect();
        match (in_force.as_slice(), file) {
            ([], None) => Ok(None),
            ([], Some(file)) => Err(refused(format!(
                "{} was given with {option}, and the log has no key named {name}",
                file.display()
            ))),
            ([key, ..], None) => Err(refused(format!(
                "the log is signed by {key}; give its secret key with {option}"
            ))),
            (keys, Some(file)) => {
                let signer =
                    Ed25519Signer::from_file(file).map_err(|error| refused(chain(&error)))?;
                let given = signer.verifier_key().map(ToString::to_string);
                if keys
                    .iter()
                    .any(|key| Some(key.as_str()) == given.as_deref())
                {
                    return Ok(Some(Arc::new(signer)));
                }
                Err(refused(format!(
                    "{} holds another key than the one in force, {}; rotate keys with `counterfoil key rotate`",
                    file.display(),
                    keys[0]
                )))
            }
        }
    }

    /// Opens the log.
    pub(crate) fn open(&self, builder: AuditLogBuilder) -> Result<AuditLog, Failure> {
        builder.open().map_err(|error| {
            if error.kind() == ErrorKind::Conflict {
                return Failure::new(
                    Exit::Unreadable,
                    format!(
                        "a writer holds the lock on {}; do this in its process (AuditLog::erase, prune, rotate_signer), or stop it first",
                        self.log.display()
                    ),
                )
                .with_code(Code::Log);
            }
            failure(&error)
        })
    }
}

/// Closes the log; what was added must be durable and anchored.
pub(crate) fn close(log: &AuditLog) -> Result<(), Failure> {
    let report = log.close(PATIENCE);
    if report.finished && report.left_unanchored == 0 {
        return Ok(());
    }
    let why = report.alarm.or_else(|| {
        let records = report.left_unanchored;
        (records > 0).then(|| {
            format!(
                "{records} records are not anchored; is the anchor where the log's writer keeps it?"
            )
        })
    });
    Err(Failure::new(
        Exit::Unreadable,
        format!(
            "the log could not be closed in order: {}",
            why.unwrap_or_else(|| "it took too long; look at the disk".to_owned())
        ),
    )
    .with_code(Code::Log))
}

/// An error of the log, under the exit code that goes with it.
pub(crate) fn failure(error: &Error) -> Failure {
    let exit = match error.kind() {
        ErrorKind::Invalid | ErrorKind::Missing => Exit::Usage,
        ErrorKind::Corrupt => Exit::Contradiction,
        ErrorKind::Signer => Exit::Policy,
        _ => Exit::Unreadable,
    };
    let failure = Failure::new(exit, chain(error));
    match exit {
        Exit::Unreadable => failure.with_code(Code::Log),
        _ => failure,
    }
}
