//! Measures the index on a log that it writes: how fast it is built, and how long finding a lease takes.
//!
//! `cargo run --release -p counterfoil-query --example lookup -- DIR [RECORDS]`

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use counterfoil_audit::{AuditChain, AuditInput, Src};
use counterfoil_core::{
    ChainId, Context, FabricEvent, LeaseId, ResourceType, SpanId, Timestamp, TraceContext, TraceId,
    WorkloadIdentity,
};
use counterfoil_query::index::Indexer;
use counterfoil_query::{Filter, Next, Search};

const SEGMENT: usize = 64 << 20;
const LEASES_EACH: u64 = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let dir = PathBuf::from(args.next().ok_or("name a directory to write to")?);
    let records: u64 = args.next().map_or(Ok(10_000_000), |count| count.parse())?;
    let mut out = std::io::stdout().lock();
    if !dir.join("segments").is_dir() {
        let began = Instant::now();
        write(&dir, records)?;
        writeln!(out, "wrote {records} records in {:?}", began.elapsed())?;
    }
    let began = Instant::now();
    let mut indexer = Indexer::open(&dir)?;
    let indexed = indexer.update(u64::MAX, 1)?;
    let took = began.elapsed();
    writeln!(
        out,
        "indexed {} records in {took:?}: {:.0} records/s, {} runs, {} bytes",
        indexed.added,
        indexed.added as f64 / took.as_secs_f64(),
        indexed.runs,
        size(&dir.join("index"))?,
    )?;
    let mut times: Vec<Duration> = Vec::new();
    for at in 0..200 {
        let lease = at * 7_919 % (records / LEASES_EACH);
        let began = Instant::now();
        let mut filter = Filter::default();
        filter.lease = Some(LeaseId(lease));
        let mut search = Search::open(&dir, filter)?;
        let mut found = 0;
        while let Next::Record(_) = search.read()? {
            found += 1;
        }
        times.push(began.elapsed());
        assert_eq!(found, LEASES_EACH, "lease {lease}");
    }
    times.sort();
    writeln!(
        out,
        "by lease: median {:?}, largest of {} {:?}",
        times[times.len() / 2],
        times.len(),
        times[times.len() - 1]
    )?;
    let began = Instant::now();
    let mut filter = Filter::default();
    filter.lease = Some(LeaseId(1));
    let mut search = Search::scan(&dir, filter)?;
    while let Next::Record(_) = search.read()? {}
    writeln!(out, "by lease without the index: {:?}", began.elapsed())?;
    Ok(())
}

/// A log of leases that overlap, with a trace for each record.
fn write(dir: &Path, records: u64) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(dir.join("segments"))?;
    let mut chain = AuditChain::new(ChainId::new("audit.example.com/leases/1")?);
    let mut file: Option<BufWriter<File>> = None;
    let (mut written, mut line) = (0, Vec::new());
    for n in 1..=records {
        if file.is_none() || written > SEGMENT {
            if let Some(mut file) = file.take() {
                file.flush()?;
            }
            let path = dir.join("segments").join(format!("{n:020}.jsonl"));
            file = Some(BufWriter::with_capacity(1 << 20, File::create(path)?));
            written = 0;
        }
        let trace = TraceContext {
            trace_id: TraceId::from_bytes((u128::from(n) << 64 | 1).to_be_bytes())
                .ok_or("a trace id")?,
            span_id: SpanId::from_bytes(n.to_be_bytes()).ok_or("a span id")?,
            flags: 0,
        };
        let tenant = ["acme", "globex", "initech"][(n % 3) as usize];
        let context = Context::new(WorkloadIdentity::tenant_only(tenant)).with_trace(trace);
        let event = FabricEvent::LeaseAcquired {
            resource_type: ResourceType::Mem,
            lease_id: LeaseId(n * 7_919 % (records / LEASES_EACH)),
            node: format!("node-{}", n % 64).as_str().into(),
            bytes: 4096,
        };
        let time = Timestamp::from_unix_nanos(1_700_000_000_000_000_000 + n * 1_000_000);
        let src = Src {
            id: "00000000000000a1/t1".parse()?,
            n,
            time,
        };
        let input = AuditInput::from_event(&event, &context, src);
        line.clear();
        chain.seal(&mut line, &input, time)?;
        if let Some(file) = &mut file {
            file.write_all(&line)?;
            written += line.len();
        }
    }
    if let Some(mut file) = file {
        file.flush()?;
    }
    Ok(())
}

fn size(folder: &Path) -> std::io::Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(folder)? {
        size += entry?.metadata()?.len();
    }
    Ok(size)
}
