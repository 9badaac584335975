//! The encoder against an RFC 8785 crate, and against that specification's vectors.

use counterfoil_audit::{
    AuditChain, AuditEventData, AuditInput, AuditRecord, ExtensionKind, Instance, Keys, Lane,
    MAX_BODY, Object, OperationFailed, Outcome, Prior, Src, SrcId, Text, Value, Who,
    assemble_record,
};
use counterfoil_core::{
    ChainId, Context, EventWords, FabricError, FabricEvent, LeaseId, Name, OpType, ResourceType,
    SpanId, Ticks, Timeline, Timestamp, TraceContext, TraceId, WorkloadIdentity,
};
use counterfoil_signer::NullSigner;
use counterfoil_testkit::{FakeClock, vectors};
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
}

#[test]
fn data_that_does_not_fit_is_replaced_as_a_whole_and_leaves_a_record() {
    let sealed = |len: usize| {
        let mut object = Object::new();
        object.insert("payload", "\u{1}".repeat(len)).unwrap();
        let who = Who {
            principal: Some("\n".repeat(1_024).into()),
            ..Who::default()
        };
        seal(extension(object), Keys::default(), who)
    };
    // Each of these characters takes six bytes, as \u0001.
    let room = (MAX_BODY - sealed(0).body().len()) / 6;
    for len in [1, room, room + 1, 200_000] {
        let record = sealed(len);
        assert!(record.body().len() <= MAX_BODY);
        let whole = matches!(record.data().unwrap(), AuditEventData::Extension(..));
        assert_eq!(whole, len <= room);
    }
}

#[test]
fn a_member_outside_its_bounds_is_refused_by_name_and_nothing_is_sealed() {
    let mut chain = AuditChain::new("audit.example.com/test/1".parse().unwrap());
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

fn any_name() -> impl Strategy<Value = Name> {
    prop_oneof![
        "[a-c]{1,3}".prop_map(|text| Name::new(&text)),
        "[\\x00-\\x1f\"\\\\é]{0,90}".prop_map(|text| Name::new(&text)),
    ]
}

fn any_context() -> impl Strategy<Value = Context> {
    let optional = || prop::option::of(any_name());
    let trace = prop::option::of((any::<[u8; 16]>(), any::<[u8; 8]>()));
    let request = prop::option::of("[A-Za-z0-9._-]{1,64}");
    (
        any_name(),
        [optional(), optional(), optional(), optional()],
        trace,
        request,
    )
        .prop_map(
            |(tenant, [workload, principal, tag, from], trace, request)| {
                let mut context = Context::new(WorkloadIdentity {
                    tenant,
                    workload,
                    principal,
                });
                if let Some(tag) = tag {
                    context = context.with_tag(tag.into());
                }
                if let Some(from) = from {
                    context = context.with_from(from.as_str());
                }
                let ids = trace.and_then(|(trace, span)| {
                    TraceId::from_bytes(trace).zip(SpanId::from_bytes(span))
                });
                if let Some((trace_id, span_id)) = ids {
                    context = context.with_trace(TraceContext {
                        trace_id,
                        span_id,
                        flags: 1,
                    });
                }
                match request {
                    Some(request) => context.with_request(request.parse().unwrap()),
                    None => context,
                }
            },
        )
}

fn any_event() -> impl Strategy<Value = FabricEvent> {
    let resource = prop::sample::select(ResourceType::ALL);
    let numbers = (any::<u64>(), any::<u64>(), any::<Option<u64>>());
    let failure = (
        prop::sample::select(OpType::ALL),
        prop::sample::select(FabricError::ALL),
    );
    (
        0..9,
        resource,
        numbers,
        any_name(),
        any_name(),
        failure,
        any::<bool>(),
    )
        .prop_map(
            |(kind, resource_type, (id, amount, by), node, reason, (op, error), some)| {
                let lease_id = LeaseId(id);
                match kind {
                    0 => FabricEvent::LeaseAcquired {
                        resource_type,
                        lease_id,
                        node,
                        bytes: amount,
                    },
                    1 => FabricEvent::LeaseRenewed {
                        resource_type,
                        lease_id,
                        node,
                        ttl_ms: amount,
                    },
                    2 => FabricEvent::LeaseReleased {
                        resource_type,
                        lease_id,
                        node,
                    },
                    3 => FabricEvent::LeaseExpired {
                        resource_type,
                        lease_id,
                        node,
                    },
                    4 => FabricEvent::LeasePreempted {
                        resource_type,
                        lease_id,
                        node,
                        by: by.map(LeaseId),
                        reason,
                    },
                    5 => FabricEvent::OperationFailed {
                        op,
                        error,
                        lease_id: by.map(LeaseId),
                        node: some.then_some(node),
                        bytes: amount,
                        elapsed_ns: id,
                    },
                    6 => FabricEvent::Disconnected { node, reason },
                    7 => FabricEvent::Reconnected { node },
                    _ => FabricEvent::Custom {
                        kind: if some { "vault.object_put" } else { "a.b" }
                            .parse()
                            .unwrap(),
                        lease_id: by.map(LeaseId),
                        node: Some(node),
                        value: amount,
                    },
                }
            },
        )
}

proptest! {
    #[test]
    fn an_event_sealed_from_its_words_has_the_bytes_of_the_general_path(
        events in prop::collection::vec((any_event(), any_context(), any::<u64>()), 1..20),
        nanos in any::<u64>(),
    ) {
        let id: ChainId = "audit.example.com/test/1".parse().unwrap();
        let (mut fast, mut general) = (AuditChain::new(id.clone()), AuditChain::new(id));
        let clock = FakeClock::new();
        clock.set_utc(Timestamp::from_unix_nanos(nanos));
        let timeline = Timeline::read(&clock);
        let (mut fast_out, mut general_out) = (Vec::new(), Vec::new());
        for (n, (event, context, ticks)) in events.iter().enumerate() {
            let words = EventWords::encode(event, context, Ticks(*ticks));
            let now = Timestamp::from_unix_nanos(ticks.wrapping_mul(3));
            let src = Src {
                id: SrcId::new(Instance(*ticks), Lane::thread(n as u32)),
                n: n as u64 + 1,
                time: timeline.at(Ticks(*ticks)),
            };
            let (event, context) = words.decode().unwrap();
            let input = AuditInput::from_event(&event, &context, src);
            let by_words = fast
                .seal_event(&mut fast_out, &words, &src.id, src.n, &timeline, now)
                .unwrap();
            prop_assert_eq!(by_words, general.seal(&mut general_out, &input, now).unwrap());
        }
        prop_assert_eq!(fast_out.escape_ascii().to_string(), general_out.escape_ascii().to_string());
        prop_assert_eq!(fast.head(), general.head());
        for line in fast_out.split_inclusive(|byte| *byte == b'\n') {
            prop_assert!(AuditRecord::parse(line).unwrap().is_intact());
        }
    }
}
