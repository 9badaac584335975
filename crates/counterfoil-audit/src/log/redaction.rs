//! Free text is redacted before it is hashed (design §4): what comes later could not be taken out any more.
//!
//! Typed members (keys, identities, closed sets) were redacted at the call, if they had to be.

use counterfoil_core::Redact;

use crate::{AuditEventData, AuditInput, Forgettable, Metadata, Object, Text, Value};

/// Replaces what `redact` finds in the free text of `input`.
pub(crate) fn redact_input(redact: &dyn Redact, input: &mut AuditInput) {
    let text = |text: &mut Text| redact_text(redact, text);
    let maybe = |text: &mut Option<Text>| text.iter_mut().for_each(|it| redact_text(redact, it));
    let meta = |meta: &mut Metadata| redact_metadata(redact, meta);
    match &mut input.data {
        AuditEventData::LeaseAllocated(data) => meta(&mut data.meta),
        AuditEventData::LeaseRenewed(data) => meta(&mut data.meta),
        AuditEventData::LeaseReleased(data) => meta(&mut data.meta),
        AuditEventData::LeaseExpired(data) => meta(&mut data.meta),
        AuditEventData::LeasePreempted(data) => {
            text(&mut data.reason);
            meta(&mut data.meta);
        }
        AuditEventData::RevokeStateTransition(data) => {
            maybe(&mut data.reason);
            meta(&mut data.meta);
        }
        AuditEventData::BundleAdmissionDecided(data) => {
            maybe(&mut data.reason);
            meta(&mut data.meta);
        }
        AuditEventData::EdgeRewritten(data) => meta(&mut data.meta),
        AuditEventData::OperationFailed(data) => {
            maybe(&mut data.detail);
            meta(&mut data.meta);
        }
        AuditEventData::Extension(_, object) => redact_object(redact, object),
        // Receipts hold digests, counts and names; records of the log about itself are ours.
        _ => {}
    }
}

fn redact_text(redact: &dyn Redact, text: &mut Text) {
    match text {
        Text::Plain(plain) => {
            if let Some(clean) = redact.redact(plain) {
                *plain = clean;
            }
        }
        Text::Forgettable(value) => {
            let mut clean = value.to_value();
            redact_value(redact, &mut clean);
            // A value that grew beyond the bound stays as it is: it can still be forgotten.
            if let Ok(clean) = Forgettable::value(&clean) {
                *value = clean;
            }
        }
        Text::Truncated(_) | Text::Erasable(_) => {}
    }
}

fn redact_metadata(redact: &dyn Redact, meta: &mut Metadata) {
    let mut clean = Metadata::new();
    for (key, value) in meta.iter() {
        let mut value = value.clone();
        redact_text(redact, &mut value);
        // The key was allowed when it was inserted for the first time, so this never refuses it.
        clean.insert(key, value).ok();
    }
    *meta = clean;
}

fn redact_object(redact: &dyn Redact, object: &mut Object) {
    let mut members = std::mem::take(object).into_members();
    members
        .values_mut()
        .for_each(|value| redact_value(redact, value));
    *object = Object::from_checked(members);
}

fn redact_value(redact: &dyn Redact, value: &mut Value) {
    match value {
        Value::Text(text) => redact_text(redact, text),
        Value::Array(items) => items.iter_mut().for_each(|item| redact_value(redact, item)),
        Value::Object(object) => redact_object(redact, object),
        Value::Integer(_) | Value::Bool(_) => {}
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
