//! A consumer that follows a collector through restarts of both, and does not follow it into another history.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use cookbook_recipe_55_consuming_the_audit_chain::stand_in::{InProcess, Producer};
use cookbook_recipe_55_consuming_the_audit_chain::{
    AlertFiles, CollectorFeed, Consumer, Result, Stop, trusting,
};

const LOG: &str = "cookbook.example.com/recipe-55";
const WAIT: Duration = Duration::from_secs(25);

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => story(),
        [url, chain, directory] => follow(url, chain, directory, None),
        [url, chain, directory, key] => follow(url, chain, directory, Some(key)),
        _ => Err("give a collector's URL, a chain, a directory and the log's key; or nothing for the story".into()),
    }
}

/// Follows until it is killed.
fn follow(url: &str, chain: &str, directory: &str, key: Option<&str>) -> Result<()> {
    let chain = chain.parse()?;
    let secret = std::env::var("COUNTERFOIL_KEY").ok();
    let feed = CollectorFeed::new(url, &chain, secret.as_deref())?;
    let keys = key.map(trusting).transpose()?.unwrap_or_default();
    let directory = Path::new(directory);
    let alerts = AlertFiles::new(directory.join("alerts"))?;
    let mut consumer = Consumer::open(directory, chain, keys, alerts)?;
    Ok(consumer.follow(&feed, WAIT, || true)?)
}

fn story() -> Result<()> {
    let place = tempfile::tempdir()?;
    let at = |name: &str| place.path().join(name);
    let mut out = io::stdout().lock();
    let collector = InProcess::start(&at("collector"))?;
    let producer = Producer::new(&at("producer"), LOG)?;
    let open = || -> Result<_> {
        let alerts = AlertFiles::new(at("alerts"))?;
        let keys = trusting(producer.key())?;
        Ok(Consumer::open(
            &at("consumer"),
            producer.chain().clone(),
            keys,
            alerts,
        )?)
    };
    let alerts = || -> Result<usize> { Ok(fs::read_dir(at("alerts"))?.count()) };
    let feed = CollectorFeed::new(&collector.url(), producer.chain(), None)?;

    producer.lose(7)?;
    producer.ship(&collector.url())?;
    let mut consumer = open()?;
    let taken = consumer.step(&feed, Duration::ZERO)?;
    writeln!(
        out,
        "one lease ran out: {} records verified and kept, {} alerts",
        taken.records,
        alerts()?
    )?;
    writeln!(
        out,
        "  nothing is acted on before the producer has signed it"
    )?;

    producer.sign_and_ship(&collector.url(), &feed)?;
    consumer.step(&feed, Duration::ZERO)?;
    writeln!(out, "signed: {} alert", alerts()?)?;

    drop(consumer);
    fs::write(at("consumer/acted"), "0\n")?;
    let mut consumer = open()?;
    writeln!(
        out,
        "the consumer died before it noted that: acted again, {} alert",
        alerts()?
    )?;

    let address = collector.address();
    collector.stop();
    producer.lose(8)?;
    let away = matches!(consumer.step(&feed, Duration::ZERO), Err(Stop::Away(_)));
    writeln!(out, "the collector is away, and the consumer waits: {away}")?;
    let collector = InProcess::start_at(&at("collector"), address)?;
    producer.sign_and_ship(&collector.url(), &feed)?;
    consumer.meet(&feed)?;
    consumer.step(&feed, Duration::ZERO)?;
    writeln!(
        out,
        "it is back, with another lease that ran out: {} alerts",
        alerts()?
    )?;

    collector.stop();
    let impostor = InProcess::start_at(&at("impostor"), address)?;
    let forger = Producer::new(&at("forger"), LOG)?;
    for lease in 1..=9 {
        forger.lose(lease)?;
    }
    forger.sign_and_ship(&impostor.url(), &feed)?;
    match consumer.meet(&feed) {
        Err(Stop::OtherHistory { evidence, .. }) => {
            let kept = !fs::read(evidence)?.is_empty();
            writeln!(
                out,
                "another history at the same address: refused, evidence kept: {kept}, {} alerts",
                alerts()?
            )?;
            Ok(())
        }
        other => Err(format!("it was believed: {other:?}").into()),
    }
}
