//! Reading files that somebody else chose.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// The bytes of a regular file of bounded length: a pipe would be waited for, and a device might never end. What it is is
/// asked before opening, which must not wait, and once more of what was opened.
pub(crate) fn bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let require_regular = |metadata: &fs::Metadata| {
        let regular = metadata.is_file().then_some(());
        regular.ok_or_else(|| io::Error::other("it is no regular file"))
    };
    require_regular(&fs::metadata(path)?)?;
    let file = fs::File::open(path)?;
    require_regular(&file.metadata()?)?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!("it is longer than {most} bytes")));
    }
    Ok(bytes)
}
