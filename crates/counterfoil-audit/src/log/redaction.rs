//! Texts and names are redacted before they are hashed (design §4): what comes later could not be taken out any more.

use counterfoil_core::Redact;

use crate::{AuditEventData, AuditInput, Forgettable, Metadata, Object, Text, Value};

/// A number with fewer digits is no card's.
const SHORT: u64 = 1_000_000_000_000;

/// Replaces what `redact` finds in the texts of `input`. An erasable principal is left alone: it is an identity by its type, kept
/// to be forgotten.
pub(crate) fn redact_input(redact: &dyn Redact, input: &mut AuditInput) {
    let who = &mut input.who;
    let names = [
        &mut who.from,
        &mut who.tag,
        &mut who.tenant,
        &mut who.workload,
        &mut input.keys.node,
    ];
    for name in names.into_iter().flatten() {
        redact_text(redact, None, name);
    }
    if let Some(principal @ Text::Plain(_)) = &mut who.principal {
        redact_text(redact, None, principal);
    }
    if let Some(request) = &mut input.keys.request {
        *request = request.redacted(redact).unwrap_or(*request);
    }
    redact_data(redact, &mut input.data);
}

fn redact_data(redact: &dyn Redact, data: &mut AuditEventData) {
    let text = |key, text: &mut Text| redact_text(redact, Some(key), text);
    let maybe = |key, text: &mut Option<Text>| {
        text.iter_mut()
            .for_each(|it| redact_text(redact, Some(key), it));
    };
    let meta = |meta: &mut Metadata| redact_metadata(redact, meta);
    match data {
        AuditEventData::LeaseAllocated(data) => meta(&mut data.meta),
        AuditEventData::LeaseRenewed(data) => meta(&mut data.meta),
        AuditEventData::LeaseReleased(data) => meta(&mut data.meta),
        AuditEventData::LeaseExpired(data) => meta(&mut data.meta),
        AuditEventData::LeasePreempted(data) => {
            text("reason", &mut data.reason);
            meta(&mut data.meta);
        }
        AuditEventData::RevokeStateTransition(data) => {
            maybe("reason", &mut data.reason);
            meta(&mut data.meta);
        }
        AuditEventData::BundleAdmissionDecided(data) => {
            maybe("reason", &mut data.reason);
            meta(&mut data.meta);
        }
        AuditEventData::EdgeRewritten(data) => meta(&mut data.meta),
        AuditEventData::OperationFailed(data) => {
            maybe("detail", &mut data.detail);
            meta(&mut data.meta);
        }
        AuditEventData::Extension(_, object) => redact_object(redact, "", object),
        // Receipts hold digests, counts and names; records of the log about itself are ours.
        _ => {}
    }
}

/// An erasable value is not judged by the key that it stands under: it is kept apart, to be forgotten, because it is sensitive.
fn redact_text(redact: &dyn Redact, key: Option<&str>, text: &mut Text) {
    match text {
        Text::Plain(plain) => {
            let clean = match key {
                Some(key) => redact.redact_value(key, plain),
                None => redact.redact(plain),
            };
            if let Some(clean) = clean {
                *plain = clean;
            }
        }
        Text::Forgettable(value) => {
            let mut clean = value.to_value();
            redact_value(redact, "", &mut clean);
            // A value that grew beyond the bound stays as it is: it can still be forgotten.
            if let Ok(clean) = Forgettable::value(&clean) {
                *value = clean;
            }
        }
        Text::Truncated(_) | Text::Erasable(_) => {}
    }
}

fn redact_metadata(redact: &dyn Redact, meta: &mut Metadata) {
    for (key, value) in meta.iter_mut() {
        redact_text(redact, Some(key), value);
    }
}

fn redact_object(redact: &dyn Redact, path: &str, object: &mut Object) {
    for (key, value) in object.values_mut() {
        match path {
            "" => redact_value(redact, key, value),
            _ => redact_value(redact, &format!("{path}.{key}"), value),
        }
    }
}

fn redact_value(redact: &dyn Redact, path: &str, value: &mut Value) {
    let clean = match value {
        Value::Text(text) => return redact_text(redact, Some(path), text),
        Value::Array(items) => {
            let each = |item: &mut Value| redact_value(redact, path, item);
            return items.iter_mut().for_each(each);
        }
        Value::Object(object) => return redact_object(redact, path, object),
        Value::Integer(number) if number.unsigned_abs() < SHORT => redact.redact_value(path, "0"),
        Value::Integer(number) => redact.redact_value(path, &number.to_string()),
        Value::Bool(_) => redact.redact_value(path, "true"),
    };
    if let Some(clean) = clean {
        *value = clean.into();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{ExtensionKind, Instance, Lane, Src, SrcId};

    #[derive(Debug)]
    struct NoSecrets;

    impl Redact for NoSecrets {
        fn redact(&self, text: &str) -> Option<String> {
            text.contains("s3cret")
                .then(|| text.replace("s3cret", "[REDACTED]"))
        }

        fn redact_value(&self, _key: &str, value: &str) -> Option<String> {
            self.redact(value)
        }

        fn redact_label(&self, _key: &str, value: &str) -> Option<String> {
            self.redact(value)
        }
    }

    #[test]
    fn no_text_of_an_extension_escapes_however_deep_it_lies() {
        let mut inner = Object::new();
        inner.insert("token", "a s3cret b").unwrap();
        let mut object = Object::new();
        object
            .insert(
                "list",
                Value::Array(vec![Value::Object(inner), "s3cret".into()]),
            )
            .unwrap();
        object.insert("plain", "kept").unwrap();
        let kind = ExtensionKind::new(&"vault.object_put".into()).unwrap();
        let src = Src {
            id: SrcId::new(Instance(1), Lane::sealer()),
            n: 1,
            time: counterfoil_core::Timestamp::default(),
        };
        let mut input = AuditInput::new(AuditEventData::Extension(kind, object), src);
        redact_input(&NoSecrets, &mut input);
        let text = format!("{:?}", input.data);
        assert!(!text.contains("s3cret"), "{text}");
        assert!(
            text.contains("a [REDACTED] b") && text.contains("kept"),
            "{text}"
        );
    }
}
