//! A value of a field, as a number that the index sorts by.

use counterfoil_audit::Header;
use rapidhash::v3::rapidhash_v3;

use crate::Filter;

/// The hash of a field and a value in it. Two values may share one, for what is found is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Term(pub(crate) u64);

/// Fields by which records are found. The letters are part of the format.
#[derive(Clone, Copy, Debug)]
enum Field {
    Kind = b'k' as isize,
    Lease = b'l' as isize,
    Node = b'n' as isize,
    Principal = b'p' as isize,
    Request = b'r' as isize,
    Tenant = b't' as isize,
    Trace = b'x' as isize,
}

impl Field {
    /// `value` is the inside of the JSON string, in the one spelling that it has in a record.
    fn term(self, value: &[u8]) -> Term {
        // Longer values share the term of their beginning and length.
        let mut bytes = [0; 256];
        let len = value.len().min(bytes.len() - 9);
        bytes[0] = self as u8;
        bytes[1..9].copy_from_slice(&(value.len() as u64).to_le_bytes());
        bytes[9..9 + len].copy_from_slice(&value[..len]);
        Term(rapidhash_v3(&bytes[..9 + len]))
    }
}

/// The terms that a record is found by.
pub(super) fn of(header: &Header<'_>) -> impl Iterator<Item = Term> {
    let lease = header
        .lease
        .map(|lease| Field::Lease.term(&lease.0.to_le_bytes()));
    let texts = [
        (Field::Kind, Some(header.kind)),
        (Field::Node, header.node),
        (Field::Principal, header.principal),
        (Field::Request, header.request),
        (Field::Tenant, header.tenant),
        (Field::Trace, header.trace),
    ];
    let texts = texts.map(|(field, value)| value.map(|value| field.term(value)));
    lease.into_iter().chain(texts.into_iter().flatten())
}

/// The terms that a record has to have one of, for each condition that the index knows.
pub(crate) fn terms_of(filter: &Filter) -> Vec<Vec<Term>> {
    let mut all = Vec::new();
    if !filter.kinds.is_empty() {
        let kinds = filter.kinds.iter();
        let mut kinds: Vec<_> = kinds
            .map(|kind| Field::Kind.term(kind.as_str().as_bytes()))
            .collect();
        // What is named twice would be held in memory twice.
        kinds.sort_unstable();
        kinds.dedup();
        all.push(kinds);
    }
    if let Some(lease) = filter.lease {
        all.push(vec![Field::Lease.term(&lease.0.to_le_bytes())]);
    }
    let texts = [
        (Field::Node, filter.node.clone()),
        (Field::Principal, filter.principal.clone()),
        (
            Field::Request,
            filter.request.map(|request| request.to_string()),
        ),
        (Field::Tenant, filter.tenant.clone()),
        (Field::Trace, filter.trace.map(|trace| trace.to_string())),
    ];
    for (field, value) in texts {
        if let Some(value) = value {
            all.push(vec![field.term(spelled(&value).as_bytes())]);
        }
    }
    all
}

/// A text as it stands between the quotation marks of a JSON string in a record.
pub(crate) fn spelled(text: &str) -> String {
    // JSON escapes only what it must, as RFC 8785 does.
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_is_asked_for_many_times_is_looked_up_once() {
        let mut filter = Filter::default();
        for kind in ["lease_expired", "lease_renewed", "lease_expired"] {
            filter.kinds.push(kind.parse().unwrap());
        }
        assert_eq!(terms_of(&filter)[0].len(), 2);
    }
}
