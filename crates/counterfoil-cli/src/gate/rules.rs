//! The rules.

mod boundary;
mod entry;
mod error_code;
mod export;
mod handlers;
mod metric;
mod mutation;
mod policy;
mod sink;

use super::finding::Finding;
use super::reach::Reach;
use super::workspace::Workspace;

/// A rule, by what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    Init,
    Server,
    Consumer,
    Mutation,
    ErrorCode,
    Otlp,
    Print,
    Subscriber,
    Exporter,
    Redaction,
    MetricName,
    StaticMetric,
    Exception,
}

impl Rule {
    /// Every rule.
    pub(crate) const ALL: [Self; 13] = [
        Self::Init,
        Self::Server,
        Self::Consumer,
        Self::Mutation,
        Self::ErrorCode,
        Self::Otlp,
        Self::Print,
        Self::Subscriber,
        Self::Exporter,
        Self::Redaction,
        Self::MetricName,
        Self::StaticMetric,
        Self::Exception,
    ];

    /// The code, which `counterfoil explain` has a text for.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Init => "CF-G-INIT",
            Self::Server => "CF-G-SERVER",
            Self::Consumer => "CF-G-CONSUMER",
            Self::Mutation => "CF-G-MUTATION",
            Self::ErrorCode => "CF-G-ERROR-CODE",
            Self::Otlp => "CF-G-OTLP",
            Self::Print => "CF-G-PRINT",
            Self::Subscriber => "CF-G-SUBSCRIBER",
            Self::Exporter => "CF-G-EXPORTER",
            Self::Redaction => "CF-G-REDACTION",
            Self::MetricName => "CF-G-METRIC-NAME",
            Self::StaticMetric => "CF-G-STATIC-METRIC",
            Self::Exception => "CF-G-EXCEPTION",
        }
    }

    /// The short name, as exceptions and `--explain` take it too.
    pub(crate) fn name(self) -> String {
        self.code().trim_start_matches("CF-G-").to_ascii_lowercase()
    }

    /// The rule of this code or short name.
    pub(crate) fn find(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|rule| rule.code() == text || rule.name() == text)
    }

    /// What to do about a finding, in a few words.
    pub(super) const fn next(self) -> &'static str {
        match self {
            Self::Init => "call counterfoil::init in main and keep its guard",
            Self::Server => "wrap the router with counterfoil_tower::ServerLayer",
            Self::Consumer => "take each message through the consumer adapter of counterfoil-tower",
            Self::Mutation => {
                "put each step behind counterfoil_tower::Mutation: resolve, apply, record"
            }
            Self::ErrorCode => {
                "answer with an entry of the catalogue: counterfoil_tower::error_codes!"
            }
            Self::Otlp => "turn the feature otlp on, and take the environment with Config::env",
            Self::Print => "use tracing, whose lines are escaped, redacted and correlated",
            Self::Subscriber => "leave logs, metrics and export to counterfoil::init",
            Self::Exporter => "put counterfoil's Redacting around it, or redact in it",
            Self::Redaction => "leave it to the default Redactor, or build the policy on it",
            Self::MetricName => "declare the instrument with counterfoil::instruments!",
            Self::StaticMetric => "make the handle after init, and pass it on in a struct",
            Self::Exception => "remove the exception, or mend it",
        }
    }
}

/// Everything that the rules find, in the order of files and lines.
pub(super) fn findings(workspace: &Workspace) -> Vec<Finding> {
    let reach = Reach::new(workspace);
    let mut found = Vec::new();
    entry::init(workspace, &reach, &mut found);
    export::otlp(workspace, &reach, &mut found);
    boundary::declared(workspace, &mut found);
    for (number, file) in workspace.files.iter().enumerate() {
        boundary::servers(workspace, &reach, number, &mut found);
        boundary::consumers(workspace, &reach, number, &mut found);
        mutation::handlers(workspace, &reach, number, &mut found);
        error_code::handlers(workspace, &reach, number, &mut found);
        error_code::statuses(workspace, file, &mut found);
        sink::prints(file, &mut found);
        sink::subscribers(file, &mut found);
        sink::exporters(file, &mut found);
        policy::policies(file, &mut found);
        metric::names(workspace, file, &mut found);
        metric::statics(file, &mut found);
    }
    found.sort();
    // A file of two trees, a binary and a library, say, is looked at in both.
    found.dedup();
    found
}
