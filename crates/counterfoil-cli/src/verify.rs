//! `counterfoil verify`: two verdicts and an exit code (audit specification §9).

mod document;
mod next;
mod progress;
mod state;
mod text;
mod trust;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use counterfoil::audit::verify::{Progress, verify_path};
use counterfoil::{Clock, SystemClock};

use crate::args::{Output, VerifyArgs};
use crate::failure::{Code, Exit, Failure};
use crate::result;
use progress::Waiting;
pub(crate) use trust::TrustArgs;

/// Verifies a log and prints the verdict. Opens no socket.
pub(crate) fn run(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    let trusted = args.trust.read()?;
    let mut options = trusted.options(SystemClock::new().utc());
    options.require_anchored_tail = args.require_anchored_tail;
    options.max_tail_age = args.max_tail_age;
    options.hash_only = args.hash_only;
    options.diagnose = true;
    if let Some(jobs) = args.jobs {
        options.jobs = usize::from(jobs);
    }

    require_log(&args.log)?;
    let before = args
        .state
        .as_deref()
        .map(state::read)
        .transpose()?
        .flatten();
    options.state = before.as_ref();
    options.keep_state = args.state.is_some();
    let waiting = Waiting::new(&args.log);
    let tell = |bytes| waiting.tell(bytes);
    options.progress = waiting.is_watched().then_some(Progress(&tell));
    let report = verify_path(&args.log, &options);
    waiting.done();
    match args.output {
        Output::Text => result::print(&text::of(&report))?,
        Output::Json => result::print(&document::of(&report)?)?,
    }
    // After the verdict, which stands although it cannot be kept.
    if let (Some(path), Some(kept)) = (&args.state, &report.state) {
        state::write(path, kept)?;
    }
    Ok(report.exit_code().into())
}

/// Says in one sentence that there is no log, and where it is if a demo's directory was given.
pub(crate) fn require_log(log: &Path) -> Result<(), Failure> {
    let refused = |why: &str| {
        Failure::new(
            Exit::Unreadable,
            format!("cannot read {}: {why}", log.display()),
        )
        .with_code(Code::Log)
    };
    let metadata = fs::metadata(log)
        .map_err(|error| refused(&format!("{error}; give a log directory or a .jsonl file")))?;
    let inner = log.join("audit");
    if metadata.is_dir() && !log.join("segments").exists() && inner.join("segments").is_dir() {
        return Err(refused(&format!(
            "it holds no segments; the log is in {}",
            inner.display()
        )));
    }
    Ok(())
}
