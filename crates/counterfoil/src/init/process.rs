//! The process in figures.

use std::fs;
use std::time::Duration;

use counterfoil_core::names;
use counterfoil_metrics::{Observations, Observed, Registry};
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Has every snapshot of `registry` show the process. What this system does not tell is left out.
pub(crate) fn observe(registry: &Registry) -> Observed {
    let started = started();
    registry.observe(move |out| {
        out.float_counter(&names::PROCESS_CPU_TIME, &[], cpu_time().as_secs_f64());
        if let Some(started) = started {
            out.gauge(&names::PROCESS_START_TIME, &[], started);
        }
        memory(out);
        descriptors(out);
        if let Some(threads) = stat_field(NUM_THREADS) {
            out.up_down_counter(&names::PROCESS_THREAD_COUNT, &[], signed(threads));
        }
    })
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn memory(out: &mut Observations<'_>) {
    let Ok(pages) = fs::read_to_string("/proc/self/statm") else {
        return;
    };
    let mut bytes = pages
        .split_ascii_whitespace()
        .map_while(|pages| pages.parse().ok())
        .map(|pages: u64| signed(pages.saturating_mul(page_size() as u64)));
    if let (Some(size), Some(resident)) = (bytes.next(), bytes.next()) {
        out.up_down_counter(&names::PROCESS_MEMORY_VIRTUAL, &[], size);
        out.up_down_counter(&names::PROCESS_MEMORY_USAGE, &[], resident);
    }
}

fn descriptors(out: &mut Observations<'_>) {
    // Linux has the first, macOS the second.
    let folder = fs::read_dir("/proc/self/fd").or_else(|_| fs::read_dir("/dev/fd"));
    if let Ok(folder) = folder {
        // The folder itself is open meanwhile.
        let open = (folder.count() as u64).saturating_sub(1);
        out.up_down_counter(&names::PROCESS_FILE_DESCRIPTOR_COUNT, &[], signed(open));
    }
    if let Some(most) = getrlimit(Resource::Nofile).current {
        out.up_down_counter(&names::PROCESS_FILE_DESCRIPTOR_LIMIT, &[], signed(most));
    }
}

/// Fields of `/proc/self/stat`, counted from the one behind the name of the program.
const NUM_THREADS: usize = 17;
const START_TIME: usize = 19;

/// The name of the program may hold anything, so fields are counted behind its closing parenthesis.
fn stat_field(index: usize) -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(index)?.parse().ok()
}

/// When the process started, in seconds since the Unix epoch.
fn started() -> Option<f64> {
    let boot = fs::read_to_string("/proc/stat").ok()?;
    let boot = boot.lines().find_map(|line| line.strip_prefix("btime "))?;
    let boot: f64 = boot.trim().parse().ok()?;
    let ticks = stat_field(START_TIME)?;
    Some(boot + ticks as f64 / clock_ticks_per_second() as f64)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
