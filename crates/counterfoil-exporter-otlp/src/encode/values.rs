//! Attributes, in OTLP's terms.

use counterfoil_core::{Attribute, AttributeValue};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

/// Attributes; of two with one key the last one, because OTLP allows a key once.
pub(super) fn attributes(attributes: &[Attribute]) -> Vec<KeyValue> {
    let all = attributes.iter().enumerate();
    let last = all.filter(|(at, it)| !attributes[at + 1..].iter().any(|later| later.key == it.key));
    last.map(|(_, it)| key_value(&it.key, value(&it.value)))
        .collect()
}

pub(super) fn key_value(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: any(value),
        ..KeyValue::default()
    }
}

pub(super) const fn any(value: Value) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

pub(super) fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

/// A whole number; as text when OTLP's integers have no room for it.
pub(super) fn number(number: u64) -> Value {
    value(&number.into())
}

fn value(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Bool(value) => Value::BoolValue(*value),
        AttributeValue::Int(value) => Value::IntValue(*value),
        AttributeValue::Float(value) => Value::DoubleValue(*value),
        AttributeValue::Text(value) => text(value),
    }
}
