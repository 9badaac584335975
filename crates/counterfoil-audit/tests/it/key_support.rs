//! Keys for tests: signers by number, and a store of epoch keys on the files of the test's machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use counterfoil_anchor::{Anchor, AnchorStore};
use counterfoil_audit::intake::Intake;
use counterfoil_audit::verify::{GivenHead, Reason, Report, Verdict, VerifyOptions, verify_reader};
use counterfoil_audit::{AuditEventData, EpochStarted, FileSystem};
use counterfoil_core::ChainId;
use counterfoil_signer::{
    Ed25519Signer, Ed25519Verifier, EpochKeys, Error as KeyError, ErrorKind as KeyErrorKind,
    Keyring, SignError, Signer, Verifier, VerifierKey, epoch_key_name,
};
use counterfoil_testkit::block_on;
use counterfoil_testkit::files::MemFiles;

use crate::log_support::{BASE, Machine, records};

/// What a builder takes as a signer.
pub(crate) type Made = Result<Arc<dyn Signer>, Box<dyn std::error::Error + Send + Sync>>;

/// The log key of this number.
pub(crate) fn log_key(number: u8) -> impl Fn(&ChainId) -> Made + Clone {
    move |chain| {
        Ok(Arc::new(Ed25519Signer::from_seed(
            chain.as_str(),
            &[number; 32],
        )?))
    }
}

/// The record key of this number.
pub(crate) fn record_key(number: u8) -> impl Fn(&ChainId) -> Made + Clone {
    move |chain| {
        let name = format!("{chain}/record");
        Ok(Arc::new(Ed25519Signer::from_seed(&name, &[number; 32])?))
    }
}

pub(crate) fn first_chain() -> ChainId {
    ChainId::first(BASE).unwrap()
}

pub(crate) fn vkey(signer: &dyn Signer) -> String {
    signer.verifier_key().unwrap().to_string()
}

pub(crate) fn keyring(keys: &[String]) -> Keyring {
    let mut keyring = Keyring::new();
    for key in keys {
        keyring
            .trust(key.parse::<Ed25519Verifier>().unwrap())
            .unwrap();
    }
    keyring
}

pub(crate) fn read_key(key: &VerifierKey) -> Option<Box<dyn Verifier>> {
    let verifier = Ed25519Verifier::new(key.clone()).ok()?;
    Some(Box::new(verifier))
}

/// Verifies the log of a machine with what its anchor store holds, trusting these keys.
pub(crate) fn verify(machine: &Machine, keys: &[String]) -> Report {
    let anchor = block_on(machine.anchors.load(&first_chain()))
        .unwrap()
        .unwrap();
    let keyring = keyring(keys);
    let mut options = VerifyOptions::new();
    options.head = Some(GivenHead::from(&anchor));
    options.keys = &keyring;
    options.key_reader = Some(read_key);
    let bytes = machine.files.log_bytes(&machine.dir);
    let report = verify_reader(&bytes[..], "log", &options);
    assert_intake_agrees(&bytes, &anchor, self::keyring(keys), &report);
    report
}

/// Whoever takes the log in as it grows judges it, and the checkpoint of its head, as the verification of the whole did.
fn assert_intake_agrees(log: &[u8], anchor: &Anchor, keys: Keyring, report: &Report) {
    let chain = anchor.head().chain.clone();
    let mut intake = Intake::new(chain, Arc::new(keys), Some(read_key));
    let mut from = 0;
    let mut fits = None;
    let mut refused = None;
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        let offered = intake.offer(line);
        from += offered.bytes;
        refused = refused.or(offered.refused);
        if intake.seq() == anchor.head().seq {
            fits = fits.or_else(|| Some(intake.checkpoint(anchor.checkpoint()?)));
        }
    }
    let tampered = report.failures.iter().find(|failure| {
        failure.reason.verdict() == Verdict::Tampered && failure.reason != Reason::Head
    });
    match (&refused, tampered) {
        (None, None) => assert_eq!(from, log.len()),
        (Some(refused), Some(found)) => assert_eq!(refused.reason, found.reason, "{refused}"),
        other => panic!("intake and verification differ: {other:?}"),
    }
    match fits {
        Some(Ok(fits)) => {
            let all = report.signed_by.iter();
            assert!(all.clone().all(|key| fits.signed_by.contains(key)));
            assert!(!report.signed_by.is_empty(), "{report}");
        }
        Some(Err(why)) => assert!(report.signed_by.is_empty(), "{why}"),
        None => {}
    }
}

/// The starts of epochs in the log of a machine.
pub(crate) fn epochs_of(machine: &Machine) -> Vec<EpochStarted> {
    records(&machine.files.log_bytes(&machine.dir))
        .iter()
        .filter_map(|record| match record.data() {
            Ok(AuditEventData::EpochStarted(started)) => Some(started),
            _ => None,
        })
        .collect()
}

/// A signer that refuses after so many signatures.
#[derive(Debug)]
pub(crate) struct Tiring {
    pub(crate) inner: Arc<dyn Signer>,
    pub(crate) left: AtomicU64,
}

impl Signer for Tiring {
    fn verifier_key(&self) -> Option<&VerifierKey> {
        self.inner.verifier_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Option<Vec<u8>>, SignError> {
        let left = self
            .left
            .try_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        match left {
            Ok(_) => self.inner.sign(message),
            Err(_) => Err(SignError::new()),
        }
    }
}

/// Keeps epoch keys on the files of a machine, so that they share its fate: a file each, of 32 bytes.
#[derive(Debug)]
pub(crate) struct MachineKeys {
    files: MemFiles,
    /// Makes the keys of each machine others.
    salt: AtomicU64,
}

const DIR: &str = "/epochs";

impl MachineKeys {
    pub(crate) fn new(files: &MemFiles, salt: u64) -> Arc<Self> {
        files.create_dir(Path::new(DIR)).ok();
        Arc::new(Self {
            files: files.clone(),
            salt: AtomicU64::new(salt << 32),
        })
    }

    fn path(chain: &ChainId, epoch: u64) -> PathBuf {
        let incarnation = chain.incarnation();
        Path::new(DIR).join(format!("{incarnation}-{epoch:020}"))
    }

    fn sync_dir(&self) -> std::io::Result<()> {
        self.files.open_dir(Path::new(DIR))?.sync()
    }
}

fn failed(error: std::io::Error) -> KeyError {
    KeyError::new(
        KeyErrorKind::Io,
        "keep an epoch key",
        "the machine is at fault",
    )
    .because(error)
}

impl EpochKeys for MachineKeys {
    fn list(&self, chain: &ChainId) -> Result<Vec<u64>, KeyError> {
        let prefix = format!("{}-", chain.incarnation());
        let names = self.files.list(Path::new(DIR)).map_err(failed)?;
        Ok(names
            .iter()
            .filter_map(|name| name.strip_prefix(&prefix)?.parse().ok())
            .collect())
    }

    fn create(&self, chain: &ChainId, epoch: u64) -> Result<Arc<dyn Signer>, KeyError> {
        let path = Self::path(chain, epoch);
        if self.files.read(&path).is_ok() {
            return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
        }
        let salt = self.salt.fetch_add(1, Ordering::SeqCst);
        let mut seed = [epoch as u8; 32];
        seed[..8].copy_from_slice(&salt.to_le_bytes());
        let store = || {
            let file = self.files.create(&path)?;
            file.write(&seed)?;
            file.sync()?;
            self.sync_dir()
        };
        store().map_err(failed)?;
        self.load(chain, epoch)
    }

    fn load(&self, chain: &ChainId, epoch: u64) -> Result<Arc<dyn Signer>, KeyError> {
        let bytes = self.files.read(&Self::path(chain, epoch)).map_err(failed)?;
        let seed: [u8; 32] = bytes
            .try_into()
            .map_err(|_| failed(std::io::ErrorKind::InvalidData.into()))?;
        if seed == [0; 32] {
            return Err(failed(std::io::ErrorKind::InvalidData.into()));
        }
        let name = epoch_key_name(chain.as_str(), epoch);
        Ok(Arc::new(Ed25519Signer::from_seed(&name, &seed)?))
    }

    fn destroy(&self, chain: &ChainId, epoch: u64) -> Result<(), KeyError> {
        let path = Self::path(chain, epoch);
        let destroy = || {
            match self.files.open_in_place(&path) {
                Ok(file) => {
                    file.overwrite(0, &[0; 32])?;
                    file.sync()?;
                    self.files.remove(&path)?;
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            self.sync_dir()
        };
        destroy().map_err(failed)
    }
}
