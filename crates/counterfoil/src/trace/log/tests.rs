//! Every Unicode scalar value, wherever a line shows text.

use counterfoil_core::json::is_deceptive;
use counterfoil_core::{Attribute, Timestamp, Unredacted};
use tracing::Level;

use super::{Colour, Line, LogFormat, LogLines, LogWriter, SpanText, Spans, Stamp};

/// All scalar values, some hundred at a time.
fn texts() -> impl Iterator<Item = String> {
    let all: Vec<char> = ('\0'..=char::MAX).collect();
    let texts: Vec<_> = all
        .chunks(128)
        .map(|chunk| chunk.iter().collect())
        .collect();
    texts.into_iter()
}

/// The line in which `text` stands in every place, names included, which no macro of `tracing` takes from a variable.
fn everywhere(text: &str, format: LogFormat) -> String {
    let fields = [
        Attribute::new(text.to_owned(), text.to_owned()),
        Attribute::new("plain", 1_i64),
    ];
    let line = Line {
        time: Timestamp::from_unix_seconds(0),
        level: Level::INFO,
        target: text,
        stamp: &Stamp::default(),
        message: text,
        fields: &fields,
        dropped: 0,
    };
    let span = SpanText {
        name: "span",
        given: Some(text),
        fields: &fields,
    };
    let spans: Spans<'_> = &|each| each(&span);
    let lines = LogLines::new(format, LogWriter::new(std::io::sink())).colour(Colour::Never);
    let mut out = String::new();
    lines
        .build()
        .push(&line, spans, 1 << 20, &Unredacted, &mut out);
    out
}

fn assert_harmless(line: &str) {
    let shown = line
        .strip_suffix('\n')
        .expect("a line ends with a line feed");
    let bad = shown.chars().find(|c| c.is_control() || is_deceptive(*c));
    assert_eq!(bad, None, "{shown}");
}

#[test]
fn a_text_line_shows_every_scalar_value_harmlessly_and_none_is_lost() {
    for text in texts() {
        let line = everywhere(&text, LogFormat::Text);
        assert_harmless(&line);
        // Target, message, and in span and line each name and value: seven places.
        assert_eq!(unescaped(&line).matches(&text).count(), 7, "{line}");
    }
}

/// The text that an escaped one stands for.
fn unescaped(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next().expect("something is escaped") {
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'u' => {
                let code: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                let code = u32::from_str_radix(&code, 16).expect("hexadecimal");
                out.push(char::from_u32(code).expect("a scalar value"));
            }
            itself => out.push(itself),
        }
    }
    out
}

#[test]
fn a_json_line_shows_every_scalar_value_harmlessly_and_parses_to_what_it_was() {
    for text in texts() {
        let line = everywhere(&text, LogFormat::Json);
        assert_harmless(&line);
        let json: serde_json::Value = serde_json::from_str(&line).expect("it is JSON");
        for place in [
            &json["target"],
            &json["message"],
            &json["fields"][&text],
            &json["spans"][0]["name"],
            &json["spans"][0]["fields"][&text],
        ] {
            assert_eq!(place.as_str(), Some(&*text), "{line}");
        }
    }
}
