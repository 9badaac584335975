//! Rules, as a configuration gives them.

use counterfoil_core::{HeadSampler, SpanRecord};
use serde_json::Value;

use super::condition::Condition;
use crate::{Error, ErrorKind};

/// Rules by which a [`TailSampler`](super::TailSampler) keeps traces.
///
/// The first rule of which a condition holds for some span of a trace decides about the trace: it is kept with the rule's rate,
/// by its id, so that every process decides alike. A trace for which no rule holds is dropped; end the list with the condition
/// `true`.
///
/// A condition compares with `==`, `!=`, `<`, `<=`, `>`, `>=`, `IN [...]` and `NOT IN [...]`, and combines with `AND`, `OR`, `NOT`
/// and parentheses. It knows:
///
/// | name | what it is |
/// |---|---|
/// | `status` | `'unset'`, `'ok'` or `'error'` |
/// | `level` | the highest level of what was logged within the span, from `'trace'` to `'error'`; in their order |
/// | `duration_ms` | how long the span took |
/// | `service` | the span's attribute `service.name`, or else the sampler's service |
/// | `name`, `kind`, `scope` | the span's; a kind is `'server'`, `'client'`, … |
/// | any other | the span's attribute of that name, such as `http.route`; a comparison with one that is missing does not hold |
///
/// ```
/// use counterfoil::trace::SamplingRules;
/// let rules = SamplingRules::from_json(r#"{
///   "sampling_rules": [
///     {"name": "always_sample_errors", "condition": "status == 'error' OR level >= 'error'", "rate": 1.0},
///     {"name": "always_sample_slow", "condition": "duration_ms > 5000", "rate": 1.0},
///     {"name": "always_sample_sensitive", "condition": "service IN ['treasury', 'identity']", "rate": 1.0},
///     {"name": "default_traces", "condition": "true", "rate": 0.1}
///   ]
/// }"#)?;
/// assert_eq!(rules.len(), 4);
/// # Ok::<(), counterfoil::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingRules {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    name: String,
    condition: Condition,
    rate: f64,
}

impl SamplingRules {
    /// Most rules.
    pub const MAX_RULES: usize = 64;
    /// Longest condition, in bytes.
    pub const MAX_CONDITION: usize = 1_024;

    /// Keeps every trace with an error, every trace with a span of more than `slow_ms` milliseconds, and of the others the
    /// share `ratio`.
    #[must_use]
    pub fn errors_slow_and(slow_ms: u32, ratio: f64) -> Self {
        use super::condition::{Literal, Operator, Subject};
        let text = |text: &str| Literal::Text(text.to_owned());
        let compare = Condition::Compare;
        let errors = Condition::Any(vec![
            compare(Subject::Status, Operator::Equal, text("error")),
            compare(Subject::Level, Operator::GreaterOrEqual, text("error")),
        ]);
        let slow = Literal::Number(slow_ms.into());
        let slow = compare(Subject::DurationMs, Operator::Greater, slow);
        let rule = |name: &str, condition, rate| Rule {
            name: name.to_owned(),
            condition,
            rate,
        };
        Self {
            rules: vec![
                rule("always_sample_errors", errors, 1.0),
                rule("always_sample_slow", slow, 1.0),
                rule("default_traces", Condition::Always(true), ratio),
            ],
        }
    }

    /// Reads `{"sampling_rules": [{"name": …, "condition": …, "rate": …}, …]}`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] names the rule and the place that are wrong.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let config: Value = serde_json::from_str(text)
            .map_err(|error| refused("the sampling rules are no JSON").with_source(error))?;
        let Some(Value::Array(rules)) = config.get("sampling_rules") else {
            return Err(refused(
                "the member \"sampling_rules\" is missing or no list",
            ));
        };
        if rules.len() > Self::MAX_RULES {
            let most = Self::MAX_RULES;
            return Err(refused(format!(
                "{} rules are more than {most}",
                rules.len()
            )));
        }
        let rules = rules.iter().enumerate();
        let rules = rules.map(|(i, rule)| {
            Rule::read(rule).map_err(|what| refused(format!("sampling rule {}: {what}", i + 1)))
        });
        rules.collect::<Result<_, _>>().map(|rules| Self { rules })
    }

    /// How many rules there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is no rule, so that every trace is dropped.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules that hold for `span`, a bit for each, the first rule the lowest.
    pub(super) fn holding(&self, span: &SpanRecord, service: &str) -> u64 {
        let rules = self.rules.iter().enumerate();
        rules.fold(0, |bits, (i, rule)| {
            bits | u64::from(rule.condition.holds(span, service)) << i
        })
    }

    /// Which share is kept of traces for which these rules hold.
    pub(super) fn sampler(&self, holding: u64) -> HeadSampler {
        let rule = self.rules.get(holding.trailing_zeros() as usize);
        HeadSampler::ratio(rule.map_or(0.0, |rule| rule.rate))
    }
}

impl Rule {
    fn read(rule: &Value) -> Result<Self, String> {
        let text = |key: &str| {
            let text = rule.get(key).and_then(Value::as_str);
            text.ok_or_else(|| format!("the member {key:?} is missing or no text"))
        };
        let (name, condition) = (text("name")?, text("condition")?);
        if condition.len() > SamplingRules::MAX_CONDITION {
            let most = SamplingRules::MAX_CONDITION;
            return Err(format!("its condition is longer than {most} bytes"));
        }
        let rate = rule.get("rate").and_then(Value::as_f64);
        let rate = rate.filter(|rate| (0.0..=1.0).contains(rate));
        Ok(Self {
            condition: Condition::parse(condition)
                .map_err(|what| format!("the condition of {name:?}, {what}"))?,
            name: name.to_owned(),
            rate: rate.ok_or_else(|| format!("the rate of {name:?} is no number from 0 to 1"))?,
        })
    }
}

fn refused(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidConfig, "read sampling rules", context)
}
