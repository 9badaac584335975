//! `counterfoil audit check`: whether a receipt proves its record, by a policy.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use counterfoil::audit::verify::{Reason, Verdict};
use counterfoil::audit::{AuditRecord, MAX_LINE};
use counterfoil::signer::Keyring;
use counterfoil_merkle::note::NoteRejected;
use counterfoil_merkle::policy::{Accepted, CheckpointRejected, Policy};
use counterfoil_merkle::tlog_proof::{MAX_TLOG_PROOF_LEN, TlogProof, TlogProofRejected};
use serde::Serialize;

use crate::args::Output;
use crate::bounded::bounded;
use crate::escape::Escaped;
use crate::failure::{Code, Exit, Failure, chain};
use crate::result;

#[derive(Debug, Args)]
#[command(after_help = "\
The policy is a C2SP tlog-policy. The least of one names the log's key and asks
for no witnesses:

  log audit.example.com/leases/1+0123abcd+AbCd...
  quorum none

Exit codes: 0 proved; 1 something contradicts; 2 usage; 4 unreadable; 5 the
policy is not met (another log or key, or too few witnesses).")]
pub(crate) struct CheckArgs {
    /// The receipt, a .tlog-proof file
    #[arg(value_name = "RECEIPT")]
    receipt: PathBuf,
    /// The record: its line, a file that holds it, or - for standard input
    #[arg(long, value_name = "LINE_OR_FILE")]
    record: String,
    /// Which logs and witnesses are trusted
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Form of the verdict
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Why the receipt proves nothing.
struct Refused {
    reason: Reason,
    why: String,
}

/// The document `counterfoil.audit.check`.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: u32,
    verdict: String,
    exit_code: u8,
    reason: Option<&'static str>,
    code: Option<&'static str>,
    message: Option<&'a str>,
    chain: Option<&'a str>,
    seq: Option<u64>,
    hash: Option<String>,
    origin: &'a str,
    index: u64,
    size: u64,
    root: String,
    cosigned: Vec<Cosigned<'a>>,
}

#[derive(Serialize)]
struct Cosigned<'a> {
    witness: &'a str,
    unix_seconds: u64,
}

/// Checks a receipt and prints the verdict. Reads three files and opens no socket.
pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode, Failure> {
    let policy = crate::policy::read(&args.policy)?;
    let keys = Keyring::of_policy(&policy)
        .map_err(|error| unreadable("policy", &args.policy, &chain(&error)).with_code(Code::Key))?;
    let proof = receipt(&args.receipt)?;
    let line = record_line(&args.record)?;
    let record = AuditRecord::parse(&line).map_err(|error| Refused {
        reason: Reason::Grammar,
        why: chain(&error),
    });
    let verdict = match &record {
        Ok(record) => judge(record, &proof, &policy, &keys),
        Err(refused) => Err(Refused {
            reason: refused.reason,
            why: refused.why.clone(),
        }),
    };
    let exit = verdict.as_ref().map_or_else(
        |refused| refused.reason.verdict().exit_code(),
        |_| Verdict::Valid.exit_code(),
    );
    result::print(&match args.output {
        Output::Text => text(record.as_ref().ok(), &proof, &verdict),
        Output::Json => result::json(&document(record.as_ref().ok(), &proof, &verdict))?,
    })?;
    Ok(exit.into())
}

/// In the order in which each step makes the next one meaningful.
fn judge(
    record: &AuditRecord,
    proof: &TlogProof,
    policy: &Policy,
    keys: &Keyring,
) -> Result<Accepted, Refused> {
    let refuse = |reason, why| Err(Refused { reason, why });
    if !record.is_intact() {
        return refuse(
            Reason::Hash,
            "the record's hash is not that of its body: it was changed".to_owned(),
        );
    }
    let origin = proof.checkpoint().origin();
    if origin != record.chain().as_str() {
        return refuse(
            Reason::Id,
            format!(
                "the receipt is from the log {origin}, and the record from {}",
                record.chain()
            ),
        );
    }
    if proof.index() != record.seq() - 1 {
        return refuse(
            Reason::Seq,
            format!(
                "the receipt is for record {}, and this is record {}",
                proof.index().saturating_add(1),
                record.seq()
            ),
        );
    }
    proof
        .verify(&record.hash(), policy, |text, line| keys.judge(text, line))
        .map_err(|rejected| Refused {
            reason: reason_of(&rejected),
            why: rejected.to_string(),
        })
}

const fn reason_of(rejected: &TlogProofRejected) -> Reason {
    match rejected {
        TlogProofRejected::Checkpoint(CheckpointRejected::Signature(
            NoteRejected::BadSignature { .. },
        )) => Reason::Signature,
        TlogProofRejected::Checkpoint(CheckpointRejected::Quorum(_)) => Reason::Policy,
        TlogProofRejected::Checkpoint(CheckpointRejected::Malformed(_)) => Reason::Unreadable,
        TlogProofRejected::Checkpoint(_) => Reason::Key,
        TlogProofRejected::Inclusion(_) => Reason::Root,
        // A step that this program does not know was not met.
        _ => Reason::Policy,
    }
}

fn receipt(path: &Path) -> Result<TlogProof, Failure> {
    let bytes = bounded(path, MAX_TLOG_PROOF_LEN as u64)
        .map_err(|error| unreadable("receipt", path, &error.to_string()))?;
    let text =
        String::from_utf8(bytes).map_err(|_| unreadable("receipt", path, "it is not UTF-8"))?;
    TlogProof::parse(&text).map_err(|error| unreadable("receipt", path, &chain(&error)))
}

/// The line of the record, with its LF.
fn record_line(given: &str) -> Result<Vec<u8>, Failure> {
    let most = MAX_LINE as u64;
    let mut line = if given.starts_with('{') {
        given.as_bytes().to_vec()
    } else if given == "-" {
        let mut bytes = Vec::new();
        io::stdin()
            .take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| {
                unreadable("record", Path::new("standard input"), &error.to_string())
            })?;
        bytes
    } else {
        let path = Path::new(given);
        bounded(path, most).map_err(|error| {
            let why = format!("{error}; give one line of the log, or a file with one");
            unreadable("record", path, &why)
        })?
    };
    if line.last() != Some(&b'\n') {
        line.push(b'\n');
    }
    let lines = line.iter().filter(|byte| **byte == b'\n').count();
    if lines > 1 {
        return Err(Failure::usage(format!(
            "--record gives {lines} lines; give the line of one record, such as `counterfoil audit query LOG --seq 7 --output jsonl` prints"
        )));
    }
    Ok(line)
}

fn unreadable(what: &str, path: &Path, why: &str) -> Failure {
    Failure::new(
        Exit::Unreadable,
        format!("cannot read the {what} in {}: {why}", path.display()),
    )
}

type Outcome = Result<Accepted, Refused>;

fn text(record: Option<&AuditRecord>, proof: &TlogProof, verdict: &Outcome) -> String {
    let what = record.map_or_else(
        || "the record".to_owned(),
        |record| format!("record {} of {}", record.seq(), record.chain()),
    );
    let checkpoint = proof.checkpoint();
    match verdict {
        Ok(accepted) => {
            let mut text = format!(
                "{}: {}\nis in the tree of {} records with the root\n{}\nwhich its log signed\n{}\n",
                Verdict::Valid,
                Escaped(&what),
                checkpoint.size(),
                checkpoint.root(),
                Escaped(&accepted.quorum().to_string()),
            );
            for (witness, time) in accepted.times() {
                let line = format!("seen by {witness} at {time} s of the Unix epoch");
                text.push_str(&format!("{}\n", Escaped(&line)));
            }
            text
        }
        Err(refused) => format!(
            "{}: {}\n  {} {}\n",
            refused.reason.verdict(),
            Escaped(&what),
            refused.reason.code(),
            Escaped(&refused.why)
        ),
    }
}

fn document<'a>(
    record: Option<&'a AuditRecord>,
    proof: &'a TlogProof,
    verdict: &'a Outcome,
) -> Document<'a> {
    let checkpoint = proof.checkpoint();
    let refused = verdict.as_ref().err();
    let word = refused.map_or(Verdict::Valid, |refused| refused.reason.verdict());
    let times = verdict.as_ref().map_or(&[][..], Accepted::times);
    Document {
        schema: "counterfoil.audit.check",
        version: 1,
        verdict: word.to_string(),
        exit_code: word.exit_code(),
        reason: refused.map(|refused| refused.reason.as_str()),
        code: refused.map(|refused| refused.reason.code()),
        message: refused.map(|refused| refused.why.as_str()),
        chain: record.map(|record| record.chain().as_str()),
        seq: record.map(AuditRecord::seq),
        hash: record.map(|record| record.hash().to_string()),
        origin: checkpoint.origin(),
        index: proof.index(),
        size: checkpoint.size(),
        root: checkpoint.root().to_string(),
        cosigned: times
            .iter()
            .map(|(witness, time)| Cosigned {
                witness,
                unix_seconds: *time,
            })
            .collect(),
    }
}
