//! Putting commitments in the place of values.

use counterfoil_core::Digest;

use super::commitment::MAX_POINTER;
use super::{Forgettable, Texts};
use crate::{AuditInput, Text};

/// Whether `input` holds values that are to be forgotten; an error when one lies too deep for a pointer.
pub(crate) fn prepare(input: &mut AuditInput) -> Result<bool, ()> {
    let mut outcome = Ok(false);
    Texts::of(input, &mut |pointer, text| {
        if matches!(text, Text::Forgettable(_)) {
            let fits = pointer.len() <= MAX_POINTER;
            outcome = outcome.and(if fits { Ok(true) } else { Err(()) });
        }
    });
    outcome
}

/// Puts in the place of every value that is to be forgotten the commitment that `commit` makes of its pointer and it.
pub(crate) fn resolve(
    input: &mut AuditInput,
    mut commit: impl FnMut(&str, &Forgettable) -> Digest,
) {
    Texts::of(input, &mut |pointer, text| {
        if let Text::Forgettable(value) = text {
            *text = Text::Erasable(commit(pointer, value));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AuditEventData, ExtensionKind, Instance, Lane, Metadata, Object, OperationFailed, Src,
        SrcId, Value,
    };
    use counterfoil_core::{FabricError, OpType, Timestamp};

    fn input(data: AuditEventData) -> AuditInput {
        let src = Src {
            id: SrcId::new(Instance(1), Lane::shared()),
            n: 1,
            time: Timestamp::default(),
        };
        AuditInput::new(data, src)
    }

    fn pointers(mut input: AuditInput) -> Vec<String> {
        let mut pointers = Vec::new();
        resolve(&mut input, |pointer, _| {
            pointers.push(pointer.to_owned());
            Digest::ZERO
        });
        assert_eq!(prepare(&mut input), Ok(false), "none is left");
        pointers
    }

    #[test]
    fn values_are_found_wherever_a_text_may_stand() {
        let mut meta = Metadata::new();
        meta.insert("reason", Text::erasable("r")).unwrap();
        let mut failed = input(AuditEventData::OperationFailed(OperationFailed {
            bytes: None,
            detail: Some(Text::erasable("d")),
            elapsed_ns: None,
            error: FabricError::Timeout,
            meta,
            op: OpType::Read,
            resource: None,
        }));
        failed.keys.node = Some(Text::erasable("n"));
        failed.who.principal = Some(Text::erasable("p"));
        failed.who.tenant = Some("plain".into());
        assert_eq!(
            pointers(failed),
            [
                "/event/data/detail",
                "/event/data/meta/reason",
                "/keys/node",
                "/who/principal"
            ]
        );
    }

    #[test]
    fn keys_are_escaped_and_items_counted_in_pointers() {
        let mut inner = Object::new();
        inner
            .insert("a/b~c", Value::erasable(7_u32).unwrap())
            .unwrap();
        let mut object = Object::new();
        let list = vec![Value::Bool(true), Value::Object(inner)];
        object.insert("list", Value::Array(list)).unwrap();
        let kind = ExtensionKind::new(&"vault.object_put".into()).unwrap();
        let input = input(AuditEventData::Extension(kind, object));
        assert_eq!(pointers(input), ["/event/data/list/1/a~1b~0c"]);
    }
}
