//! What is in the log, read back from the disk by somebody who knows nothing but the format.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    body: Body<'a>,
}

#[derive(Deserialize)]
struct Body<'a> {
    chain: Chain,
    #[serde(borrow)]
    event: Kind<'a>,
}

#[derive(Deserialize)]
struct Chain {
    seq: u64,
}

#[derive(Deserialize)]
struct Kind<'a> {
    kind: &'a str,
}

/// Counts the records after number `after`, by kind.
pub(crate) fn records_by_kind(log: &Path, after: u64) -> io::Result<BTreeMap<String, u64>> {
    let mut segments = fs::read_dir(log.join("segments"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    segments.sort();
    let mut counts = BTreeMap::new();
    let mut line = Vec::new();
    for segment in segments {
        let mut reader = BufReader::with_capacity(1 << 20, File::open(segment)?);
        while reader.read_until(b'\n', &mut line)? > 0 {
            let record: Line<'_> = serde_json::from_slice(&line)?;
            if record.body.chain.seq > after {
                *counts.entry(record.body.event.kind.to_owned()).or_default() += 1;
            }
            line.clear();
        }
    }
    Ok(counts)
}
