//! Which class, activity and severity each kind has.

use counterfoil_audit::{AuditEventKind as Kind, Outcome};
use serde_json::Value;

/// A class of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// An event that no other class is for.
    BaseEvent,
    /// What happens to a log itself.
    EventLogActivity,
    /// A finding by a rule.
    DetectionFinding,
    /// What is granted, changed or taken away.
    EntityManagement,
    /// A program starts or stops.
    ApplicationLifecycle,
    /// A call.
    ApiActivity,
}

impl Class {
    /// `class_uid`.
    #[must_use]
    pub const fn uid(self) -> u32 {
        match self {
            Self::BaseEvent => 0,
            Self::EventLogActivity => 1008,
            Self::DetectionFinding => 2004,
            Self::EntityManagement => 3004,
            Self::ApplicationLifecycle => 6002,
            Self::ApiActivity => 6003,
        }
    }

    /// `class_name`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BaseEvent => "Base Event",
            Self::EventLogActivity => "Event Log Activity",
            Self::DetectionFinding => "Detection Finding",
            Self::EntityManagement => "Entity Management",
            Self::ApplicationLifecycle => "Application Lifecycle",
            Self::ApiActivity => "API Activity",
        }
    }

    /// `category_uid` and `category_name`.
    #[must_use]
    pub const fn category(self) -> (u32, &'static str) {
        match self {
            Self::BaseEvent => (0, "Uncategorized"),
            Self::EventLogActivity => (1, "System Activity"),
            Self::DetectionFinding => (2, "Findings"),
            Self::EntityManagement => (3, "Identity & Access Management"),
            Self::ApplicationLifecycle | Self::ApiActivity => (6, "Application Activity"),
        }
    }
}

/// `severity_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Nothing to do.
    Informational,
    /// Worth knowing.
    Low,
    /// Somebody should look.
    Medium,
    /// Somebody should look soon.
    High,
}

impl Severity {
    /// `severity_id`.
    #[must_use]
    pub const fn id(self) -> u32 {
        match self {
            Self::Informational => 1,
            Self::Low => 2,
            Self::Medium => 3,
            Self::High => 4,
        }
    }

    /// `severity`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Informational => "Informational",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
        }
    }
}

/// What is done, by the numbers of its class; 99 with a name of our own where the class has none for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Activity {
    /// `activity_id`.
    pub id: u32,
    /// `activity_name`.
    pub name: String,
}

/// Where a kind belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mapping {
    /// The class.
    pub class: Class,
    /// The activity.
    pub activity: Activity,
    /// How severe it is when it went well; see [`severity_of`](Self::severity_of).
    pub severity: Severity,
    /// What kind of entity it is about, in classes that manage entities.
    pub(super) entity: &'static str,
}

impl Mapping {
    /// Where records of `kind` belong. Total: a kind of the format that has no place here does not compile.
    #[must_use]
    pub fn of(kind: &Kind) -> Self {
        use Class::{ApiActivity, ApplicationLifecycle, DetectionFinding, EventLogActivity};
        use Severity::{High, Informational, Low, Medium};
        match kind {
            Kind::LeaseAllocated => entity("lease", 1, "Create", Informational),
            Kind::LeaseRenewed => entity("lease", 3, "Update", Informational),
            Kind::LeaseReleased => entity("lease", 4, "Delete", Informational),
            Kind::LeaseExpired => entity("lease", 99, "Expire", Low),
            Kind::LeasePreempted => entity("lease", 99, "Preempt", Low),
            Kind::RevokeStateTransition => entity("revocation", 3, "Update", Low),
            Kind::BundleAdmissionDecided => entity("bundle", 99, "Admission", Informational),
            Kind::EdgeRewritten => entity("edge", 3, "Update", Low),
            Kind::ConfigChanged => entity("setting", 3, "Update", Medium),
            Kind::KeyRotated => entity("key", 3, "Update", Medium),
            Kind::EpochStarted => entity("key", 1, "Create", Informational),
            // The activity of a call depends on what was tried; see `objects`.
            Kind::OperationFailed => plain(ApiActivity, 99, "Operation", Low),
            Kind::ObsMetricSnapshot => {
                plain(EventLogActivity, 99, "Metric Snapshot", Informational)
            }
            Kind::ObsLogBatch => plain(EventLogActivity, 99, "Log Batch", Informational),
            Kind::ObsTraceComplete => plain(EventLogActivity, 99, "Trace Complete", Informational),
            Kind::ObsAlertFired => plain(DetectionFinding, 1, "Create", Medium),
            Kind::ObsAlertResolved => plain(DetectionFinding, 3, "Close", Informational),
            Kind::ObsAnomalyDetected => plain(DetectionFinding, 1, "Create", Medium),
            Kind::ObsSloReport => plain(Class::BaseEvent, 99, "SLO Report", Informational),
            Kind::LogOpened => plain(EventLogActivity, 6, "Start", Informational),
            Kind::LogClosed => plain(EventLogActivity, 7, "Stop", Informational),
            Kind::ChainRestarted => plain(EventLogActivity, 8, "Restart", High),
            Kind::TailRecovered => plain(EventLogActivity, 99, "Tail Recovery", Medium),
            Kind::ClockStepped => plain(EventLogActivity, 99, "Clock Step", Low),
            Kind::Erased => plain(EventLogActivity, 99, "Erasure", Medium),
            Kind::RetentionApplied => plain(EventLogActivity, 2, "Delete", Informational),
            Kind::RecordsLost => plain(EventLogActivity, 99, "Records Lost", High),
            // `objects` tells an export from a reading.
            Kind::Access => plain(EventLogActivity, 99, "Read", Low),
            Kind::ProducerOpened => plain(ApplicationLifecycle, 3, "Start", Informational),
            Kind::ProducerClosed => plain(ApplicationLifecycle, 4, "Stop", Informational),
            Kind::Extension(kind) => plain(Class::BaseEvent, 99, kind.as_str(), Informational),
        }
    }

    /// The severity of one record: a failure is at least low, and what the data says may raise it.
    pub(super) fn severity_of(&self, outcome: Outcome, data: &Value) -> Severity {
        let by_outcome = match outcome {
            Outcome::Success => Severity::Informational,
            Outcome::Failure | Outcome::Unknown => Severity::Low,
        };
        let by_data = match (self.class, data) {
            (Class::EventLogActivity, data) if data["reason"] == "failure" => Severity::High,
            (Class::EventLogActivity, data) if !data["unclean"].is_null() => Severity::Medium,
            (Class::BaseEvent, data) if data["met"] == false => Severity::Medium,
            (_, data) if data["decision"] == "rejected" => Severity::Medium,
            _ => Severity::Informational,
        };
        self.severity.max(by_outcome).max(by_data)
    }
}

fn plain(class: Class, id: u32, name: &str, severity: Severity) -> Mapping {
    Mapping {
        class,
        activity: Activity {
            id,
            name: name.to_owned(),
        },
        severity,
        entity: "",
    }
}

fn entity(what: &'static str, id: u32, name: &str, severity: Severity) -> Mapping {
    Mapping {
        entity: what,
        ..plain(Class::EntityManagement, id, name, severity)
    }
}
