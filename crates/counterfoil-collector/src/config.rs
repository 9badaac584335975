//! The configuration file of the daemon: TOML, strict, with a default for everything that can have one.
//!
//! A key that is not known is an error that names its line. Relative paths are relative to the directory of the file. The file holds
//! no secrets, only the paths of files that do. [`Config::DEFAULT_FILE`] is a file that says nothing but the defaults, with what each
//! of them means.

mod check;
mod sections;
mod units;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::tail::TailSource;
use crate::{Error, ErrorKind, TenantName, toml_file};

pub use sections::{
    AuthSection, IntakeSection, LimitsSection, ListenSection, LogFormat, TelemetrySection,
    TenantSection, TlsSection, WitnessSection,
};
pub use units::{ByteSize, Span};

/// The largest file that is read.
const MAX_BYTES: u64 = 4 << 20;

/// Everything that can be configured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Config {
    /// Where it listens.
    pub listen: ListenSection,
    /// Encryption; none unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSection>,
    /// Who may do what; unless set, everybody may do everything, and it listens on the loopback interface only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<AuthSection>,
    /// What connections and bodies may take.
    pub limits: LimitsSection,
    /// How records are taken in.
    pub intake: IntakeSection,
    /// Who cosigns checkpoints; a key that is made in the data directory unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness: Option<WitnessSection>,
    /// Metrics and log lines.
    pub telemetry: TelemetrySection,
    /// What a tenant may that has no table of its own, and what a table of its own leaves out.
    pub tenant_defaults: TenantSection,
    /// What single tenants may.
    #[serde(with = "sections::by_tenant")]
    pub tenants: BTreeMap<TenantName, TenantSection>,
    /// Log directories on this machine that are followed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<TailSource>,
}

impl Config {
    /// A file that says nothing but the defaults, with what each of them means.
    pub const DEFAULT_FILE: &'static str = include_str!("config/default.toml");

    /// Reads and checks the file.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when it cannot be read, is not of its form, or contradicts itself. The error names the line or the
    /// setting.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = toml_file::text_of(path, MAX_BYTES).map_err(|source| {
            let context = format!("{} cannot be read", path.display());
            Error::new(ErrorKind::InvalidConfig, "read the configuration", context)
                .with_source(source)
        })?;
        let mut config = Self::parse(&text).map_err(|why| {
            let context = format!("{}, {why}", path.display());
            Error::new(ErrorKind::InvalidConfig, "read the configuration", context)
        })?;
        config.relative_to(path.parent().unwrap_or(Path::new("")));
        config.check()?;
        Ok(config)
    }

    /// What single tenants leave out is taken from the defaults.
    #[must_use]
    pub fn tenant(&self, tenant: &TenantName) -> TenantSection {
        match self.tenants.get(tenant) {
            Some(own) => own.or(&self.tenant_defaults),
            None => self.tenant_defaults.clone(),
        }
    }

    /// The configuration as a file, with everything that was left out. It holds no secrets.
    ///
    /// # Errors
    /// None that a configuration can bring about.
    pub fn to_toml(&self) -> Result<String, Error> {
        toml::to_string(self).map_err(|source| {
            let context = "it cannot be written as TOML; this is a defect, please report it";
            Error::new(ErrorKind::InvalidConfig, "show the configuration", context)
                .with_source(source)
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| toml_file::in_one_line(text, &error))
    }

    fn relative_to(&mut self, directory: &Path) {
        let paths = [
            Some(&mut self.intake.data),
            self.tls.as_mut().map(|tls| &mut tls.certificate),
            self.auth.as_mut().map(|auth| &mut auth.tenants),
            self.witness.as_mut().map(|witness| &mut witness.key),
        ];
        let join = |path: &mut PathBuf| *path = directory.join(&*path);
        paths.into_iter().flatten().for_each(join);
        if let Some(tls) = &mut self.tls {
            join(&mut tls.key);
            tls.clients.as_mut().map(join);
        }
        if let Some(auth) = &mut self.auth {
            join(&mut auth.server_key);
        }
        for tail in &mut self.tail {
            join(&mut tail.directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_says_the_defaults_and_nothing_else() {
        assert_eq!(
            Config::parse(Config::DEFAULT_FILE).unwrap(),
            Config::default()
        );
        assert_eq!(Config::parse("").unwrap(), Config::default());
        Config::default().check().unwrap();
    }

    #[test]
    fn every_setting_of_the_effective_configuration_stands_in_the_default_file() {
        for line in Config::default().to_toml().unwrap().lines() {
            assert!(
                Config::DEFAULT_FILE.contains(line),
                "{line:?} is not explained"
            );
        }
    }

    #[test]
    fn what_is_printed_reads_as_the_same_configuration() {
        let text = "[auth]\ntenants = \"t.toml\"\nserver_key = \"s.key\"\n[tenants.acme]\nrecords_per_second = 5\nretention_age = \"90d\"\n";
        let config = Config::parse(text).unwrap();
        let printed = config.to_toml().unwrap();
        assert_eq!(Config::parse(&printed).unwrap(), config, "{printed}");
    }

    #[test]
    fn an_unknown_key_and_a_wrong_value_are_named_with_their_line() {
        for (text, says) in [
            ("[listen]\nadress = \"127.0.0.1:1\"\n", "line 2"),
            ("\n\n[limts]\n", "line 3"),
            ("[limits]\nhead = 10\n", "line 2"),
            ("[limits]\nhead = \"ten\"\n", "not a duration"),
            ("[limits]\nbody_bytes = \"64 MB\"\n", "KiB"),
            ("[tenants.\"../x\"]\nrequests = 1\n", "is no name"),
        ] {
            let error = Config::parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_table_of_a_tenant_is_completed_by_the_defaults() {
        let text = "[tenant_defaults]\nrequests = 7\nrecords_per_second = 100\n[tenants.acme]\nrecords_per_second = 5\n";
        let config = Config::parse(text).unwrap();
        let of = |name: &str| config.tenant(&name.parse().unwrap());
        assert_eq!(
            (of("acme").records_per_second, of("acme").requests),
            (Some(5), Some(7))
        );
        assert_eq!(of("globex").records_per_second, Some(100));
    }

    #[test]
    fn no_requests_at_once_means_as_many_as_usual() {
        let config = Config::parse("[tenant_defaults]\nrequests = 0\n").unwrap();
        let rates = config.tenant(&"acme".parse().unwrap()).rates();
        assert_eq!(rates.requests, 128);
    }

    #[test]
    fn a_file_that_is_too_long_is_refused_and_not_cut() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("collector.toml");
        let text = format!(
            "{}[limits]\nconnections = 0\n",
            "#\n".repeat(MAX_BYTES as usize / 2)
        );
        std::fs::write(&path, text).unwrap();
        assert!(Config::read(&path).is_err());
    }
}
