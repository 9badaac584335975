//! What must hold after a crash, whatever the crash was.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use counterfoil_anchor::Anchor;
use counterfoil_audit::FileSystem;
use counterfoil_audit::verify::{GivenHead, VerifyOptions, verify_reader};
use counterfoil_core::Digest;
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::SignedNote;
use counterfoil_merkle::tile::{TileId, TileReader};
use counterfoil_merkle::{CompactRange, Error as MerkleError};
use counterfoil_signer::{Ed25519Signer, Ed25519Verifier, Keyring, Signer};
use counterfoil_testkit::files::MemFiles;

use super::chain::{Link, links};
use super::life::{DIR, Run, SEED};

/// What is known before a process starts.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    /// The last record that somebody was told is kept.
    pub(super) acked: Option<Link>,
    /// Every record that was ever sealed.
    pub(super) sealed: Arc<BTreeSet<Link>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    /// What was acknowledged is there.
    Kept,
    /// Nothing is there that was not sealed.
    Sealed,
    /// The opening of an erasable value is there before its record.
    OpeningBeforeRecord,
    /// The anchor vouches for nothing that the log may not have.
    AnchorAfterSegment,
    /// The tiles have the root that is signed.
    AnchorAfterTiles,
    /// The same of the checkpoint.
    CheckpointAfterSegment,
    /// The checkpoint says nothing that the anchor does not.
    CheckpointAfterAnchor,
    /// The log opens, appends and closes.
    Opens,
    /// The verifier calls it valid.
    Valid,
    /// What is waited for happens, or fails.
    Settles,
}

#[derive(Clone, Debug)]
pub(super) struct Violation {
    pub(super) rule: Rule,
    pub(super) why: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.why)
    }
}

fn broken(rule: Rule, why: impl Into<String>) -> Result<(), Violation> {
    Err(Violation {
        rule,
        why: why.into(),
    })
}

/// Judges what a crash left, before anybody has touched it.
pub(super) fn judge_left(
    files: &MemFiles,
    anchor: Option<&Anchor>,
    expected: &Expected,
) -> Result<(), Violation> {
    let found = links(&files.log_bytes(DIR.as_ref()));
    let has = |link: Link| found.get(link.seq as usize - 1) == Some(&link);
    opened(files, &files.log_bytes(DIR.as_ref()), found.len())?;
    // In the order of becoming visible, so that the first thing that went wrong is named.
    if let Some(head) = anchor.map(Anchor::head) {
        let link = Link {
            seq: head.seq,
            hash: *head.hash.as_bytes(),
        };
        if !has(link) {
            return broken(
                Rule::AnchorAfterSegment,
                format!(
                    "record {} is anchored, and {} are left",
                    head.seq,
                    found.len()
                ),
            );
        }
    }
    if let Ok(text) = files.read(format!("{DIR}/checkpoint").as_ref()) {
        let checkpoint = read_checkpoint(&text);
        let Some(checkpoint) = checkpoint else {
            return broken(
                Rule::CheckpointAfterSegment,
                "the published checkpoint is torn",
            );
        };
        if checkpoint.size() > found.len() as u64 {
            return broken(
                Rule::CheckpointAfterSegment,
                format!(
                    "the checkpoint is over {} records, and {} are left",
                    checkpoint.size(),
                    found.len()
                ),
            );
        }
        let anchored = anchor.map_or(0, |anchor| anchor.head().seq);
        if checkpoint.size() > anchored {
            return broken(
                Rule::CheckpointAfterAnchor,
                format!(
                    "the checkpoint is over {} records, the anchor over {anchored}",
                    checkpoint.size()
                ),
            );
        }
    }
    kept(&found, expected)
}

/// Judges what a follower sees at the moment of the crash: the tiles under a signed head are there before it is anchored (they
/// are not synced, and opening mends them).
pub(super) fn judge_seen(files: &MemFiles, anchor: Option<&Anchor>) -> Result<(), Violation> {
    let Some(note) = anchor.and_then(Anchor::checkpoint) else {
        return Ok(());
    };
    let checkpoint = read_checkpoint(note.as_bytes()).unwrap();
    if root_of_tiles(files, checkpoint.size()) == Some(checkpoint.root()) {
        return Ok(());
    }
    broken(
        Rule::AnchorAfterTiles,
        format!(
            "a head over {} records is signed, and its tiles are not there",
            checkpoint.size()
        ),
    )
}

/// Judges a process that found what a crash left, and what it left itself.
pub(super) fn judge_run(run: &Run, expected: &Expected, faulty: bool) -> Result<(), Violation> {
    if let Some(why) = &run.stuck {
        return broken(Rule::Settles, why.clone());
    }
    if let Some(why) = &run.refused
        && !faulty
    {
        return broken(Rule::Opens, why.clone());
    }
    let Some(resumed) = run.resumed else {
        return Ok(());
    };
    let bytes = run.world.files.log_bytes(DIR.as_ref());
    let found = links(&bytes);
    kept(&found, expected)?;
    opened(&run.world.files, &bytes, found.len())?;
    if resumed > 0
        && !found
            .get(resumed as usize - 1)
            .is_some_and(|last| expected.sealed.contains(last))
    {
        return broken(
            Rule::Sealed,
            format!("it resumed after record {resumed}, which nobody sealed"),
        );
    }
    if !run.finished {
        return if faulty {
            Ok(())
        } else {
            broken(Rule::Opens, "it did not close in order")
        };
    }
    let anchor = run.world.anchor();
    // A fault may have kept the tiles away that a crash before had taken.
    if !faulty {
        judge_seen(&run.world.files, anchor.as_ref())?;
    }
    verifies(&bytes, anchor.as_ref(), faulty)
}

/// Whether each of the first `whole` records that holds a commitment has its opening.
fn opened(files: &MemFiles, bytes: &[u8], whole: usize) -> Result<(), Violation> {
    let mut openings = String::new();
    let folder = format!("{DIR}/openings");
    for name in files.list(folder.as_ref()).unwrap() {
        let content = files.read(format!("{folder}/{name}").as_ref()).unwrap();
        openings.push_str(&String::from_utf8_lossy(&content));
    }
    let there: BTreeSet<u64> = openings
        .lines()
        .filter_map(|line| {
            line.split_once("\",\"seq\":")?
                .1
                .split(',')
                .next()?
                .parse()
                .ok()
        })
        .collect();
    for (index, line) in bytes.split(|byte| *byte == b'\n').take(whole).enumerate() {
        let seq = index as u64 + 1;
        let committed = contains(line, b"\"principal\":{\"$erasable\"");
        if committed && !there.contains(&seq) {
            return broken(
                Rule::OpeningBeforeRecord,
                format!("record {seq} is there, and the opening of its value is not"),
            );
        }
    }
    Ok(())
}

fn contains(line: &[u8], part: &[u8]) -> bool {
    line.windows(part.len()).any(|window| window == part)
}

fn kept(found: &[Link], expected: &Expected) -> Result<(), Violation> {
    match expected.acked {
        Some(acked) if found.get(acked.seq as usize - 1) != Some(&acked) => broken(
            Rule::Kept,
            format!(
                "record {} was acknowledged, and {} are left of what was sealed",
                acked.seq,
                found.len()
            ),
        ),
        _ => Ok(()),
    }
}

fn verifies(bytes: &[u8], anchor: Option<&Anchor>, faulty: bool) -> Result<(), Violation> {
    let Some(anchor) = anchor else {
        if faulty {
            return Ok(());
        }
        return broken(Rule::Valid, "a log that was closed is not anchored");
    };
    let chain = anchor.head().chain.as_str();
    let signer = Ed25519Signer::from_seed(chain, &SEED).unwrap();
    let mut keys = Keyring::new();
    keys.trust(Ed25519Verifier::new(signer.verifier_key().unwrap().clone()).unwrap())
        .unwrap();
    let mut options = VerifyOptions::new();
    // A fault may have kept the tiles away, and no head is signed without them.
    if !faulty {
        options.keys = &keys;
    }
    options.head = Some(GivenHead {
        head: anchor.head().clone(),
        checkpoint: anchor.checkpoint().map(str::to_owned),
    });
    let report = verify_reader(bytes, "the recovered log", &options);
    // A fault may have prevented the anchor, and nothing else.
    if report.exit_code() == 0 && (faulty || report.tail.records == 0) {
        return Ok(());
    }
    broken(Rule::Valid, report.to_string())
}

/// The root at a size, as a follower computes it from the tiles.
fn root_of_tiles(files: &MemFiles, size: u64) -> Option<Digest> {
    let read = |id: TileId| files.read(format!("{DIR}/{id}").as_ref());
    // A full tile takes the place of partial ones; one that is not there is as good as an empty one.
    let mut tiles = TileReader::new(size, |id: TileId| {
        Ok(read(id).or_else(|_| read(id.full())).unwrap_or_default())
    });
    let tree = CompactRange::restore::<MerkleError>(size, |node| tiles.node(node));
    Some(tree.ok()?.root())
}

fn read_checkpoint(text: &[u8]) -> Option<Checkpoint> {
    let note = SignedNote::parse(std::str::from_utf8(text).ok()?).ok()?;
    Checkpoint::parse(note.text()).ok()
}
