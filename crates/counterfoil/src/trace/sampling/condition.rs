//! What a rule asks of a span.

use counterfoil_core::{Attribute, AttributeValue, SpanRecord, SpanStatus};

use super::tokens::{Token, TokenKind, tokens};

/// A parsed condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    Always(bool),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
    Compare(Subject, Operator, Literal),
    OneOf(Subject, Vec<Literal>),
}

/// What is compared.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Subject {
    Status,
    Level,
    DurationMs,
    Service,
    Name,
    Kind,
    Scope,
    Attribute(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Number(f64),
    Bool(bool),
}

/// How deep parentheses and negations may be nested.
const DEEPEST: usize = 32;

const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];

impl Condition {
    /// Parses a condition; what is wrong with it otherwise, as the rest of a sentence.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let found = |(at, what): (usize, String)| format!("at character {}: {what}", at + 1);
        let tokens = tokens(text).map_err(|(at, what)| found((at, format!("found {what}"))))?;
        let mut parser = Parser {
            tokens: &tokens,
            end: text.len(),
            depth: 0,
        };
        let condition = parser.any().map_err(found)?;
        match parser.tokens.first() {
            None => Ok(condition),
            Some(token) => Err(found((token.at, "expected AND, OR or the end".into()))),
        }
    }

    /// Whether `span`, which belongs to `service`, satisfies the condition.
    pub(super) fn holds(&self, span: &SpanRecord, service: &str) -> bool {
        match self {
            Self::Always(holds) => *holds,
            Self::Not(inner) => !inner.holds(span, service),
            Self::All(parts) => parts.iter().all(|part| part.holds(span, service)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(span, service)),
            Self::Compare(subject, operator, literal) => {
                subject.compare(span, service, *operator, literal)
            }
            Self::OneOf(subject, literals) => literals
                .iter()
                .any(|literal| subject.compare(span, service, Operator::Equal, literal)),
        }
    }
}

impl Subject {
    fn named(word: &str) -> Self {
        match word {
            "status" => Self::Status,
            "level" => Self::Level,
            "duration_ms" => Self::DurationMs,
            "service" => Self::Service,
            "name" => Self::Name,
            "kind" => Self::Kind,
            "scope" => Self::Scope,
            _ => Self::Attribute(word.to_owned()),
        }
    }

    /// Whether the comparison makes sense; what would, otherwise.
    fn check(&self, operator: Operator, literal: &Literal) -> Result<(), &'static str> {
        let ordered = !matches!(operator, Operator::Equal | Operator::NotEqual);
        match (self, literal) {
            (Self::Level, Literal::Text(level)) if LEVELS.contains(&level.as_str()) => Ok(()),
            (Self::Level, _) => Err("a level is 'trace', 'debug', 'info', 'warn' or 'error'"),
            (Self::DurationMs, Literal::Number(_)) => Ok(()),
            (Self::DurationMs, _) => Err("duration_ms is compared with a number"),
            (Self::Status, Literal::Text(status))
                if !ordered && matches!(status.as_str(), "unset" | "ok" | "error") =>
            {
                Ok(())
            }
            (Self::Status, _) => Err("a status is == or != to 'unset', 'ok' or 'error'"),
            (Self::Attribute(_), Literal::Number(_)) => Ok(()),
            (_, Literal::Text(_) | Literal::Bool(_)) if ordered => {
                Err("only numbers and levels have an order")
            }
            (Self::Attribute(_), _) | (_, Literal::Text(_)) => Ok(()),
            _ => Err("this is compared with a text"),
        }
    }

    fn compare(
        &self,
        span: &SpanRecord,
        service: &str,
        operator: Operator,
        literal: &Literal,
    ) -> bool {
        let of_text = |text: &str| match literal {
            Literal::Text(literal) => operator.holds(text.cmp(literal)),
            _ => false,
        };
        match self {
            Self::Status => of_text(match span.status {
                SpanStatus::Unset => "unset",
                SpanStatus::Ok => "ok",
                SpanStatus::Error(_) => "error",
            }),
            Self::Level => match (level(span), literal) {
                (Some(level), Literal::Text(literal)) => {
                    let rank = LEVELS.iter().position(|it| it == literal);
                    rank.is_some_and(|rank| operator.holds(level.cmp(&rank)))
                }
                _ => false,
            },
            Self::DurationMs => match literal {
                Literal::Number(number) => {
                    let ms = span.duration().as_secs_f64() * 1_000.0;
                    ms.partial_cmp(number)
                        .is_some_and(|order| operator.holds(order))
                }
                _ => false,
            },
            Self::Service => of_text(match attribute(&span.attributes, "service.name") {
                Some(AttributeValue::Text(own)) => own,
                _ => service,
            }),
            Self::Name => of_text(&span.name),
            Self::Kind => of_text(span.kind.as_str()),
            Self::Scope => of_text(span.scope),
            Self::Attribute(key) => attribute(&span.attributes, key)
                .is_some_and(|value| of_value(value, operator, literal)),
        }
    }
}

fn of_value(value: &AttributeValue, operator: Operator, literal: &Literal) -> bool {
    let order = match (value, literal) {
        (AttributeValue::Text(value), Literal::Text(literal)) => {
            Some(value.as_ref().cmp(literal.as_str()))
        }
        (AttributeValue::Bool(value), Literal::Bool(literal)) => Some(value.cmp(literal)),
        (AttributeValue::Int(value), Literal::Number(literal)) => {
            (*value as f64).partial_cmp(literal)
        }
        (AttributeValue::Float(value), Literal::Number(literal)) => value.partial_cmp(literal),
        _ => None,
    };
    order.is_some_and(|order| operator.holds(order))
}

fn attribute<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a AttributeValue> {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    found.map(|attribute| &attribute.value)
}

/// The highest level of what was logged in a span.
fn level(span: &SpanRecord) -> Option<usize> {
    let of_event = |level: &AttributeValue| match level {
        AttributeValue::Text(level) => LEVELS.iter().position(|it| it.eq_ignore_ascii_case(level)),
        _ => None,
    };
    let levels = span.events.iter();
    let levels = levels.filter_map(|event| attribute(&event.attributes, "level"));
    levels.filter_map(of_event).max()
}

impl Operator {
    fn of(sign: &str) -> Option<Self> {
        Some(match sign {
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    const fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

type Parsed<T> = Result<T, (usize, String)>;

/// Recursive descent: OR binds weakest, then AND, then NOT.
struct Parser<'a> {
    tokens: &'a [Token<'a>],
    end: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn any(&mut self) -> Parsed<Condition> {
        let first = self.all()?;
        let mut parts = vec![first];
        while self.takes_word("or") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Condition::Any))
    }

    fn all(&mut self) -> Parsed<Condition> {
        let mut parts = vec![self.part()?];
        while self.takes_word("and") {
            parts.push(self.part()?);
        }
        Ok(one_or(parts, Condition::All))
    }

    fn part(&mut self) -> Parsed<Condition> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err((self.at(), format!("nested deeper than {DEEPEST}")));
        }
        let part = if self.takes_word("not") {
            Condition::Not(Box::new(self.part()?))
        } else if self.takes_sign("(") {
            let inner = self.any()?;
            self.expect(")")?;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(part)
    }

    fn comparison(&mut self) -> Parsed<Condition> {
        let at = self.at();
        let Some(TokenKind::Word(word)) = self.next() else {
            return Err((at, "expected a name such as status or duration_ms".into()));
        };
        if let Ok(constant) = word.parse() {
            return Ok(Condition::Always(constant));
        }
        let subject = Subject::named(word);
        let negated = self.takes_word("not");
        if self.takes_word("in") {
            let one_of = Condition::OneOf(subject.clone(), self.list(&subject)?);
            return Ok(if negated {
                Condition::Not(Box::new(one_of))
            } else {
                one_of
            });
        }
        let at = self.at();
        let operator = match self.next() {
            Some(TokenKind::Sign(sign)) if !negated => Operator::of(sign),
            _ => None,
        };
        let operator = operator
            .ok_or_else(|| (at, "expected ==, !=, <, <=, >, >=, IN or NOT IN".to_owned()))?;
        let literal = self.literal(&subject, operator)?;
        Ok(Condition::Compare(subject, operator, literal))
    }

    fn list(&mut self, subject: &Subject) -> Parsed<Vec<Literal>> {
        self.expect("[")?;
        let mut literals = vec![self.literal(subject, Operator::Equal)?];
        while self.takes_sign(",") {
            literals.push(self.literal(subject, Operator::Equal)?);
        }
        self.expect("]")?;
        Ok(literals)
    }

    fn literal(&mut self, subject: &Subject, operator: Operator) -> Parsed<Literal> {
        let at = self.at();
        let literal = match self.next() {
            Some(TokenKind::Text(text)) => Some(Literal::Text(text.to_owned())),
            Some(TokenKind::Number(number)) => Some(Literal::Number(number)),
            Some(TokenKind::Word(word)) => word.parse().ok().map(Literal::Bool),
            _ => None,
        };
        let literal =
            literal.ok_or_else(|| (at, "expected a 'text', a number, true or false".to_owned()))?;
        subject
            .check(operator, &literal)
            .map_err(|what| (at, what.to_owned()))?;
        Ok(literal)
    }

    fn at(&self) -> usize {
        self.tokens.first().map_or(self.end, |token| token.at)
    }

    fn next(&mut self) -> Option<TokenKind<'a>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first.kind.clone())
    }

    fn takes(&mut self, wanted: impl Fn(&TokenKind<'_>) -> bool) -> bool {
        let found = self.tokens.first().is_some_and(|token| wanted(&token.kind));
        if found {
            self.tokens = &self.tokens[1..];
        }
        found
    }

    fn takes_word(&mut self, keyword: &str) -> bool {
        self.takes(
            |kind| matches!(kind, TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword)),
        )
    }

    fn takes_sign(&mut self, wanted: &str) -> bool {
        self.takes(|kind| matches!(kind, TokenKind::Sign(sign) if *sign == wanted))
    }

    fn expect(&mut self, sign: &str) -> Parsed<()> {
        let at = self.at();
        if self.takes_sign(sign) {
            Ok(())
        } else {
            Err((at, format!("expected {sign}")))
        }
    }
}

fn one_or(mut parts: Vec<Condition>, of: impl Fn(Vec<Condition>) -> Condition) -> Condition {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            parts.push(last);
            of(parts)
        }
        (_, None) => Condition::Always(true),
    }
}
