//! Another library's page in the classic format, beside ours.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use crate::Format;
use crate::text::escape_value;

/// The longest page that is taken over, in bytes.
const PAGE_MAX: usize = 16 << 20;

/// Appends a page in the classic format, without the families whose names are taken and the lines that cannot be read.
pub(crate) fn push(out: &mut String, page: &str, format: Format, taken: &HashSet<String>) {
    let comment = |out: &mut String, what: std::fmt::Arguments<'_>| {
        if format == Format::Classic {
            append(out, format_args!("# {what}\n"));
        }
    };
    if page.len() > PAGE_MAX {
        return comment(
            out,
            format_args!("another page is left out: it has more than {PAGE_MAX} bytes"),
        );
    }
    let page = Page::parse(page);
    // `foo` and `foo_total` are two families in the classic format and one in OpenMetrics.
    let mut theirs = HashSet::new();
    for family in &page.families {
        let names = family.names(format);
        match names
            .iter()
            .find(|name| taken.contains(**name) || theirs.contains(**name))
        {
            Some(name) => comment(
                out,
                format_args!(
                    "{} of another page is left out: another metric is called {name} as well",
                    family.name
                ),
            ),
            None => {
                family.render(format, out);
                theirs.extend(names);
            }
        }
    }
    if page.unread > 0 {
        comment(
            out,
            format_args!("lines of another page that cannot be read: {}", page.unread),
        );
    }
}

fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    out.write_fmt(text).ok();
}

/// Families in the order in which they came, each with all of its samples.
#[derive(Default)]
struct Page<'a> {
    families: Vec<Family<'a>>,
    by_name: HashMap<&'a str, usize>,
    unread: usize,
}

struct Family<'a> {
    name: &'a str,
    kind: &'a str,
    help: Option<&'a str>,
    samples: Vec<Sample<'a>>,
}

struct Sample<'a> {
    name: &'a str,
    /// With its braces; empty without labels.
    labels: &'a str,
    value: &'a str,
    millis: Option<i64>,
}

impl<'a> Page<'a> {
    fn parse(text: &'a str) -> Self {
        let mut page = Self::default();
        for line in text.lines().map(str::trim).filter(|it| !it.is_empty()) {
            if page.take(line).is_none() {
                page.unread += 1;
            }
        }
        page.families.retain(|it| !it.samples.is_empty());
        page
    }

    fn take(&mut self, line: &'a str) -> Option<()> {
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.trim_start().splitn(3, [' ', '\t']);
            let what = words.next();
            match what {
                Some("HELP") => {
                    let name = words.next().filter(|it| is_name(it))?;
                    self.family(name).help = Some(words.next().unwrap_or_default());
                }
                Some("TYPE") => {
                    let name = words.next().filter(|it| is_name(it))?;
                    let kind = words.next().filter(|it| KINDS.contains(it))?;
                    self.family(name).kind = kind;
                }
                _ => {}
            }
            return Some(());
        }
        let sample = Sample::parse(line)?;
        let family = self.family_of(sample.name);
        family.samples.push(sample);
        Some(())
    }

    fn family(&mut self, name: &'a str) -> &mut Family<'a> {
        let next = self.families.len();
        let at = *self.by_name.entry(name).or_insert(next);
        if at == next {
            self.families.push(Family {
                name,
                kind: "untyped",
                help: None,
                samples: Vec::new(),
            });
        }
        &mut self.families[at]
    }

    /// The family that a sample of this name belongs to: a histogram or summary whose sample it is, or one of its own.
    fn family_of(&mut self, sample: &'a str) -> &mut Family<'a> {
        let distribution = SUFFIXES.iter().find_map(|(suffix, kinds)| {
            let name = sample.strip_suffix(suffix)?;
            let at = *self.by_name.get(name)?;
            kinds.contains(&self.families[at].kind).then_some(name)
        });
        self.family(distribution.unwrap_or(sample))
    }
}

const KINDS: [&str; 5] = ["counter", "gauge", "histogram", "summary", "untyped"];
/// What the names of samples end in, and in families of which type.
const SUFFIXES: [(&str, &[&str]); 3] = [
    ("_bucket", &["histogram"]),
    ("_sum", &["histogram", "summary"]),
    ("_count", &["histogram", "summary"]),
];

impl<'a> Family<'a> {
    /// A counter that OpenMetrics would not call one.
    fn is_misnamed(&self) -> bool {
        self.kind == "counter" && !self.name.ends_with("_total")
    }

    fn name_in(&self, format: Format) -> &'a str {
        match format {
            Format::OpenMetrics if self.kind == "counter" => {
                self.name.strip_suffix("_total").unwrap_or(self.name)
            }
            _ => self.name,
        }
    }

    /// The names that it takes on a page: its own and those of its samples.
    fn names(&self, format: Format) -> Vec<&'a str> {
        let mut names: Vec<_> = self.samples.iter().map(|it| it.name).collect();
        names.push(self.name_in(format));
        names.dedup();
        names
    }

    fn render(&self, format: Format, out: &mut String) {
        let name = self.name_in(format);
        let kind = match format {
            Format::Classic => self.kind,
            Format::OpenMetrics if self.kind == "untyped" || self.is_misnamed() => "unknown",
            Format::OpenMetrics => self.kind,
        };
        if let Some(help) = self.help {
            let help = match format {
                Format::Classic => help.to_owned(),
                Format::OpenMetrics => escape_value(&unescape_help(help)),
            };
            append(out, format_args!("# HELP {name} {help}\n"));
        }
        append(out, format_args!("# TYPE {name} {kind}\n"));
        for sample in &self.samples {
            sample.render(format, out);
        }
    }
}

impl<'a> Sample<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let end = line.find(['{', ' ', '\t'])?;
        let (name, rest) = line.split_at(end);
        let rest = rest.trim_start();
        let (labels, rest) = match rest.starts_with('{') {
            true => rest.split_at(labels_end(rest)?),
            false => ("", rest),
        };
        let mut words = rest.split_ascii_whitespace();
        let value = words.next().filter(|it| it.parse::<f64>().is_ok())?;
        let millis = words.next().map(str::parse).transpose().ok()?;
        (is_name(name) && words.next().is_none()).then_some(Self {
            name,
            labels,
            value,
            millis,
        })
    }

    fn render(&self, format: Format, out: &mut String) {
        let Self {
            name,
            labels,
            value,
            millis,
        } = self;
        append(out, format_args!("{name}{labels} {value}"));
        match (millis, format) {
            (None, _) => {}
            (Some(millis), Format::Classic) => append(out, format_args!(" {millis}")),
            (Some(millis), Format::OpenMetrics) => {
                let sign = if *millis < 0 { "-" } else { "" };
                let (seconds, rest) =
                    (millis.unsigned_abs() / 1_000, millis.unsigned_abs() % 1_000);
                append(out, format_args!(" {sign}{seconds}.{rest:03}"));
            }
        }
        out.push('\n');
    }
}

/// Where a label set ends that `text` begins with, if it is written as both formats want it: `{name="value",…}` with `\\`,
/// `\"` and `\n` as the only escapes, and without blanks.
fn labels_end(text: &str) -> Option<usize> {
    let mut rest = text.strip_prefix('{')?;
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some(text.len() - after.len());
        }
        let (key, after) = rest.split_once("=\"")?;
        if !is_name(key) || key.contains(':') {
            return None;
        }
        rest = &after[value_end(after)? + 1..];
        rest = match rest.strip_prefix(',') {
            // A comma before the brace is only allowed in the classic format.
            Some(more) if !more.starts_with('}') => more,
            Some(_) => return None,
            None => rest,
        };
    }
}

/// Where the quotation mark stands that ends a value.
fn value_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match (escaped, byte) {
            (true, b'\\' | b'"' | b'n') => escaped = false,
            (true, _) => return None,
            (false, b'\\') => escaped = true,
            (false, b'"') => return Some(at),
            (false, _) => {}
        }
    }
    None
}

fn is_name(text: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte == b':';
    text.bytes().next().is_some_and(first)
        && text.bytes().all(|it| first(it) || it.is_ascii_digit())
}

/// Help text of the classic format, in which only a backslash and a line feed are escaped.
fn unescape_help(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('n')) => {
                chars.next();
                out.push('\n');
            }
            ('\\', Some('\\')) => {
                chars.next();
                out.push('\\');
            }
            _ => out.push(c),
        }
    }
    out
}
