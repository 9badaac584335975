//! Pages as a scraper understands them, to compare two that are written differently.

use std::collections::BTreeMap;

/// A sample's name and labels, the labels sorted and unescaped.
pub(crate) type Id = (String, Vec<(String, String)>);

/// Everything that a page in the classic format says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Parsed {
    pub(crate) types: BTreeMap<String, String>,
    pub(crate) help: BTreeMap<String, String>,
    pub(crate) samples: BTreeMap<Id, f64>,
}

impl Parsed {
    /// Parses a page that is in the classic format; panics where it is not.
    pub(crate) fn of(text: &str) -> Self {
        let mut parsed = Self::default();
        for line in text.lines().filter(|it| !it.is_empty()) {
            match line.strip_prefix("# ").map(|it| it.splitn(3, ' ')) {
                Some(mut words) => {
                    let (what, name) = (words.next().unwrap(), words.next().unwrap());
                    let text = words.next().unwrap_or_default().to_owned();
                    match what {
                        "TYPE" => assert_eq!(parsed.types.insert(name.into(), text), None),
                        "HELP" => assert_eq!(parsed.help.insert(name.into(), text), None),
                        other => panic!("{other} in {line}"),
                    }
                }
                None => {
                    let (id, value) = sample(line);
                    assert_eq!(parsed.samples.insert(id, value), None, "{line}");
                }
            }
        }
        parsed
    }

    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()));
        self.samples.get(&(name.into(), labels.collect())).copied()
    }
}

fn sample(line: &str) -> (Id, f64) {
    let (head, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = match head.split_once('{') {
        Some((name, labels)) => (name, parse_labels(labels.strip_suffix('}').unwrap())),
        None => (head, Vec::new()),
    };
    ((name.into(), labels), value.parse().unwrap())
}

fn parse_labels(mut text: &str) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    while let Some((key, rest)) = text.split_once("=\"") {
        let (mut value, mut chars) = (String::new(), rest.char_indices());
        let end = loop {
            match chars.next().unwrap() {
                (_, '\\') => match chars.next().unwrap().1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (at, '"') => break at,
                (_, other) => value.push(other),
            }
        };
        if key == "le" {
            value = value.parse::<f64>().unwrap().to_string();
        }
        labels.push((key.into(), value));
        text = rest[end + 1..].trim_start_matches(',');
    }
    labels.sort();
    labels
}
