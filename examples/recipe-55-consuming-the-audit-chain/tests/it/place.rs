//! A collector, a producer and a consumer in one directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cookbook_recipe_55_consuming_the_audit_chain::stand_in::{InProcess, Producer};
use cookbook_recipe_55_consuming_the_audit_chain::{
    AlertFiles, CollectorFeed, Consumer, Taken, trusting,
};
use counterfoil::signer::Keyring;
use tempfile::TempDir;

pub(crate) const LOG: &str = "audit.example.com/leases";

pub(crate) struct Place {
    directory: TempDir,
    pub(crate) collector: InProcess,
    pub(crate) producer: Producer,
    pub(crate) feed: CollectorFeed,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let collector = InProcess::start(&directory.path().join("collector")).unwrap();
        let producer = Producer::new(&directory.path().join("producer"), LOG).unwrap();
        let chain = producer.chain();
        let feed = CollectorFeed::new(&collector.url(), chain, None).unwrap();
        Self {
            directory,
            collector,
            producer,
            feed,
        }
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A lease that runs out, signed and with the collector.
    pub(crate) fn lose(&self, lease: u64) {
        self.producer.lose(lease).unwrap();
        let url = self.collector.url();
        self.producer.sign_and_ship(&url, &self.feed).unwrap();
    }

    pub(crate) fn keys(&self) -> Keyring {
        trusting(self.producer.key()).unwrap()
    }

    pub(crate) fn consumer(&self) -> Consumer<AlertFiles> {
        let alerts = AlertFiles::new(self.at("alerts")).unwrap();
        let chain = self.producer.chain().clone();
        Consumer::open(&self.at("consumer"), chain, self.keys(), alerts).unwrap()
    }

    pub(crate) fn step(&self, consumer: &mut Consumer<AlertFiles>) -> Taken {
        consumer.step(&self.feed, Duration::ZERO).unwrap()
    }

    /// The leases that there are alerts about.
    pub(crate) fn alerts(&self) -> Vec<String> {
        leases(&self.at("alerts"))
    }
}

fn leases(directory: &Path) -> Vec<String> {
    let alert = |path: PathBuf| {
        let alert: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        alert["lease"].as_str().unwrap().to_owned()
    };
    let entries = fs::read_dir(directory).unwrap();
    let mut leases: Vec<_> = entries.map(|entry| alert(entry.unwrap().path())).collect();
    leases.sort();
    leases
}
