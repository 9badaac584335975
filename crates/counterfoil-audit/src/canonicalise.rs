//! A repaired copy of records that another program has written again (audit specification §13).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::rc::Rc;

use counterfoil_merkle::leaf_hash;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::body::json::JsonOut;
use crate::body::view::BodyReader;
use crate::line::LineView;
use crate::value::MAX_INTEGER;
use crate::{Error, ErrorKind};

/// Longest text of one record: the longest body with every character escaped, and room for indentation.
const MAX_RECORD: usize = 1 << 20;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What [`canonicalise`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Canonicalised {
    /// Records that were read, and written.
    pub records: u64,
    /// Records that differed in space between their parts, or in the ends of their lines, and in nothing else.
    pub respaced: u64,
    /// Records that differed in the order of members, in escapes, or in how numbers are written.
    pub rewritten: u64,
    /// Whether a byte order mark was left out.
    pub byte_order_mark: bool,
    /// Records whose canonical body does not have the hash that they state: more than their form was changed.
    pub mismatched: u64,
    /// The first of these, counted from 1 in the order of the file.
    pub first_mismatched: Option<u64>,
}

/// Reads records in any form of JSON, whatever stands between them, and writes them as canonical lines.
///
/// Bodies keep their content and hashes stay as they are stated, so the outcome verifies exactly if nothing but the form was
/// changed. Memory is bounded by one record of at most 1 MiB.
///
/// # Errors
/// [`ErrorKind::Invalid`] for what no canonical form has: a key that stands twice, a number that is no integer of at most
/// 2^53−1 in magnitude, a text that is no JSON, an object that is no record. It says which record that is; what was written up to
/// there is of no use. [`ErrorKind::Io`] when reading or writing fails.
pub fn canonicalise(input: impl Read, mut output: impl Write) -> Result<Canonicalised, Error> {
    let mut input = BufReader::new(input);
    let mut done = Canonicalised {
        byte_order_mark: skip_mark(&mut input).map_err(io_failed)?,
        ..Canonicalised::default()
    };
    let seen = Rc::new(RefCell::new(Vec::new()));
    let tap = Tap {
        inner: input,
        seen: Rc::clone(&seen),
    };
    let mut reader = BodyReader::default();
    for json in serde_json::Deserializer::from_reader(tap).into_iter::<Json>() {
        let number = done.records + 1;
        let refused = |why: String| {
            Error::invalid(
                "canonicalise a file",
                format!("record {number} of it cannot be repaired: {why}"),
            )
        };
        let json = json.map_err(|error| match error.is_io() {
            true if seen.borrow().len() < MAX_RECORD => io_failed(error.into()),
            _ => refused(error.to_string()),
        })?;
        let line = Line::of(&json, &mut reader).map_err(refused)?;
        output.write_all(&line.bytes).map_err(io_failed)?;
        done.count(&line, &seen.borrow());
        seen.borrow_mut().clear();
    }
    output.flush().map_err(io_failed)?;
    Ok(done)
}

/// Whether these bytes are a record in another form than the canonical one, with the content that its hash vouches for.
pub(crate) fn is_reserialised(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    serde_json::from_slice::<Json>(bytes)
        .ok()
        .and_then(|json| Line::of(&json, &mut BodyReader::default()).ok())
        .is_some_and(|line| line.hash_holds)
}

impl Canonicalised {
    fn count(&mut self, line: &Line, seen: &[u8]) {
        self.records += 1;
        if !line.hash_holds {
            self.mismatched += 1;
            self.first_mismatched.get_or_insert(self.records);
        }
        let same = seen.strip_prefix(b"\n").unwrap_or(seen);
        let canonical = &line.bytes[..line.bytes.len() - 1];
        if same == canonical {
            return;
        }
        if without_space(seen) == canonical {
            self.respaced += 1;
        } else {
            self.rewritten += 1;
        }
    }
}

/// A canonical line.
struct Line {
    bytes: Vec<u8>,
    hash_holds: bool,
}

impl Line {
    fn of(json: &Json, reader: &mut BodyReader) -> Result<Self, String> {
        let mut bytes = Vec::new();
        json.write(&mut JsonOut::new(&mut bytes));
        bytes.push(b'\n');
        let bad =
            |at: usize, expected| format!("byte {at} of its canonical line should be {expected}");
        let view = LineView::parse(&bytes).map_err(|error| bad(error.at, error.expected))?;
        reader
            .read(view.body)
            .map_err(|error| bad(error.at + 8, error.expected))?;
        let hash_holds = view.hash == &leaf_hash(view.body).to_hex();
        Ok(Self { bytes, hash_holds })
    }
}

/// JSON of which nothing is lost and nothing is guessed.
enum Json {
    Bool(bool),
    Integer(i64),
    Text(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

impl Json {
    fn write(&self, out: &mut JsonOut<'_>) {
        match self {
            Self::Bool(true) => out.raw(b"true"),
            Self::Bool(false) => out.raw(b"false"),
            Self::Integer(value) => out.integer(*value),
            Self::Text(text) => out.string(text),
            Self::Array(values) => {
                out.raw(b"[");
                for value in values {
                    out.separate();
                    value.write(out);
                }
                out.raw(b"]");
            }
            Self::Object(members) => {
                out.open();
                for (key, value) in members {
                    out.separate();
                    out.string(key);
                    out.raw(b":");
                    value.write(out);
                }
                out.close();
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, integer, boolean, array or object")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Json, E> {
        if value.unsigned_abs() > MAX_INTEGER {
            return Err(out_of_range(value));
        }
        Ok(Json::Integer(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Json, E> {
        i64::try_from(value)
            .map_or_else(|_| Err(out_of_range(value)), |value| self.visit_i64(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Json, E> {
        // 1.0 and 1e2 are integers that a writer of floats wrote. Below 2^53 no other integer has the same text.
        let integral = value.fract() == 0.0 && value.abs() <= MAX_INTEGER as f64;
        if !integral || value == 0.0 && value.is_sign_negative() {
            return Err(out_of_range(value));
        }
        Ok(Json::Integer(value as i64))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(value) = values.next_element()? {
            array.push(value);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = BTreeMap::new();
        while let Some((key, value)) = members.next_entry::<String, Json>()? {
            if object.contains_key(&key) {
                return Err(de::Error::custom(format_args!(
                    "the key {key:?} stands twice in one object"
                )));
            }
            object.insert(key, value);
        }
        Ok(Json::Object(object))
    }
}

fn out_of_range<E: de::Error>(value: impl fmt::Display) -> E {
    E::custom(format_args!(
        "the number {value} is no integer of at most 2^53-1 in magnitude"
    ))
}

/// Keeps what was read of the record at hand, and reads no more than a record may have.
struct Tap<R> {
    inner: R,
    seen: Rc<RefCell<Vec<u8>>>,
}

impl<R: Read> Read for Tap<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut seen = self.seen.borrow_mut();
        let room = MAX_RECORD - seen.len();
        if room == 0 {
            return Err(io::Error::other("it is longer than 1 MiB"));
        }
        let most = buf.len().min(room);
        let read = self.inner.read(&mut buf[..most])?;
        seen.extend_from_slice(&buf[..read]);
        Ok(read)
    }
}

fn skip_mark(input: &mut BufReader<impl Read>) -> io::Result<bool> {
    let marked = input.fill_buf()?.starts_with(BYTE_ORDER_MARK);
    if marked {
        input.consume(BYTE_ORDER_MARK.len());
    }
    Ok(marked)
}

/// JSON without the space outside of its strings.
fn without_space(json: &[u8]) -> Vec<u8> {
    let (mut within, mut escaped) = (false, false);
    let keep = |byte: &&u8| {
        let kept = within || !byte.is_ascii_whitespace();
        within ^= **byte == b'"' && !escaped;
        escaped = within && **byte == b'\\' && !escaped;
        kept
    };
    json.iter().filter(keep).copied().collect()
}

fn io_failed(error: io::Error) -> Error {
    Error::new(ErrorKind::Io, "canonicalise a file", error.to_string()).with_source(error)
}
