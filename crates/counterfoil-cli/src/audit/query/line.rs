//! A record as one line for people.

use std::fmt;

use counterfoil::audit::AuditRecord;
use serde_json::Value;

use crate::audit::reading;
use crate::escape::Escaped;

/// Time, number, kind, outcome, keys, and what else the record says. Nothing in it can steer a terminal or look like
/// another field.
#[derive(Debug)]
pub(super) struct Shown<'a>(pub(super) &'a AuditRecord);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (record, keys, who) = (self.0, self.0.keys(), self.0.who());
        write!(
            f,
            "{} {:>7} {:<18} {:<7}",
            record.src().time,
            record.seq(),
            record.kind().as_str(),
            record.outcome().as_str()
        )?;
        let shown = |value: &dyn fmt::Display| value.to_string();
        let fields = [
            ("lease", keys.lease.as_ref().map(|lease| shown(lease))),
            ("node", keys.node.as_ref().map(reading::text)),
            ("tenant", who.tenant.as_ref().map(reading::text)),
            ("workload", who.workload.as_ref().map(reading::text)),
            ("tag", who.tag.as_ref().map(reading::text)),
            ("from", who.from.as_ref().map(reading::text)),
            ("principal", who.principal.as_ref().map(reading::text)),
            (
                "request",
                keys.request.as_ref().map(|request| shown(request)),
            ),
            ("trace", keys.trace.as_ref().map(|trace| shown(trace))),
            ("span", keys.span.as_ref().map(|span| shown(span))),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                field(f, name, &value)?;
            }
        }
        let body: Value = serde_json::from_slice(record.body()).map_err(|_| fmt::Error)?;
        for (name, value) in body["event"]["data"].as_object().into_iter().flatten() {
            match value {
                Value::String(text) => field(f, name, text)?,
                other => field(f, name, &other.to_string())?,
            }
        }
        Ok(())
    }
}

fn field(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    let plain = !value.is_empty() && !value.contains([' ', '"', '=', '\\']);
    if plain {
        write!(f, " {}={}", Escaped(name), Escaped(value))
    } else {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        write!(f, " {}=\"{}\"", Escaped(name), Escaped(&quoted))
    }
}

#[cfg(test)]
mod tests {
    use counterfoil::audit::{AuditInput, Prior, Src, assemble_record};
    use counterfoil::signer::NullSigner;
    use counterfoil::{FabricError, FabricEvent, LeaseId, OpType, WorkloadIdentity};

    use super::*;

    #[test]
    fn a_hostile_name_is_quoted_and_escaped() {
        let context = counterfoil::Context::new(WorkloadIdentity::tenant_only(
            "acme lease=9\u{1b}[2J\n\u{202e}",
        ));
        let event = FabricEvent::OperationFailed {
            op: OpType::Read,
            error: FabricError::Timeout,
            lease_id: Some(LeaseId(7)),
            node: Some("node-a".into()),
            bytes: 1,
            elapsed_ns: 2,
        };
        let src = Src {
            id: "00000000000000a1/t1".parse().unwrap(),
            n: 1,
            time: "2026-11-20T19:55:54.000000000Z".parse().unwrap(),
        };
        let input = AuditInput::from_event(&event, &context, src);
        let record = assemble_record(
            &Prior::genesis("audit.example.com/leases/1".parse().unwrap()),
            &input,
            &NullSigner,
        )
        .unwrap();
        let line = Shown(&record).to_string();
        assert!(
            line.contains(" lease=7 node=node-a tenant=\"acme lease=9\\u{1b}[2J\\u{a}\\u{202e}\""),
            "{line}"
        );
        assert!(!line.chars().any(char::is_control), "{line}");
    }
}
