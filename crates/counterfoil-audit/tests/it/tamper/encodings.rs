//! Other spellings of what a line says: a reader that re-encodes before it hashes would take them for the same.

use counterfoil_audit::verify::Reason;

use super::forgery::{body, edited, with_body};
use super::subject::{Kind, Recipe, assert_found, tampered};

/// Another spelling of a line; `None` where it has none. The hash is made anew, so that only the grammar is left to tell.
type Spelling = fn(&[u8]) -> Option<Vec<u8>>;

const OF_ANY_LINE: [(&str, Spelling); 24] = [
    ("1.0", |line| edited(line, "\"v\":1,", "\"v\":1.0,")),
    ("1e0", |line| edited(line, "\"v\":1,", "\"v\":1e0,")),
    ("01", |line| edited(line, "\"v\":1,", "\"v\":01,")),
    ("+1", |line| edited(line, "\"v\":1,", "\"v\":+1,")),
    ("space behind a colon", |line| {
        edited(line, "\"v\":1", "\"v\": 1")
    }),
    ("space behind a comma", |line| {
        edited(line, ",\"v\"", ", \"v\"")
    }),
    ("line separator", |line| edited(line, ",\"v\"", ",\t\"v\"")),
    ("order of keys", |line| {
        let text = std::str::from_utf8(body(line)).unwrap();
        let (before, who) = text.split_once("\"v\":1,\"who\":")?;
        let who = who.strip_suffix('}')?;
        let swapped = format!("{before}\"who\":{who},\"v\":1}}");
        Some(with_body(line, swapped.as_bytes()))
    }),
    ("order of members", |line| {
        edited(line, "\"v\":1,", "")
            .and_then(|line| edited(&line, "{\"chain\"", "{\"v\":1,\"chain\""))
    }),
    ("member twice", |line| {
        edited(line, "\"v\":1,", "\"v\":1,\"v\":1,")
    }),
    ("null for what is absent", |line| {
        edited(line, "\"who\":{", "\"who\":{\"from\":null,")
    }),
    ("escaped letter in a key", |line| {
        edited(line, "\"chain\"", "\"\\u0063hain\"")
    }),
    ("escaped letter in a value", |line| {
        edited(line, "\"audit.", "\"\\u0061udit.")
    }),
    ("escaped slash", |line| edited(line, "a1/", "a1\\/")),
    ("escaped letter in capitals", |line| {
        edited(line, "\"success\"", "\"\\u0073uccess\"")
    }),
    ("body as a string", |line| {
        let text = std::str::from_utf8(body(line)).unwrap();
        Some(with_body(line, format!("{text:?}").as_bytes()))
    }),
    ("two body members", |line| {
        Some([b"{\"body\":", body(line), b",", &line[1..]].concat())
    }),
    ("two body members under one hash", |line| {
        let twice = [body(line), b",\"body\":", body(line)].concat();
        Some(with_body(line, &twice))
    }),
    ("byte order mark", |line| {
        Some([b"\xef\xbb\xbf", line].concat())
    }),
    ("CR LF", |line| {
        Some([&line[..line.len() - 1], b"\r\n"].concat())
    }),
    ("space at the end", |line| {
        Some([&line[..line.len() - 1], b" \n"].concat())
    }),
    ("space at the front", |line| Some([b" ", line].concat())),
    ("escaped member name", |line| {
        Some([b"{\"\\u0062ody\":", &line[8..]].concat())
    }),
    ("hash in capitals", |line| {
        let at = 8 + body(line).len() + 9;
        let mut line = line.to_vec();
        line[at..at + 64].make_ascii_uppercase();
        Some(line)
    }),
];

/// Spellings of the member `sig`; offsets count from the end of the line.
const OF_A_SIGNED_LINE: [(&str, Spelling); 7] = [
    ("base64 with bits left over", |line| {
        let at = line.len() - 7;
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let value = alphabet.iter().position(|letter| *letter == line[at])?;
        let mut line = line.to_vec();
        line[at] = alphabet[value | 1];
        Some(line)
    }),
    ("base64 without padding", |line| {
        Some([&line[..line.len() - 6], b"\"}}\n"].concat())
    }),
    ("base64 with another digit for padding", |line| {
        let mut line = line.to_vec();
        let at = line.len() - 5;
        line[at] = b'A';
        Some(line)
    }),
    ("base64 of the URL alphabet", |line| {
        let from = line.len() - 92;
        let at = from
            + line[from..]
                .iter()
                .position(|letter| matches!(letter, b'+' | b'/'))?;
        let mut line = line.to_vec();
        line[at] = if line[at] == b'+' { b'-' } else { b'_' };
        Some(line)
    }),
    ("key id in capitals", |line| {
        let mut line = line.to_vec();
        let at = line.len() - 111;
        line[at..at + 8].make_ascii_uppercase();
        Some(line)
    }),
    ("members of sig in another order", |line| {
        let text = std::str::from_utf8(line).ok()?;
        let (before, key) = text.split_once("\"alg\":\"ed25519\",")?;
        let (key, value) = key.split_once(",\"value\"")?;
        Some(format!("{before}{key},\"alg\":\"ed25519\",\"value\"{value}").into())
    }),
    ("sig that is null", |line| {
        Some([&line[..line.len() - 142], b",\"sig\":null}\n"].concat())
    }),
];

fn every_spelling(kind: Kind, spellings: &[(&str, Spelling)]) {
    let subject = Recipe::new(kind, 10).make();
    for (name, spell) in spellings {
        let mut tried = 0;
        for index in 0..subject.lines.len() {
            let mut lines = subject.lines.clone();
            let Some(spelt) = spell(&lines[index]).filter(|spelt| *spelt != lines[index]) else {
                continue;
            };
            lines[index] = spelt;
            let position = index as u64 + 1;
            let what = format!("{kind:?}: {name} in record {position}");
            let report = subject.judge(&lines.concat());
            assert_found(&what, &report, tampered(Reason::Grammar, position));
            tried += 1;
        }
        assert!(tried > 0, "{name} was never tried");
    }
}

#[test]
fn another_encoding_of_an_equal_value_is_malformed_in_any_record() {
    for kind in [Kind::Unsigned, Kind::Records] {
        every_spelling(kind, &OF_ANY_LINE);
    }
}

#[test]
fn another_encoding_of_a_signature_is_malformed_in_any_record() {
    for kind in [Kind::Records, Kind::BareSigned] {
        every_spelling(kind, &OF_A_SIGNED_LINE);
    }
}
