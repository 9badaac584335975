//! What a key is, without its secret.

use std::fmt::Write;
use std::path::Path;

use counterfoil::ChainId;
use counterfoil::signer::{Ed25519Signer, Signer, VerifierKey};
use serde::Serialize;

use crate::args::Output;
use crate::escape::Escaped;
use crate::failure::{Code, Exit, Failure, chain};
use crate::result;

/// The document `counterfoil.key`.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: u32,
    /// `log`, `record`, `epoch`, `witness`, or `other` for a name that is none of a log's.
    role: &'a str,
    name: &'a str,
    id: String,
    vkey: String,
    file: String,
}

/// Reads a key file.
pub(super) fn read(file: &Path) -> Result<Ed25519Signer, Failure> {
    Ed25519Signer::from_file(file).map_err(|error| refused(&error))
}

/// A key that cannot be used as it is.
pub(super) fn refused(error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Policy, chain(error)).with_code(Code::KeyFile)
}

/// The public half of a key; of a witness's, as its cosignatures name it.
pub(super) fn public(signer: &Ed25519Signer, of_witness: bool) -> Result<VerifierKey, Failure> {
    let key = signer.verifier_key().ok_or_else(|| {
        Failure::new(Exit::Policy, "the key has no public half").with_code(Code::KeyFile)
    })?;
    Ok(if of_witness {
        key.as_cosigner()
    } else {
        key.clone()
    })
}

/// The role that a name gives a key. Only a chain's own name is beyond doubt: `…/epoch/7` is a chain's name as well.
fn role_of(name: &str) -> &'static str {
    let is_chain = |name: &str| ChainId::new(name).is_ok();
    if name.strip_suffix("/record").is_some_and(is_chain) {
        return "record";
    }
    let epoch = name.rsplit_once("/epoch/");
    if epoch.is_some_and(|(chain, number)| is_chain(chain) && number.parse::<u64>().is_ok()) {
        return "epoch";
    }
    if is_chain(name) { "log" } else { "other" }
}

/// Prints what a key is. A name in a key file may be anybody's, so it is escaped.
pub(super) fn print(
    key: &VerifierKey,
    of_witness: bool,
    file: &Path,
    output: Output,
) -> Result<(), Failure> {
    let role = if of_witness {
        "witness"
    } else {
        role_of(key.name())
    };
    let document = Document {
        schema: "counterfoil.key",
        version: 1,
        role,
        name: key.name(),
        id: key.id().to_string(),
        vkey: key.to_string(),
        file: file.display().to_string(),
    };
    let text = match output {
        Output::Json => result::json(&document)?,
        Output::Text => {
            let mut text = String::new();
            let lines = [
                ("role", document.role),
                ("name", document.name),
                ("id", &document.id),
                ("file", &document.file),
                ("vkey", &document.vkey),
            ];
            for (what, value) in lines {
                // Writing to a string does not fail.
                let _always_fits = writeln!(text, "{what:<4}  {}", Escaped(value));
            }
            text
        }
    };
    result::print(&text)
}
