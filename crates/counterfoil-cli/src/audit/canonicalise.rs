//! `counterfoil audit canonicalise`: a repaired copy of a file that another program wrote again.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use counterfoil::audit::{Canonicalised, canonicalise};
use serde::Serialize;

use crate::args::Output;
use crate::failure::{Code, Exit, Failure, chain};
use crate::result;
use crate::wrap::Paragraph;

#[derive(Debug, Args)]
#[command(after_help = "\
FILE is not changed, and nothing is written over. Exit codes: 0 every record has
its hash; 1 some do not, for more than their form was changed; 2 usage; 4 FILE
cannot be read or repaired.")]
pub(crate) struct CanonicaliseArgs {
    /// A file of records in any form of JSON, one after another
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to write the canonical lines; must not exist
    #[arg(short, long, value_name = "OUT")]
    out: PathBuf,
    /// Form of what is said about it
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// The document `counterfoil.canonicalise`.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: u32,
    file: &'a Path,
    out: &'a Path,
    records: u64,
    respaced: u64,
    rewritten: u64,
    byte_order_mark: bool,
    mismatched: u64,
    first_mismatched: Option<u64>,
}

/// Repairs a copy and says what was changed.
pub(crate) fn run(args: &CanonicaliseArgs) -> Result<ExitCode, Failure> {
    let input = open(&args.file).map_err(|error| {
        Failure::new(
            Exit::Unreadable,
            format!(
                "cannot read {}: {error}; give one file of records",
                args.file.display()
            ),
        )
        .with_code(Code::Log)
    })?;
    let out = File::create_new(&args.out).map_err(|error| {
        Failure::new(
            Exit::Unreadable,
            format!(
                "cannot write {}: {error}; name a file that does not exist",
                args.out.display()
            ),
        )
    })?;
    let done = repair(input, &out).map_err(|sentence| {
        // Half a copy is worse than none. That it was made a moment ago is certain.
        let _stays = fs::remove_file(&args.out);
        Failure::new(Exit::Unreadable, sentence)
    })?;
    match args.output {
        Output::Text => result::print(&text(args, &done))?,
        Output::Json => result::print(&result::json(&Document {
            schema: "counterfoil.canonicalise",
            version: 1,
            file: &args.file,
            out: &args.out,
            records: done.records,
            respaced: done.respaced,
            rewritten: done.rewritten,
            byte_order_mark: done.byte_order_mark,
            mismatched: done.mismatched,
            first_mismatched: done.first_mismatched,
        })?)?,
    }
    Ok(if done.mismatched == 0 {
        ExitCode::SUCCESS
    } else {
        Exit::Contradiction.into()
    })
}

fn open(path: &Path) -> io::Result<File> {
    let require_regular = |metadata: fs::Metadata| {
        let regular = metadata.is_file().then_some(());
        regular.ok_or_else(|| io::Error::other("it is no regular file"))
    };
    // Asked before opening, which must not wait for the other end of a pipe, and once more of what was opened.
    require_regular(fs::metadata(path)?)?;
    let file = File::open(path)?;
    require_regular(file.metadata()?)?;
    Ok(file)
}

fn repair(input: File, out: &File) -> Result<Canonicalised, String> {
    let done = canonicalise(input, BufWriter::new(out)).map_err(|error| chain(&error))?;
    out.sync_all()
        .map_err(|error| format!("cannot write the copy to the disk: {error}"))?;
    Ok(done)
}

fn text(args: &CanonicaliseArgs, done: &Canonicalised) -> String {
    let mut text = Paragraph::new("", &format!("wrote {}", args.out.display())).to_string();
    let same = done.records - done.respaced - done.rewritten;
    let mut item = |name: &str, what: String| {
        text.push_str(&Paragraph::new(&format!("  {name:<10} "), &what).to_string());
    };
    item("records", format!("{}, {same} as they were", done.records));
    item(
        "respaced",
        format!("{} differed in space and line ends only", done.respaced),
    );
    item(
        "rewritten",
        format!(
            "{} differed in order, escapes or the form of numbers",
            done.rewritten
        ),
    );
    if done.byte_order_mark {
        item("left out", "a byte order mark".to_owned());
    }
    if let Some(first) = done.first_mismatched {
        let what = format!(
            "{} do not have their hash in canonical form either, the first is record {first}: more than the form was changed",
            done.mismatched
        );
        item("mismatched", what);
    }
    text
}
