//! Running other programs: every failure names the command line and what to do next.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::failure::{Failure, Result};

/// A command under construction; it inherits standard input, output and error unless captured.
#[derive(Debug)]
pub(crate) struct Cmd {
    inner: Command,
    next: String,
}

/// What a captured command wrote, and how it ended.
#[derive(Debug)]
pub(crate) struct Captured {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: ExitStatus,
}

impl Cmd {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            inner: Command::new(program),
            next: "read the output above, repair, and run the same step again".to_owned(),
        }
    }

    /// The cargo that runs this program, so that both agree on the toolchain.
    pub(crate) fn cargo(subcommand: &str) -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Self::new(cargo).arg(subcommand)
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.inner.arg(arg);
        self
    }

    pub(crate) fn args<I, S>(mut self, args: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.inner.args(args);
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.inner.env(key, value);
        self
    }

    /// Adds to what the caller already set, so that a machine's own flags stay in force.
    pub(crate) fn env_append(self, key: &str, addition: &str) -> Self {
        let value = match std::env::var(key) {
            Ok(old) if !old.is_empty() => format!("{old} {addition}"),
            _ => addition.to_owned(),
        };
        self.env(key, value)
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.inner.current_dir(dir);
        self
    }

    /// What the reader should do if this command fails.
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// Runs with inherited streams; anything but success is a failure.
    pub(crate) fn run(mut self) -> Result<()> {
        let line = self.line();
        let status = self
            .inner
            .status()
            .map_err(|error| not_started(&line, &error))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::new(
                format!("`{line}` ended with {status}"),
                self.next,
            ))
        }
    }

    /// Runs and captures both streams, whatever the exit status.
    pub(crate) fn capture(self) -> Result<Captured> {
        self.capture_with(Stdio::piped())
    }

    /// Runs, captures standard output and demands success; standard error passes through.
    pub(crate) fn stdout(self) -> Result<String> {
        let line = self.line();
        let next = self.next.clone();
        let captured = self.capture_with(Stdio::inherit())?;
        if captured.status.success() {
            Ok(captured.stdout)
        } else {
            Err(Failure::new(
                format!("`{line}` ended with {}", captured.status),
                next,
            ))
        }
    }

    /// The command line as a person would type it.
    pub(crate) fn line(&self) -> String {
        let program = Path::new(self.inner.get_program());
        let name = program.file_name().unwrap_or(program.as_os_str());
        std::iter::once(name)
            .chain(self.inner.get_args())
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn capture_with(mut self, stderr: Stdio) -> Result<Captured> {
        let line = self.line();
        let output = self
            .inner
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .and_then(std::process::Child::wait_with_output)
            .map_err(|error| not_started(&line, &error))?;
        Ok(Captured {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            status: output.status,
        })
    }
}

/// Where a program lies on the search path, if it does.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    find_in(&std::env::var_os("PATH")?, name)
}

fn find_in(path: &OsString, name: &str) -> Option<PathBuf> {
    std::env::split_paths(path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

fn not_started(line: &str, error: &std::io::Error) -> Failure {
    Failure::new(
        format!("`{line}` could not be run: {error}"),
        "check that the program is installed and on the search path",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_names_itself_and_the_next_step() {
        let failure = Cmd::new("false")
            .arg("--now")
            .next("try true")
            .run()
            .unwrap_err()
            .to_string();
        assert!(
            failure.contains("`false --now` ended with exit status: 1"),
            "{failure}"
        );
        assert!(failure.contains("next: try true"), "{failure}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let failure = Cmd::new("no-such-program-here")
            .run()
            .unwrap_err()
            .to_string();
        assert!(
            failure.contains("`no-such-program-here` could not be run"),
            "{failure}"
        );
    }

    #[test]
    fn output_is_captured_whatever_the_exit_status() {
        let captured = Cmd::new("sh")
            .args(["-c", "echo out; echo err >&2; exit 3"])
            .capture()
            .unwrap();
        assert_eq!(
            (captured.stdout.as_str(), captured.stderr.as_str()),
            ("out\n", "err\n")
        );
        assert_eq!(captured.status.code(), Some(3));
    }

    #[test]
    fn programs_are_found_on_the_search_path_only() {
        assert!(find_in(&"/nowhere:/bin:/usr/bin".into(), "sh").is_some());
        assert!(find_in(&"/nowhere".into(), "sh").is_none());
    }
}
