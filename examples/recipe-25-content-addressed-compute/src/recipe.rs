//! Recipes: a function, the addresses of its inputs, and parameters.

use std::collections::BTreeMap;

use crate::CAddr;

/// What a function is told beside its inputs.
pub type Parameters = BTreeMap<String, String>;

/// How a value is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Name and version of a function: `concat/v1`.
    pub function: String,
    /// Where its inputs are, in the order in which it takes them.
    pub inputs: Vec<CAddr>,
    /// What else it is told.
    pub parameters: Parameters,
}

impl Recipe {
    /// A recipe without parameters.
    #[must_use]
    pub fn new(function: impl Into<String>, inputs: impl IntoIterator<Item = CAddr>) -> Self {
        Self {
            function: function.into(),
            inputs: inputs.into_iter().collect(),
            parameters: Parameters::new(),
        }
    }

    /// The same with one more parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The one encoding that it has: each text behind its length, inputs in their order, parameters sorted by name. Equal recipes
    /// have equal encodings and no two others do.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_text(&mut out, &self.function);
        push_len(&mut out, self.inputs.len());
        for input in &self.inputs {
            out.extend(input.as_bytes());
        }
        push_len(&mut out, self.parameters.len());
        for (name, value) in &self.parameters {
            push_text(&mut out, name);
            push_text(&mut out, value);
        }
        out
    }
}

fn push_len(out: &mut Vec<u8>, len: usize) {
    out.extend((len as u64).to_be_bytes());
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    push_len(out, text.len());
    out.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_that_differ_in_any_part_have_different_addresses() {
        let (a, b) = (CAddr::of_leaf(b"a"), CAddr::of_leaf(b"b"));
        let recipes = [
            Recipe::new("concat/v1", [a, b]),
            Recipe::new("concat/v1", [b, a]),
            Recipe::new("concat/v1", [a]),
            Recipe::new("concat/v2", [a, b]),
            Recipe::new("concat/v1", [a, b]).with("separator", ","),
            Recipe::new("concat/v1", [a, b]).with("separator,", ""),
        ];
        let addresses: std::collections::BTreeSet<_> =
            recipes.iter().map(CAddr::of_recipe).collect();
        assert_eq!(addresses.len(), recipes.len());
    }
}
