//! Prometheus names, derived as the OpenTelemetry compatibility specification says.

use super::{PROMETHEUS_ALIASES, PROMETHEUS_STANDARD};
use crate::MetricKind;

/// The Prometheus name of an instrument: characters outside `[a-zA-Z0-9_:]` become `_`, runs of `_` become one, the unit's
/// word is appended unless the name ends with it, and counters end in `_total`. What every Prometheus client library has a
/// name of its own for goes by that ([`PROMETHEUS_STANDARD`](super::PROMETHEUS_STANDARD)).
///
/// ```
/// use counterfoil_core::{MetricKind, names::prometheus_name};
///
/// assert_eq!(prometheus_name("counterfoil.operation.io", "By", MetricKind::Counter), "counterfoil_operation_io_bytes_total");
/// assert_eq!(prometheus_name("orders_started_total", "", MetricKind::Counter), "orders_started_total");
/// ```
#[must_use]
pub fn prometheus_name(name: &str, unit: &str, kind: MetricKind) -> String {
    if let Some((_, standard)) = PROMETHEUS_STANDARD.iter().find(|(row, _)| row.name == name) {
        return (*standard).into();
    }
    let mut derived = sanitize(name, true);
    let counts = kind == MetricKind::Counter;
    if counts && derived.len() > "_total".len() && derived.ends_with("_total") {
        derived.truncate(derived.len() - "_total".len());
    }
    let word = prometheus_unit(unit, kind);
    if !word.is_empty() && derived != word && !derived.ends_with(&format!("_{word}")) {
        if !derived.ends_with('_') {
            derived.push('_');
        }
        derived.push_str(&word);
    }
    if counts && !derived.ends_with("_total") {
        derived.push_str(if derived.ends_with('_') {
            "total"
        } else {
            "_total"
        });
    }
    derived
}

/// The word for a UCUM unit that ends a Prometheus name, such as `seconds` or `bytes_per_second`; empty where the unit is only
/// an annotation.
#[must_use]
pub fn prometheus_unit(unit: &str, kind: MetricKind) -> String {
    if unit == "1" {
        return match kind {
            MetricKind::Gauge => "ratio".into(),
            MetricKind::Counter
            | MetricKind::UpDownCounter
            | MetricKind::Histogram
            | MetricKind::ExponentialHistogram => String::new(),
        };
    }
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let (main, per) = (plural(main), singular(per));
    match (main.is_empty(), per.is_empty()) {
        (_, true) => main,
        (true, false) => format!("per_{per}"),
        (false, false) => format!("{main}_per_{per}"),
    }
}

/// The Prometheus spelling of a label key: as for names, without `:`.
#[must_use]
pub fn prometheus_label(key: &str) -> String {
    sanitize(key, false)
}

/// The alias that a series of this OpenTelemetry name has beside its derived name, if it has one.
///
/// Kinds of other domains (`vault.object_put`) have none: the aliases are a promise for the built-in kinds only.
#[must_use]
pub fn prometheus_alias<'a>(
    name: &str,
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Option<String> {
    let (_, template) = PROMETHEUS_ALIASES
        .iter()
        .find(|(row, _)| row.name == name)?;
    let mut alias = String::from(*template);
    for (key, value) in labels {
        let plain = value
            .bytes()
            .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_');
        if plain && !value.is_empty() {
            alias = alias.replace(&format!("<{key}>"), value);
        }
    }
    (!alias.contains('<')).then_some(alias)
}

fn sanitize(name: &str, colons: bool) -> String {
    let mut out = String::with_capacity(name.len() + 1);
    for c in name.chars() {
        let kept = c.is_ascii_alphanumeric() || (colons && c == ':');
        let c = if kept { c } else { '_' };
        if out.is_empty() && c.is_ascii_digit() {
            out.push('_');
        }
        if !(c == '_' && out.ends_with('_')) {
            out.push(c);
        }
    }
    if out.is_empty() {
        out.push('_');
    }
    out
}

fn plural(unit: &str) -> String {
    let word = match unit {
        "d" => "days",
        "h" => "hours",
        "min" => "minutes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "GiBy" => "gibibytes",
        "TiBy" => "tibibytes",
        "KBy" => "kilobytes",
        "MBy" => "megabytes",
        "GBy" => "gigabytes",
        "TBy" => "terabytes",
        "m" => "meters",
        "V" => "volts",
        "A" => "amperes",
        "J" => "joules",
        "W" => "watts",
        "g" => "grams",
        "Cel" => "celsius",
        "Hz" => "hertz",
        "%" => "percent",
        "1" => "",
        other => return without_annotation(other),
    };
    word.into()
}

fn singular(unit: &str) -> String {
    let word = match unit {
        "s" => "second",
        "m" => "meter",
        "min" => "minute",
        "h" => "hour",
        "d" => "day",
        "w" => "week",
        "mo" => "month",
        "y" => "year",
        other => return without_annotation(other),
    };
    word.into()
}

/// Annotations such as `{lease}` say what is counted and leave the name alone.
fn without_annotation(unit: &str) -> String {
    let plain = match (unit.find('{'), unit.rfind('}')) {
        (Some(from), Some(to)) if from < to => {
            format!(
                "{}{}",
                unit.get(..from).unwrap_or(""),
                unit.get(to + 1..).unwrap_or("")
            )
        }
        _ => unit.to_owned(),
    };
    if plain.is_empty() {
        return plain;
    }
    sanitize(&plain, false).trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_follow_the_compatibility_specification() {
        use MetricKind::{Counter, Gauge, Histogram, UpDownCounter};
        for (name, unit, kind, expected) in [
            (
                "counterfoil.lease.active",
                "{lease}",
                UpDownCounter,
                "counterfoil_lease_active",
            ),
            (
                "counterfoil.lease.acquired",
                "{lease}",
                Counter,
                "counterfoil_lease_acquired_total",
            ),
            (
                "counterfoil.operation.duration",
                "s",
                Histogram,
                "counterfoil_operation_duration_seconds",
            ),
            (
                "counterfoil.audit.chain.verification.failures",
                "{failure}",
                Counter,
                "counterfoil_audit_chain_verification_failures_total",
            ),
            ("cache.use", "1", Gauge, "cache_use_ratio"),
            ("cache.use", "1", Counter, "cache_use_total"),
            ("net.speed", "m/s", Gauge, "net_speed_meters_per_second"),
            ("net.rate", "{packet}/s", Gauge, "net_rate_per_second"),
            ("read_bytes_total", "By", Counter, "read_bytes_total"),
            ("a..b--c", "", Gauge, "a_b_c"),
            ("2xx", "", Counter, "_2xx_total"),
            ("", "", Gauge, "_"),
            ("total", "", Counter, "total_total"),
        ] {
            assert_eq!(prometheus_name(name, unit, kind), expected, "{name} {unit}");
        }
    }

    /// What dashboards for the semantic conventions query.
    #[test]
    fn families_of_the_semantic_conventions_have_the_names_that_dashboards_ask_for() {
        use MetricKind::{Counter, ExponentialHistogram, Histogram, UpDownCounter};
        for (name, unit, kind, expected) in [
            (
                "http.server.request.duration",
                "s",
                Histogram,
                "http_server_request_duration_seconds",
            ),
            (
                "http.server.active_requests",
                "{request}",
                UpDownCounter,
                "http_server_active_requests",
            ),
            (
                "http.server.request.body.size",
                "By",
                ExponentialHistogram,
                "http_server_request_body_size_bytes",
            ),
            (
                "http.client.request.duration",
                "s",
                Histogram,
                "http_client_request_duration_seconds",
            ),
            (
                "rpc.server.call.duration",
                "s",
                Histogram,
                "rpc_server_call_duration_seconds",
            ),
            (
                "messaging.process.duration",
                "s",
                Histogram,
                "messaging_process_duration_seconds",
            ),
            (
                "messaging.client.consumed.messages",
                "{message}",
                Counter,
                "messaging_client_consumed_messages_total",
            ),
            (
                "process.cpu.time",
                "s",
                Counter,
                "process_cpu_seconds_total",
            ),
        ] {
            assert_eq!(prometheus_name(name, unit, kind), expected);
        }
        for (key, expected) in [
            ("http.request.method", "http_request_method"),
            ("http.response.status_code", "http_response_status_code"),
            ("rpc.response.status_code", "rpc_response_status_code"),
            ("error.type", "error_type"),
        ] {
            assert_eq!(prometheus_label(key), expected);
        }
    }

    #[test]
    fn aliases_exist_for_built_in_kinds_only() {
        let sealed = "counterfoil.audit.record.sealed";
        assert_eq!(
            prometheus_alias(sealed, [("kind", "lease_expired")]).as_deref(),
            Some("counterfoil_audit_records_lease_expired_total")
        );
        assert_eq!(
            prometheus_alias(sealed, [("kind", "vault.object_put")]),
            None
        );
        assert_eq!(prometheus_alias(sealed, []), None);
        assert_eq!(prometheus_alias("counterfoil.lease.active", []), None);
    }

    fn is_name(text: &str) -> bool {
        !text.is_empty()
            && !text.starts_with(|c: char| c.is_ascii_digit())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
    }

    proptest! {
        #[test]
        fn any_name_derives_to_a_valid_one_that_derives_to_itself(name in ".{0,24}", unit in "(s|By|1|\\{x\\}|By/s|.{0,4})") {
            for kind in [MetricKind::Counter, MetricKind::UpDownCounter, MetricKind::Gauge, MetricKind::Histogram, MetricKind::ExponentialHistogram] {
                let once = prometheus_name(&name, &unit, kind);
                prop_assert!(is_name(&once), "{once:?}");
                prop_assert!(kind != MetricKind::Counter || once.ends_with("_total"), "{once:?}");
                prop_assert_eq!(prometheus_name(&once, &unit, kind), once);
            }
        }

        #[test]
        fn any_label_key_derives_to_a_valid_one(key in ".{0,24}") {
            let derived = prometheus_label(&key);
            prop_assert!(is_name(&derived) && !derived.contains(':'), "{derived:?}");
        }
    }
}
