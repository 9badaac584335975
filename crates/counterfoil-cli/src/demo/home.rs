//! The directory of a demo: the log, its anchor, its key, its events.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use counterfoil::signer::Ed25519Signer;
use counterfoil::signer::Signer;
use counterfoil::witness::EvidenceDir;

use crate::failure::{Exit, Failure, chain};

/// Name of the demo's log; its incarnation comes behind it.
pub(crate) const LOG_NAME: &str = "demo.counterfoil.dev/leases";

/// Where a demo keeps what it leaves behind.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    dir: PathBuf,
}

impl Home {
    /// Takes `dir`, making it if need be; without one, a new temporary directory that is kept.
    pub(crate) fn open(dir: Option<&Path>) -> Result<Self, Failure> {
        let Some(dir) = dir else {
            let dir = tempfile::Builder::new()
                .prefix("counterfoil-demo-")
                .tempdir()
                .map_err(|error| {
                    Failure::new(
                        Exit::Unreadable,
                        format!("cannot make a temporary directory: {error}; name one with --dir"),
                    )
                })?;
            return Ok(Self { dir: dir.keep() });
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| cannot("make the directory", dir, &error))?;
        Ok(Self {
            dir: dir.to_owned(),
        })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("audit")
    }

    pub(crate) fn anchor(&self) -> PathBuf {
        self.dir.join("anchor.json")
    }

    /// Where heads that contradict each other are kept.
    pub(crate) fn evidence(&self) -> EvidenceDir {
        EvidenceDir::new(self.dir.join("evidence"))
    }

    /// The key that signs the log's checkpoints: the one that is there, or a new one.
    pub(crate) fn key(&self) -> Result<Ed25519Signer, Failure> {
        let (secret, public) = (self.dir.join("key.secret"), self.dir.join("key.vkey"));
        let refused = |error| Failure::new(Exit::Policy, chain(&error));
        let signer = if secret.exists() {
            Ed25519Signer::from_file(&secret).map_err(refused)?
        } else {
            let signer = Ed25519Signer::generate(&format!("{LOG_NAME}/1"), getrandom::fill)
                .map_err(refused)?;
            signer.save(&secret).map_err(refused)?;
            signer
        };
        let vkey = vkey(&signer);
        match fs::read_to_string(&public) {
            Ok(text) if text.trim_end() == vkey => Ok(signer),
            Ok(_) => Err(Failure::new(
                Exit::Policy,
                format!(
                    "{} holds another key than {}; move one of them away",
                    public.display(),
                    secret.display()
                ),
            )),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                new_file(&public, 0o644)
                    .and_then(|mut file| writeln!(file, "{vkey}"))
                    .map_err(|error| cannot("write the public key to", &public, &error))?;
                Ok(signer)
            }
            Err(error) => Err(cannot("read the public key in", &public, &error)),
        }
    }

    /// The file that events are added to.
    pub(crate) fn events(&self) -> Result<fs::File, Failure> {
        let path = self.dir.join("events.jsonl");
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|error| cannot("open", &path, &error))
    }

    /// An empty directory for the files that leases are held on. Call it only while the log is open: its lock says that no
    /// other demo works here, so what lies in the directory was left by one that was killed.
    pub(crate) fn scratch(&self) -> Result<PathBuf, Failure> {
        let scratch = self.dir.join("scratch");
        self.clear_scratch()?;
        fs::create_dir(&scratch).map_err(|error| cannot("make", &scratch, &error))?;
        Ok(scratch)
    }

    /// Removes that directory and the files of leases in it.
    pub(crate) fn clear_scratch(&self) -> Result<(), Failure> {
        let scratch = self.dir.join("scratch");
        let files = match fs::read_dir(&scratch) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(cannot("list", &scratch, &error)),
        };
        for file in files {
            let path = file
                .map_err(|error| cannot("list", &scratch, &error))?
                .path();
            if path
                .extension()
                .is_some_and(|extension| extension == "blocks")
            {
                fs::remove_file(&path).map_err(|error| cannot("remove", &path, &error))?;
            }
        }
        // Fails when somebody keeps files of his own in it, which are not ours to remove.
        fs::remove_dir(&scratch).map_err(|error| cannot("remove", &scratch, &error))
    }
}

/// The public half of a key as verifiers take it.
pub(crate) fn vkey(signer: &Ed25519Signer) -> String {
    signer
        .verifier_key()
        .map_or_else(String::new, ToString::to_string)
}

fn new_file(path: &Path, mode: u32) -> io::Result<fs::File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Exit::Unreadable,
        format!(
            "cannot {what} {}: {error}; choose another place with --dir",
            path.display()
        ),
    )
}
