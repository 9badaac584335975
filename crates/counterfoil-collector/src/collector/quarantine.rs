//! Refused lines, kept for whoever looks into it.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use counterfoil::{ChainId, Digest, Timestamp};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::Refusal;
use crate::collector::data_dir::create_private;

/// How much is kept of what a chain is refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuarantineLimits {
    pub(crate) lines: usize,
    pub(crate) bytes: u64,
    /// Forks, of which the first are kept and not the last: what comes after the first proves nothing more.
    pub(crate) forks: usize,
}

/// The quarantine and the evidence of one chain. A file holds a header, which is a JSON object on one line, the refused line byte for
/// byte, and for a fork the record that was there before.
#[derive(Debug)]
pub(crate) struct Quarantine {
    dir: PathBuf,
    evidence: PathBuf,
    limits: QuarantineLimits,
    /// Names and sizes of what is kept, the oldest first; read from the directory when it is first needed.
    kept: Option<VecDeque<(String, u64)>>,
}

/// The first line of a file.
#[derive(Serialize)]
struct Header<'a> {
    v: u32,
    time: String,
    chain: &'a str,
    code: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_hash: Option<String>,
    /// Length of the line that follows, in bytes.
    line_bytes: usize,
    /// Whether the record that it contradicts follows behind it.
    contradicts: bool,
}

impl Quarantine {
    pub(crate) const fn new(dir: PathBuf, evidence: PathBuf, limits: QuarantineLimits) -> Self {
        Self {
            dir,
            evidence,
            limits,
            kept: None,
        }
    }

    /// Keeps a refused line, and lets go the oldest ones where there are too many; how many went. A line that is there already, for
    /// the same reason, is not kept again, so that a producer that tries and tries does not drive out what came before.
    pub(crate) fn keep(
        &mut self,
        time: Timestamp,
        chain: &ChainId,
        refusal: &Refusal,
        line: &[u8],
    ) -> io::Result<u64> {
        create_private(&self.dir)?;
        let mark = mark_of(refusal, line);
        let kept = match self.kept.take() {
            Some(kept) => self.kept.insert(kept),
            None => self.kept.insert(list(&self.dir)?),
        };
        if kept.iter().any(|(name, _)| name.ends_with(&mark)) {
            return Ok(0);
        }
        let name = format!("{:020}-{mark}", time.unix_nanos());
        let size = write(
            &self.dir.join(&name),
            &content(time, chain, refusal, line, None),
        )?;
        kept.push_back((name, size));
        let mut evicted = 0;
        let mut bytes: u64 = kept.iter().map(|(_, size)| size).sum();
        while kept.len() > self.limits.lines || bytes > self.limits.bytes {
            let Some((name, size)) = kept.pop_front() else {
                break;
            };
            fs::remove_file(self.dir.join(name))?;
            bytes -= size;
            evicted += 1;
        }
        Ok(evicted)
    }

    /// Keeps both lines of a fork for good and durably. A fork that is there already is not kept again, nor is one beyond the
    /// limit. Whether it is kept now.
    pub(crate) fn keep_fork(
        &self,
        time: Timestamp,
        chain: &ChainId,
        refusal: &Refusal,
        line: &[u8],
        ours: Option<&[u8]>,
    ) -> io::Result<bool> {
        create_private(&self.evidence)?;
        let seq = refusal.seq.unwrap_or(0);
        let name = format!("{seq:020}-{}", mark_of(refusal, line));
        let kept = list(&self.evidence)?;
        if kept.iter().any(|(other, _)| *other == name) {
            return Ok(true);
        }
        if kept.len() >= self.limits.forks {
            return Ok(false);
        }
        let path = self.evidence.join(name);
        write(&path, &content(time, chain, refusal, line, ours))?;
        File::open(&path)?.sync_all()?;
        File::open(&self.evidence)?.sync_all()?;
        Ok(true)
    }
}

/// What the files of the same line and reason have in common.
fn mark_of(refusal: &Refusal, line: &[u8]) -> String {
    let digest = Digest::from_bytes(Sha256::digest(line).into()).to_string();
    let short = digest.get(..16).unwrap_or_default();
    format!("{}-{short}.txt", refusal.reason.code())
}

fn content(
    time: Timestamp,
    chain: &ChainId,
    refusal: &Refusal,
    line: &[u8],
    ours: Option<&[u8]>,
) -> Vec<u8> {
    let header = Header {
        v: 1,
        time: time.to_string(),
        chain: chain.as_str(),
        code: refusal.reason.code(),
        detail: &refusal.detail,
        seq: refusal.seq,
        expected_seq: refusal.expected.map(|(seq, _)| seq),
        expected_hash: refusal.expected.map(|(_, hash)| hash.to_string()),
        line_bytes: line.len(),
        contradicts: ours.is_some(),
    };
    // Texts and numbers always become JSON.
    let mut content = serde_json::to_vec(&header).unwrap_or_default();
    content.push(b'\n');
    for line in [Some(line), ours].into_iter().flatten() {
        content.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            content.push(b'\n');
        }
    }
    content
}

fn write(path: &Path, content: &[u8]) -> io::Result<u64> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content).inspect_err(|_| {
        // Half a file helps nobody; the error to tell is the first one.
        fs::remove_file(path).ok();
    })?;
    Ok(content.len() as u64)
}

fn list(dir: &Path) -> io::Result<VecDeque<(String, u64)>> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string() {
            kept.push((name, entry.metadata()?.len()));
        }
    }
    kept.sort_unstable();
    Ok(kept.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;

    const LIMITS: QuarantineLimits = QuarantineLimits {
        lines: 3,
        bytes: 4_000,
        forks: 2,
    };

    fn quarantine(dir: &Path) -> Quarantine {
        Quarantine::new(dir.join("q"), dir.join("e"), LIMITS)
    }

    fn keep(into: &mut Quarantine, second: u64, line: &[u8]) -> u64 {
        let chain = "audit.example.com/leases/1".parse().unwrap();
        let refusal = Refusal::new(Reason::Link, "it does not fit");
        into.keep(Timestamp::from_unix_seconds(second), &chain, &refusal, line)
            .unwrap()
    }

    #[test]
    fn the_oldest_lines_make_room_and_are_counted_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let mut kept = quarantine(dir.path());
        for second in 1..=3 {
            assert_eq!(
                keep(&mut kept, second, format!("line {second}\n").as_bytes()),
                0
            );
        }
        assert_eq!(keep(&mut kept, 4, b"line 4\n"), 1);
        let mut again = quarantine(dir.path());
        assert_eq!(keep(&mut again, 5, b"line 5\n"), 1);
        let names = list(&dir.path().join("q")).unwrap();
        assert_eq!(names.len(), 3);
        let oldest = fs::read_to_string(dir.path().join("q").join(&names[0].0)).unwrap();
        assert!(oldest.ends_with("}\nline 3\n"), "{oldest}");
        assert_eq!(
            keep(&mut again, 6, &[b'x'; 3_700]),
            3,
            "its size drives out the rest"
        );
    }

    #[test]
    fn the_same_line_again_drives_nothing_out() {
        let dir = tempfile::tempdir().unwrap();
        let mut kept = quarantine(dir.path());
        keep(&mut kept, 1, b"first\n");
        for second in 2..20 {
            assert_eq!(keep(&mut kept, second, b"stuck\n"), 0);
        }
        assert_eq!(list(&dir.path().join("q")).unwrap().len(), 2);
    }

    #[test]
    fn of_forks_the_first_are_kept_with_both_lines() {
        let dir = tempfile::tempdir().unwrap();
        let kept = quarantine(dir.path());
        let chain = "audit.example.com/leases/1".parse().unwrap();
        let mut refusal = Refusal::new(Reason::Fork, "two histories");
        for (seq, kept_now) in [(7, true), (7, true), (8, true), (9, false)] {
            refusal.seq = Some(seq);
            let line = format!("theirs {seq}\n");
            let outcome = kept.keep_fork(
                Timestamp::from_unix_seconds(1),
                &chain,
                &refusal,
                line.as_bytes(),
                Some(b"ours\n"),
            );
            assert_eq!(outcome.unwrap(), kept_now, "{seq}");
        }
        let names = list(&dir.path().join("e")).unwrap();
        let first = fs::read_to_string(dir.path().join("e").join(&names[0].0)).unwrap();
        assert!(first.ends_with("theirs 7\nours\n"), "{first}");
        assert!(first.contains("\"contradicts\":true"));
    }
}
