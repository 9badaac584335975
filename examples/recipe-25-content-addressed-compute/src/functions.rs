//! The functions that recipes name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::Parameters;
use crate::address::sha256;

/// Computes a value from inputs and parameters, or says why it does not. It must give the same for the same every time.
pub type Function = dyn Fn(&[Bytes], &Parameters) -> Result<Bytes, String> + Send + Sync;

/// The functions of a server by name and version. Cheap to clone.
#[derive(Clone)]
pub struct Functions(BTreeMap<String, Arc<Function>>);

impl Functions {
    /// Those that every server has.
    #[must_use]
    pub fn standard() -> Self {
        Self(BTreeMap::new())
            .with("identity/v1", |inputs, _| only(inputs).cloned())
            .with("concat/v1", concat)
            .with("transform/v1", transform)
            .with("sha256/v1", |inputs, _| {
                Ok(sha256(only(inputs)?).to_string().into())
            })
            .with("word-count/v1", word_count)
    }

    /// The same with one more, or another one under this name.
    #[must_use]
    pub fn with(
        mut self,
        name: &str,
        function: impl Fn(&[Bytes], &Parameters) -> Result<Bytes, String> + Send + Sync + 'static,
    ) -> Self {
        self.0.insert(name.to_owned(), Arc::new(function));
        self
    }

    /// The same with `entropy/v1`, which breaks the promise of a function: it appends to its input how often it was called. To
    /// show what becomes of such a one, and for nothing else.
    #[must_use]
    pub fn with_entropy(self) -> Self {
        let calls = AtomicU64::new(0);
        self.with("entropy/v1", move |inputs, _| {
            let call = calls.fetch_add(1, Ordering::Relaxed);
            let mut value = only(inputs)?.to_vec();
            value.extend(format!(" {call}").into_bytes());
            Ok(value.into())
        })
    }

    /// The function of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Function>> {
        self.0.get(name)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The one input of a function that takes one.
fn only(inputs: &[Bytes]) -> Result<&Bytes, String> {
    match inputs {
        [input] => Ok(input),
        _ => Err(format!("takes one input and was given {}", inputs.len())),
    }
}

/// All inputs behind each other, with the parameter `separator` between them.
fn concat(inputs: &[Bytes], parameters: &Parameters) -> Result<Bytes, String> {
    let separator = parameters.get("separator").map_or("", String::as_str);
    Ok(inputs.join(separator.as_bytes()).into())
}

/// The input changed as the parameter `op` says: `upper` and `lower` change ASCII letters, `reverse` the order of the bytes.
fn transform(inputs: &[Bytes], parameters: &Parameters) -> Result<Bytes, String> {
    let input = only(inputs)?;
    match parameters.get("op").map(String::as_str) {
        Some("upper") => Ok(input.to_ascii_uppercase().into()),
        Some("lower") => Ok(input.to_ascii_lowercase().into()),
        Some("reverse") => Ok(input.iter().rev().copied().collect()),
        _ => Err("takes a parameter op: upper, lower or reverse".to_owned()),
    }
}

/// A line for each word of the input: the word, a tab, and how often it is there, sorted by word.
fn word_count(inputs: &[Bytes], _parameters: &Parameters) -> Result<Bytes, String> {
    let text = std::str::from_utf8(only(inputs)?).map_err(|_| "takes UTF-8".to_owned())?;
    let mut counts = BTreeMap::<&str, u64>::new();
    for word in text.split_whitespace() {
        *counts.entry(word).or_default() += 1;
    }
    let lines = counts
        .iter()
        .map(|(word, count)| format!("{word}\t{count}\n"));
    Ok(lines.collect::<String>().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(
        name: &str,
        inputs: &[&'static str],
        parameters: &[(&str, &str)],
    ) -> Result<String, String> {
        let inputs: Vec<_> = inputs
            .iter()
            .map(|it| Bytes::from_static(it.as_bytes()))
            .collect();
        let parameters = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let functions = Functions::standard();
        let value = functions.get(name).unwrap()(&inputs, &parameters)?;
        Ok(String::from_utf8_lossy(&value).into_owned())
    }

    #[test]
    fn each_function_computes_what_it_is_named_for() {
        let told = |name, inputs: &[&'static str], parameters: &[(&str, &str)]| {
            run(name, inputs, parameters).unwrap()
        };
        assert_eq!(told("identity/v1", &["a"], &[]), "a");
        assert_eq!(
            told("concat/v1", &["a", "b"], &[("separator", ", ")]),
            "a, b"
        );
        assert_eq!(told("concat/v1", &[], &[]), "");
        assert_eq!(told("transform/v1", &["aB"], &[("op", "upper")]), "AB");
        assert_eq!(told("transform/v1", &["aB"], &[("op", "lower")]), "ab");
        assert_eq!(told("transform/v1", &["aB"], &[("op", "reverse")]), "Ba");
        assert_eq!(told("word-count/v1", &["b a b"], &[]), "a\t1\nb\t2\n");
        assert_eq!(
            told("sha256/v1", &[""], &[]),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn a_function_says_what_it_takes() {
        assert!(
            run("identity/v1", &["a", "b"], &[])
                .unwrap_err()
                .contains("one input")
        );
        assert!(run("transform/v1", &["a"], &[]).unwrap_err().contains("op"));
    }
}
