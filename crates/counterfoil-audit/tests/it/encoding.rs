//! The encoder against an RFC 8785 crate, and against that specification's vectors.

use counterfoil_audit::{
    AuditEventData, AuditInput, AuditRecord, ExtensionKind, Instance, Keys, Lane, MAX_BODY, Object,
    OperationFailed, Outcome, Prior, Src, SrcId, Text, Value, Who, assemble_record,
};
use counterfoil_core::{FabricError, LeaseId, OpType, Timestamp};
use counterfoil_signer::NullSigner;
use counterfoil_testkit::vectors;
use proptest::prelude::*;

fn src() -> Src {
    Src {
        id: SrcId::new(Instance(0xa1), Lane::thread(0)),
        n: 1,
        time: Timestamp::from_unix_seconds(1_700_000_000),
    }
}

fn seal(data: AuditEventData, keys: Keys, who: Who) -> AuditRecord {
    let input = AuditInput {
        data,
        outcome: Outcome::Unknown,
        keys,
        src: src(),
        who,
    };
    let chain = "audit.example.com/test/1".parse().unwrap();
    assemble_record(&Prior::genesis(chain), &input, &NullSigner).unwrap()
}

fn extension(object: Object) -> AuditEventData {
    AuditEventData::Extension(ExtensionKind::new(&"test.thing".into()).unwrap(), object)
}

/// The canonical form of what the body says, by another implementation.
fn canonical(body: &[u8]) -> Vec<u8> {
    let parsed: serde_json::Value = serde_json::from_slice(body).unwrap();
    serde_json_canonicalizer::to_vec(&parsed).unwrap()
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<String>().prop_map(Value::from),
        "[\\x00-\\x1f\"\\\\/\u{7f}\u{2028}a]{0,40}".prop_map(Value::from),
        (-((1_i64 << 53) - 1)..1_i64 << 53).prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Bool),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            any_object_of(inner).prop_map(Value::Object),
        ]
    })
}

fn any_object_of(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Object> {
    prop::collection::vec(("[ !#%-\\[\\]-~][ !#-\\[\\]-~]{0,12}", value), 0..6).prop_map(
        |members| {
            let mut object = Object::new();
            for (key, value) in members {
                object.insert(&key, value).unwrap();
            }
            object
        },
    )
}

fn any_text() -> impl Strategy<Value = Option<Text>> {
    prop::option::of(prop_oneof![
        any::<String>(),
        "[\\x00\u{20ac}x]{0,60}".prop_map(|part| part.repeat(20)),
    ])
    .prop_map(|text| text.map(Text::from))
}

proptest! {
    #[test]
    fn a_body_is_the_canonical_form_of_what_it_says(
        object in any_object_of(any_value()),
        (node, from, principal, tag) in (any_text(), any_text(), any_text(), any_text()),
        lease in any::<Option<u64>>(),
    ) {
        let keys = Keys { lease: lease.map(LeaseId), node, ..Keys::default() };
        let who = Who { from, principal, tag, ..Who::default() };
        let record = seal(extension(object), keys, who);
        prop_assert_eq!(canonical(record.body()), record.body());
        prop_assert!(record.is_intact());
        prop_assert!(record.body().len() <= MAX_BODY);
    }

    #[test]
    fn what_was_sealed_is_read_back_with_stand_ins_for_what_does_not_fit(text in any_text()) {
        let data = AuditEventData::OperationFailed(OperationFailed {
            bytes: Some(u64::MAX),
            detail: text.clone(),
            elapsed_ns: None,
            error: FabricError::Internal,
            meta: counterfoil_audit::Metadata::new(),
            op: OpType::Read,
            resource: None,
        });
        let record = seal(data, Keys::default(), Who::default());
        let AuditEventData::OperationFailed(read) = record.data().unwrap() else {
            panic!("another kind");
        };
        let expected = text.map(|text| {
            let whole = text.as_str().unwrap();
            let sealed = whole.replace('\0', "\u{fffd}");
            if sealed.len() <= 1_024 {
                Text::Plain(sealed)
            } else {
                Text::Truncated(counterfoil_audit::Truncated::of(whole.as_bytes()))
            }
        });
        prop_assert_eq!(read.detail, expected);
    }

    #[test]
    fn data_of_any_size_leaves_a_record(len in 0_usize..200_000) {
        let mut object = Object::new();
        object.insert("payload", "\u{1}".repeat(len)).unwrap();
        let who = Who { principal: Some("\n".repeat(1_024).into()), ..Who::default() };
        let record = seal(extension(object), Keys::default(), who);
        prop_assert!(record.body().len() <= MAX_BODY);
        let whole = matches!(record.data().unwrap(), AuditEventData::Extension(..));
        prop_assert_eq!(whole, len < 10_600, "{}", record.body().len());
    }
}

#[test]
fn a_member_outside_its_bounds_is_refused_by_name_and_nothing_is_sealed() {
    let mut chain = counterfoil_audit::AuditChain::new("audit.example.com/test/1".parse().unwrap());
    let data = AuditEventData::RecordsLost(counterfoil_audit::RecordsLost {
        first_n: 0,
        last_n: 5,
        reason: counterfoil_audit::LossReason::QueueFull,
        src: src().id,
    });
    let mut out = Vec::new();
    let error = chain
        .seal(&mut out, &AuditInput::new(data, src()), src().time)
        .unwrap_err();
    assert!(error.to_string().contains("first_n"), "{error}");
    assert!(out.is_empty());
    assert_eq!(chain.seq(), 0);
}

#[test]
fn strings_of_the_rfc_8785_vectors_are_escaped_as_they_are_there() {
    let mut compared = 0;
    for file in [
        "arrays",
        "french",
        "structures",
        "unicode",
        "values",
        "weird",
    ] {
        let at = |kind: &str| vectors::read(&format!("jcs-rfc8785/testdata/{kind}/{file}.json"));
        let (Some(input), Some(output)) = (at("input"), at("output")) else {
            return;
        };
        let mut strings = Vec::new();
        collect(&serde_json::from_str(&input).unwrap(), &mut strings);
        for string in strings {
            let mut object = Object::new();
            object.insert("k", string.as_str()).unwrap();
            let record = seal(extension(object), Keys::default(), Who::default());
            let body = String::from_utf8(record.body().to_vec()).unwrap();
            let (_, rest) = body.split_once("{\"k\":").unwrap();
            let (escaped, _) = rest.split_once("},\"kind\"").unwrap();
            assert!(output.contains(escaped), "{escaped} is not in {file}");
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared} strings were compared");
}

fn collect(value: &serde_json::Value, strings: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => strings.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, strings)),
        serde_json::Value::Object(members) => members.iter().for_each(|(key, value)| {
            strings.push(key.clone());
            collect(value, strings);
        }),
        _ => {}
    }
}
