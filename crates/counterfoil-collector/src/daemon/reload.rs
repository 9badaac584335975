//! Reading files anew while the daemon serves.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;

use crate::auth::Authority;
use crate::config::Config;
use crate::limits::TenantLimits;
use crate::server::Tls;
use crate::{Error, ErrorKind};

const TENANTS: &str = "settings of tenants";

/// Reads files anew, when asked or when they have changed. What is broken leaves in force what was, and is told.
#[derive(Debug)]
pub struct Reloader {
    path: PathBuf,
    config: Arc<RwLock<Config>>,
    authority: Arc<Authority>,
    tls: Option<Arc<Tls>>,
    limits: Arc<TenantLimits>,
    seen_tls: Vec<Stamp>,
    seen_auth: Vec<Stamp>,
}

/// What came of reading something anew.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reloaded {
    /// What was read, such as `certificates`.
    pub what: &'static str,
    /// Whether it is in force now. If not, what was before is.
    pub outcome: Result<(), Error>,
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Ok(()) => write!(f, "the {} were read anew", self.what),
            Err(_) => write!(
                f,
                "the {} could not be read anew; those of before stay in force",
                self.what
            ),
        }
    }
}

impl Reloader {
    pub(super) fn new(
        path: PathBuf,
        config: Arc<RwLock<Config>>,
        authority: Arc<Authority>,
        tls: Option<Arc<Tls>>,
        limits: Arc<TenantLimits>,
    ) -> Self {
        let mut reloader = Self {
            path,
            config,
            authority,
            tls,
            limits,
            seen_tls: Vec::new(),
            seen_auth: Vec::new(),
        };
        reloader.seen_tls = reloader.tls_stamps();
        reloader.seen_auth = reloader.auth_stamps();
        reloader
    }

    /// Reads certificates, credentials and the tables of tenants in the configuration anew.
    pub fn reload(&mut self) -> Vec<Reloaded> {
        let tls = self.reload_tls();
        let auth = self.reload_auth();
        let tenants = self.reload_tenants();
        tls.into_iter().chain(auth).chain(tenants).collect()
    }

    /// Reads certificates and credentials anew whose files are others than they were, in any of time, size and place. Each change is
    /// looked at once, so that a broken file is told once.
    pub fn reload_changed(&mut self) -> Vec<Reloaded> {
        let tls = (self.tls_stamps() != self.seen_tls).then(|| self.reload_tls());
        let auth = (self.auth_stamps() != self.seen_auth).then(|| self.reload_auth());
        tls.flatten().into_iter().chain(auth.flatten()).collect()
    }

    fn reload_tls(&mut self) -> Option<Reloaded> {
        // Before reading: what changes meanwhile is read again at the next look.
        self.seen_tls = self.tls_stamps();
        let tls = self.tls.as_ref()?;
        Some(Reloaded {
            what: "certificates",
            outcome: tls.reload(),
        })
    }

    fn reload_auth(&mut self) -> Option<Reloaded> {
        self.seen_auth = self.auth_stamps();
        self.authority.is_guarded().then(|| Reloaded {
            what: "credentials",
            outcome: self.authority.reload(),
        })
    }

    /// The tables of tenants are taken over; for the rest of the configuration it takes a restart.
    fn reload_tenants(&self) -> Vec<Reloaded> {
        let told = |what, outcome| Reloaded { what, outcome };
        let read = match Config::read(&self.path) {
            Ok(read) => read,
            Err(error) => return vec![told(TENANTS, Err(error))],
        };
        let mut config = self.config.write();
        let mut rest = read.clone();
        rest.tenants.clone_from(&config.tenants);
        rest.tenant_defaults.clone_from(&config.tenant_defaults);
        let rest_is_new = rest != *config;
        config.tenants = read.tenants;
        config.tenant_defaults = read.tenant_defaults;
        drop(config);
        self.limits.renew();
        let mut all = vec![told(TENANTS, Ok(()))];
        if rest_is_new {
            let context = format!("{}: restart for it", self.path.display());
            let error = Error::new(ErrorKind::InvalidConfig, "change it while running", context);
            all.push(told("other settings", Err(error)));
        }
        all
    }

    fn tls_stamps(&self) -> Vec<Stamp> {
        let files = self.tls.as_ref().map(|tls| tls.files().paths());
        files.into_iter().flatten().map(Stamp::of).collect()
    }

    fn auth_stamps(&self) -> Vec<Stamp> {
        let files = self.authority.files().map(|files| files.paths());
        files.into_iter().flatten().map(Stamp::of).collect()
    }
}

/// What a file looks like from the outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Self {
        fs::metadata(path).map_or_else(
            |_| Self::default(),
            |file| Self {
                inode: file.ino(),
                size: file.size(),
                changed: (file.ctime(), file.ctime_nsec()),
            },
        )
    }
}
