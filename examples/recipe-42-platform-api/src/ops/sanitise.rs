//! The last look before a document leaves: whatever it was made of, nothing sensitive is in it.

use counterfoil::Redact;
use serde_json::Value;

/// Takes everything sensitive out of the texts of a document, by their key and by their form.
pub(super) fn sanitise(document: &mut Value, redact: &dyn Redact) {
    within("", document, redact);
}

fn within(key: &str, value: &mut Value, redact: &dyn Redact) {
    match value {
        Value::String(text) => {
            if let Some(clean) = redact.redact_value(key, text) {
                *text = clean;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| within(key, item, redact)),
        Value::Object(members) => {
            for (name, value) in members {
                let path = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                within(&path, value, redact);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use counterfoil::{REDACTED, Redactor};
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_found_by_key_and_by_form_at_any_depth() {
        let mut document = json!({ "a": [{ "access_token": "x" }, "Bearer abc123def456ghi789jkl012", 7], "b": { "name": "queue" } });
        sanitise(&mut document, &Redactor::new());
        assert_eq!(document["a"][0]["access_token"], REDACTED);
        assert_eq!(document["a"][1], format!("Bearer {REDACTED}"));
        assert_eq!(document["b"]["name"], "queue");
    }
}
