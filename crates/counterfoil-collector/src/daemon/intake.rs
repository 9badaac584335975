//! The collector that a configuration asks for.

use std::num::NonZeroU64;
use std::sync::Arc;

use counterfoil::audit::Retention;
use counterfoil::metrics::Registry;
use counterfoil::signer::Ed25519Signer;

use crate::config::{Config, TenantSection};
use crate::{Collector, Error, ErrorKind, FileStorage, TenantSettings};

use super::Daemon;

impl Daemon {
    /// Starts the collector that the configuration asks for, with its figures in `registry`. The settings of tenants are asked for
    /// whenever they matter, so that they may be read anew.
    ///
    /// # Errors
    /// As [`CollectorBuilder::start`](crate::CollectorBuilder::start); [`ErrorKind::Credential`] for a witness key that cannot be used.
    pub fn start_collector(&self, registry: &Registry) -> Result<Collector, Error> {
        let config = self.config.read().clone();
        let intake = &config.intake;
        let of_tenants = Arc::clone(&self.config);
        let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        let mut builder = Collector::builder(&intake.data, &intake.name)
            .clock(Arc::clone(&self.clock))
            .registry(registry.clone())
            .in_flight_bytes(bytes(intake.memory.0), bytes(intake.memory_per_tenant.0))
            .disk_reserve(intake.disk_reserve.0)
            .retention_interval(intake.retention_interval.0)
            .tenant_settings(move |tenant| settings(of_tenants.read().tenant(tenant)));
        if let Some(segment) = NonZeroU64::new(intake.segment.0) {
            let files = FileStorage::new(&intake.data).clock(Arc::clone(&self.clock));
            builder = builder.storage(Arc::new(files.segment_bytes(segment)));
        }
        if let Some(threads) = intake.threads {
            builder = builder.workers(threads);
        }
        if let Some(witness) = &config.witness {
            let signer = Ed25519Signer::from_file(&witness.key).map_err(|source| {
                let context = format!("{} cannot be used", witness.key.display());
                Error::new(ErrorKind::Credential, "read the witness key", context)
                    .with_source(source)
            })?;
            builder = builder.witness(Arc::new(signer));
        }
        for (key, value) in flat(&config)? {
            builder = builder.setting(key, value);
        }
        builder.start()
    }
}

/// What the collector heeds of a tenant's table.
fn settings(section: TenantSection) -> TenantSettings {
    let limit = |value: Option<u64>| value.filter(|it| *it > 0);
    TenantSettings {
        chain_names: section.chain_names.unwrap_or_default(),
        max_chains: limit(section.chains),
        max_stored_bytes: limit(section.stored.map(|size| size.0)),
        retention: Retention {
            max_age_s: limit(section.retention_age.map(|age| age.0.as_secs())),
            max_bytes: limit(section.retention_size.map(|size| size.0)),
        },
    }
}

/// The settings as `limits.head`, `10s`, for the meta-chain. There are no secrets among them.
fn flat(config: &Config) -> Result<Vec<(String, String)>, Error> {
    let tables = toml::Table::try_from(config).map_err(|source| {
        let context = "it cannot be written as TOML; this is a defect, please report it";
        Error::new(ErrorKind::InvalidConfig, "note the configuration", context).with_source(source)
    })?;
    let mut all = Vec::new();
    flatten("", &toml::Value::Table(tables), &mut all);
    Ok(all)
}

fn flatten(name: &str, value: &toml::Value, all: &mut Vec<(String, String)>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let dot = if name.is_empty() { "" } else { "." };
                flatten(&format!("{name}{dot}{key}"), value, all);
            }
        }
        toml::Value::String(text) => all.push((name.to_owned(), text.clone())),
        other => all.push((name.to_owned(), other.to_string())),
    }
}
