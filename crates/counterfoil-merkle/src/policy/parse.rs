//! Reading a policy, line by line.

use super::{
    Group, MAX_DEFINITIONS, MAX_POLICY_LEN, Member, NONE, Policy, PolicyLog, PolicyWitness,
};
use crate::note::{KeyType, VerifierKey};
use crate::{Error, decimal};

const PARSE: &str = "parse a trust policy";

impl Policy {
    /// Parses the bytes of a policy file.
    ///
    /// # Errors
    /// When a line breaks a rule of the format, or a limit is exceeded; the message names the line and the reason.
    pub fn parse(file: &[u8]) -> Result<Self, Error> {
        if file.len() > MAX_POLICY_LEN {
            return Err(Error::too_large(
                PARSE,
                format!("it has {} bytes; the limit is {MAX_POLICY_LEN}", file.len()),
            ));
        }
        let mut lines: Vec<&[u8]> = file.split(|byte| *byte == b'\n').collect();
        if lines.pop().is_some_and(|behind| !behind.is_empty()) {
            return Err(Error::invalid(
                PARSE,
                "the last line does not end with a line feed; was the file cut off?",
            ));
        }
        let mut reader = Reader::default();
        for (number, line) in (1..).zip(lines) {
            reader
                .line(line)
                .map_err(|why| Error::invalid(PARSE, format!("line {number}: {why}")))?;
        }
        reader.finish()
    }
}

/// What the lines read so far define.
#[derive(Default)]
struct Reader {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    quorum: Option<Option<Member>>,
}

impl Reader {
    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        if let Some(byte) = line
            .iter()
            .find(|byte| matches!(byte, 0..=8 | 10..=31 | 127))
        {
            return Err(format!(
                "it holds the control character 0x{byte:02x}; only tab and line feed are allowed"
            ));
        }
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        match line.iter().find(|byte| !blank(byte)) {
            None | Some(b'#') => return Ok(()),
            Some(_) => {}
        }
        let line = std::str::from_utf8(line)
            .map_err(|_| "it is not UTF-8, which only a comment may be".to_owned())?;
        let items: Vec<&str> = line
            .split([' ', '\t'])
            .filter(|item| !item.is_empty())
            .collect();
        match items[..] {
            ["log", key] => self.log(key, None),
            ["log", key, url] => self.log(key, Some(url)),
            ["witness", name, key] => self.witness(name, key, None),
            ["witness", name, key, url] => self.witness(name, key, Some(url)),
            ["group", name, threshold, ref members @ ..] => self.group(name, threshold, members),
            ["quorum", name] => self.quorum(name),
            ["log", ..] => Err("a log line is: log <vkey> [<url>]".to_owned()),
            ["witness", ..] => Err("a witness line is: witness <name> <vkey> [<url>]".to_owned()),
            ["group", ..] => {
                Err("a group line is: group <name> all|any|<k> <member>...".to_owned())
            }
            ["quorum", ..] => Err("a quorum line is: quorum <name>, or quorum none".to_owned()),
            _ => Err(format!(
                "it begins with {:?}, which is none of log, witness, group and quorum",
                beginning(items[0])
            )),
        }
    }

    fn log(&mut self, key: &str, url: Option<&str>) -> Result<(), String> {
        let key = key_of(key, KeyType::Ed25519, "log")?;
        if let Some(other) = self
            .logs
            .iter()
            .find(|log| log.key.public_key() == key.public_key())
        {
            return Err(format!(
                "the public key is that of the log {:?} already; name each log once",
                other.key.name()
            ));
        }
        bounded(self.logs.len(), "logs")?;
        self.logs.push(PolicyLog {
            key,
            url: url.map(str::to_owned),
        });
        Ok(())
    }

    fn witness(&mut self, name: &str, key: &str, url: Option<&str>) -> Result<(), String> {
        self.check_new(name)?;
        let key = key_of(key, KeyType::Ed25519Cosignature, "witness")?;
        if let Some(other) = self
            .witnesses
            .iter()
            .find(|witness| witness.key.public_key() == key.public_key())
        {
            return Err(format!(
                "the public key is that of the witness {:?} already; it must not count twice",
                other.name
            ));
        }
        bounded(self.witnesses.len(), "witnesses")?;
        self.witnesses.push(PolicyWitness {
            name: name.to_owned(),
            key,
            url: url.map(str::to_owned),
        });
        Ok(())
    }

    fn group(&mut self, name: &str, threshold: &str, names: &[&str]) -> Result<(), String> {
        self.check_new(name)?;
        if names.is_empty() {
            return Err(format!("the group {name:?} has no member"));
        }
        let mut members = Vec::with_capacity(names.len().min(MAX_DEFINITIONS));
        for name in names {
            let member = self.find(name)?;
            let taken = self
                .groups
                .iter()
                .find(|group| group.members.contains(&member));
            if let Some(group) = taken {
                return Err(format!(
                    "{name:?} is a member of the group {:?} already; it must not count twice",
                    group.name
                ));
            }
            if members.contains(&member) {
                return Err(format!("{name:?} is named twice; it must not count twice"));
            }
            members.push(member);
        }
        let threshold = match threshold {
            "all" => members.len(),
            "any" => 1,
            k => decimal::parse(k)
                .and_then(|k| usize::try_from(k).ok())
                .filter(|k| (1..=members.len()).contains(k))
                .ok_or_else(|| {
                    format!(
                        "{k:?} is neither all, nor any, nor a number from 1 to {}, the number of members",
                        members.len()
                    )
                })?,
        };
        bounded(self.groups.len(), "groups")?;
        self.groups.push(Group {
            name: name.to_owned(),
            threshold,
            members,
        });
        Ok(())
    }

    fn quorum(&mut self, name: &str) -> Result<(), String> {
        if self.quorum.is_some() {
            return Err("there is a quorum line already; a policy has exactly one".to_owned());
        }
        self.quorum = Some(match name {
            NONE => None,
            name => Some(self.find(name)?),
        });
        Ok(())
    }

    fn finish(self) -> Result<Policy, Error> {
        let quorum = self.quorum.ok_or_else(|| {
            Error::invalid(
                PARSE,
                "it has no quorum line; write \"quorum none\" to ask for no witness",
            )
        })?;
        Ok(Policy {
            logs: self.logs,
            witnesses: self.witnesses,
            groups: self.groups,
            quorum,
        })
    }

    fn find(&self, name: &str) -> Result<Member, String> {
        let witness = self.witnesses.iter().position(|other| other.name == name);
        let group = || self.groups.iter().position(|other| other.name == name);
        witness
            .map(Member::Witness)
            .or_else(|| group().map(Member::Group))
            .ok_or_else(|| match name {
                NONE => "none is no member of a group".to_owned(),
                _ => format!("{name:?} is not defined on a line before"),
            })
    }

    fn check_new(&self, name: &str) -> Result<(), String> {
        if name == NONE {
            return Err("none is the name of the quorum that asks for no witness".to_owned());
        }
        if self.find(name).is_ok() {
            return Err(format!("the name {name:?} is defined already"));
        }
        Ok(())
    }
}

fn key_of(text: &str, key_type: KeyType, role: &str) -> Result<VerifierKey, String> {
    let key: VerifierKey = text.parse().map_err(|error: Error| error.to_string())?;
    if key.key_type() == key_type {
        return Ok(key);
    }
    Err(format!(
        "the key of a {role} is of type 0x{:02x}, not of 0x{:02x} as {} is",
        key_type.byte(),
        key.key_type().byte(),
        key.name()
    ))
}

/// As much of a word as tells a reader which line it is; the file may be anything.
fn beginning(word: &str) -> &str {
    let end = word.char_indices().nth(32).map_or(word.len(), |(at, _)| at);
    &word[..end]
}

fn bounded(count: usize, what: &str) -> Result<(), String> {
    if count < MAX_DEFINITIONS {
        return Ok(());
    }
    Err(format!("there are more than {MAX_DEFINITIONS} {what}"))
}
