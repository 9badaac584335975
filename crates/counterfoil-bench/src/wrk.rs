//! `bench wrk`: the throughput of a small axum service with and without layers, under the load generator `wrk`.
//!
//! All services run at once, each in a process of its own that serves on one core; wrk loads one after the other from another
//! core, in rounds. What is compared is one service's throughput to the bare one's of the same round, so that whatever else
//! the machine does meanwhile weighs on both.

mod load;
mod running;
mod service;

use std::time::Duration;

use self::load::Load;
use self::running::Running;
pub(crate) use self::service::{Kind, serve};
use crate::group::Outcome;
use crate::measure::median;
use crate::row::Row;

/// Loses at most three in a hundred requests a second (issue "Instrument anything", §6).
const SHARE: f64 = 0.97;

/// Measures `rounds` rounds of `seconds` for each service, and hands each row to `emit`.
pub(crate) fn run(rounds: usize, seconds: u64, mut emit: impl FnMut(&Row)) -> Outcome<()> {
    let services = Kind::ALL
        .into_iter()
        .map(Running::start)
        .collect::<Outcome<Vec<_>>>()?;
    let length = Duration::from_secs(seconds);
    for service in &services {
        load::run(service.address(), Duration::from_secs(1))?;
    }
    let mut loads: Vec<Vec<Load>> = vec![Vec::new(); services.len()];
    for round in 0..rounds {
        // Every other round the other way round: what is hot after one load is not always the same one's.
        let mut order: Vec<usize> = (0..services.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            loads[index].push(load::run(services[index].address(), length)?);
        }
    }
    let bare = &loads[0];
    for (service, own) in services.iter().zip(&loads).skip(1) {
        emit(&row(service, own, bare)?);
    }
    Ok(())
}

fn row(service: &Running, own: &[Load], bare: &[Load]) -> Outcome<Row> {
    let mut shares: Vec<f64> = own
        .iter()
        .zip(bare)
        .map(|(own, bare)| own.requests_per_s / bare.requests_per_s)
        .collect();
    let share = median(&mut shares);
    let middle = |loads: &[Load], of: fn(&Load) -> f64| {
        median(&mut loads.iter().map(of).collect::<Vec<_>>())
    };
    let bare_per_s = middle(bare, |load| load.requests_per_s);
    let bare_ns = 1e9 / bare_per_s;
    Ok(Row {
        name: service.kind().title().into(),
        threads: 1,
        ns_per_op: bare_ns / share,
        stock_ns_per_op: bare_ns,
        target_ns: service.kind().has_target().then_some(bare_ns / SHARE),
        allocations_per_op: None,
        stock: "the bare axum handler, loaded in turn; ratio is the median of the rounds' shares",
        figures: vec![
            ("share_median", share),
            ("share_lowest", shares[0]),
            ("share_highest", shares[shares.len() - 1]),
            ("requests_per_s", middle(own, |load| load.requests_per_s)),
            ("bare_requests_per_s", bare_per_s),
            ("p99_us", middle(own, |load| load.p99_us)),
            ("bare_p99_us", middle(bare, |load| load.p99_us)),
            ("records_stored", service.records_stored()?),
        ],
    })
}
