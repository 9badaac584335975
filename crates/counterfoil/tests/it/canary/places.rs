//! Everywhere that a secret may be put.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use counterfoil::audit::{
    AuditEventData, AuditInput, AuditLog, Instance, Keys, Lane, Metadata, Object, Outcome, Src,
    SrcId, Value, Who,
};
use counterfoil::events::EventRingBuffer;
use counterfoil::health::{Health, Outcome as HealthOutcome, Registration};
use counterfoil::trace::{LogFormat, LogLines, LogWriter, Pipeline};
use counterfoil::{
    Context, Current, DomainRecord, ExtensionKind, LeaseId, LogRecord, Name, Observer, RequestId,
    ResourceType, SpanRecord, Timestamp, TraceContext, WorkloadIdentity,
};
use metrics::{counter, describe_counter, histogram, with_local_recorder};
use tracing::{Level, error, info, info_span, warn};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::PATIENCE;
use crate::tracing::support::Page;

/// What puts the secrets of a place where they do not belong.
pub(crate) type Put = fn(&Told, &str, &str);

/// Every place by name. Each is given a secret that is known by its shape and one that is known by its key.
pub(crate) const PLACES: &[(&str, Put)] = &[
    ("log-message", |_, shaped, keyed| {
        info!("signed in with {shaped} and password={keyed}");
    }),
    ("field", |_, shaped, keyed| {
        info!(password = keyed, note = shaped, "fields");
    }),
    ("nested-field", |_, shaped, keyed| {
        let user = User {
            password: keyed,
            token: Some(shaped),
        };
        info!(user = ?user, json = format!("{{\"login\":{{\"api_key\":\"{keyed}\"}}}}"), "nested");
    }),
    ("span-field", |_, shaped, keyed| {
        let span = info_span!(
            "request",
            access_token = keyed,
            otel.name = format!("GET /{shaped}"),
            late = tracing::field::Empty
        );
        span.record("late", shaped);
        span.in_scope(|| info!("within"));
    }),
    ("span-status", |_, shaped, keyed| {
        let span = info_span!(
            "failing",
            otel.status_code = tracing::field::Empty,
            otel.status_message = tracing::field::Empty
        );
        span.record("otel.status_code", "ERROR");
        span.record(
            "otel.status_message",
            format!("refused {shaped} token={keyed}"),
        );
        span.in_scope(|| warn!("within"));
    }),
    ("span-event", |_, shaped, keyed| {
        info_span!("job")
            .in_scope(|| tracing::event!(Level::ERROR, secret = keyed, "event {shaped}"));
    }),
    ("event", |told, shaped, keyed| {
        let reason = Name::new(&format!("token={keyed} {shaped}"));
        told.observer.lease_preempted(
            &told.context,
            ResourceType::Mem,
            LeaseId(7),
            &Name::new("node-a"),
            None,
            &reason,
        );
        told.observer
            .disconnected(&told.context, &Name::new(shaped), &reason);
    }),
    ("context", |told, shaped, keyed| {
        let identity =
            WorkloadIdentity::tenant_only(shaped).with_workload(&format!("secret={keyed}"));
        let context = Context::new(identity).with_from(&format!("https://bob:{keyed}@host/"));
        told.observer.reconnected(&context, &Name::new("node-a"));
    }),
    ("label", |told, shaped, keyed| {
        with_local_recorder(told.observer.registry(), || {
            describe_counter!("app.calls", format!("described with password={keyed}"));
            counter!("app.calls", "password" => keyed.to_owned(), "note" => shaped.to_owned())
                .increment(1);
            counter!("app.mails", "principal" => keyed.to_owned(), "hash" => keyed.to_owned())
                .increment(1);
        });
    }),
    ("metric-name", |told, shaped, keyed| {
        with_local_recorder(told.observer.registry(), || {
            counter!(format!("app.{shaped}"), "api_key" => keyed.to_owned()).increment(1);
        });
    }),
    ("exemplar", |told, shaped, keyed| {
        // Ids of traces and spans are all that an exemplar has; the labels beside it are as any other.
        info_span!("timed", refresh_token = keyed).in_scope(|| {
            with_local_recorder(told.observer.registry(), || {
                histogram!("app.latency", "note" => shaped.to_owned()).record(0.2);
            });
        });
    }),
    ("audit-metadata", |told, shaped, keyed| {
        let mut meta = Metadata::new();
        meta.insert("reason", format!("asked with {shaped}"))
            .unwrap();
        meta.insert("old_value", format!("password={keyed}"))
            .unwrap();
        told.append_with(meta);
    }),
    ("audit-extension", |told, shaped, keyed| {
        let mut nested = Object::new();
        nested.insert("password", keyed).unwrap();
        let mut data = Object::new();
        data.insert("login", nested).unwrap();
        data.insert("notes", Value::Array(vec![shaped.into()]))
            .unwrap();
        data.insert("ssh_private_key_enc", keyed).unwrap();
        let kind: ExtensionKind = "vault.object_put".parse().unwrap();
        told.observer
            .record(&told.context, DomainRecord::new(&kind, data));
    }),
    ("error-chain", |told, shaped, keyed| {
        let inner = std::io::Error::other(format!("server said: {shaped}"));
        let outer = Refused {
            dsn: format!("postgres://bob:{keyed}@db/x"),
            inner,
        };
        error!(error = &outer as &dyn std::error::Error, "cannot connect");
        error!(
            "cannot connect: {outer}: {}",
            std::error::Error::source(&outer).unwrap()
        );
        told.health
            .record_error("database", format!("{outer}: {}", outer.inner));
    }),
    ("health-check", |told, shaped, keyed| {
        let message = format!("refused {shaped} for password={keyed}");
        let check = counterfoil::health::from_fn(move || {
            let message = message.clone();
            async move { HealthOutcome::unhealthy(message) }
        });
        told.health
            .register(Registration::new("database", check))
            .unwrap();
    }),
    ("panic-text", |told, shaped, keyed| {
        let text = format!("called `unwrap` on Config {{ password: \"{keyed}\" }}, {shaped}");
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            std::panic::resume_unwind(Box::new(text))
        }));
        let payload = panicked.unwrap_err();
        let text = payload.downcast_ref::<String>().unwrap();
        error!(panic.message = text, "panicked: {text}");
        told.health.record_error("panic", text.clone());
    }),
    ("cli-argument", |_, shaped, keyed| {
        info!(process.command_args = ?["serve", "--password", keyed, "--note", shaped], "started");
        info!("unexpected argument '--api-key={keyed}' found");
    }),
    ("url", |_, shaped, keyed| {
        info!(
            url.full =
                format!("https://bob:{keyed}@host/?access_token={keyed}&next=%2F%3Fcode%3D{keyed}"),
            "GET /{shaped}"
        );
    }),
    ("header", |_, shaped, keyed| {
        info!(headers = ?[("authorization", format!("Bearer {shaped}"))], http.request.header.cookie = keyed, "sent Authorization: Bearer {keyed}x");
        info!("sent\nCookie: a={keyed}; b={shaped}\n");
    }),
    ("request-id", |told, shaped, _| {
        let request: RequestId = shaped.parse().unwrap();
        let context = told.context.clone().with_request(request);
        let _entered = Current::enter(context.clone());
        info_span!("handled").in_scope(|| info!("in a request"));
        told.observer
            .disconnected(&context, &Name::new("node-a"), &Name::new("timeout"));
    }),
];

/// An application to which every secret was told.
pub(crate) struct Told {
    pub(crate) observer: Observer,
    pub(crate) context: Context,
    pub(crate) health: Health,
    pub(crate) text: Page,
    pub(crate) json: Page,
    pub(crate) spans: Vec<SpanRecord>,
    pub(crate) logs: Vec<LogRecord>,
    pub(crate) log_dir: PathBuf,
    _directory: tempfile::TempDir,
}

impl Told {
    pub(crate) fn everything() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log_dir = directory.path().join("audit");
        let log = AuditLog::builder(&log_dir, "audit.example.com/canary")
            .open()
            .unwrap();
        let ring = EventRingBuffer::builder()
            .clock(Arc::clone(log.clock()))
            .build()
            .unwrap();
        let trace: TraceContext = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            .parse()
            .unwrap();
        let mut told = Self {
            observer: Observer::builder().audit(log).events(ring).build().unwrap(),
            context: Context::new(WorkloadIdentity::tenant_only("acme")).with_trace(trace),
            health: Health::builder("canary", "1.0.0").start().unwrap(),
            text: Page::default(),
            json: Page::default(),
            spans: Vec::new(),
            logs: Vec::new(),
            log_dir,
            _directory: directory,
        };
        for format in [LogFormat::Text, LogFormat::Json] {
            let page = match format {
                LogFormat::Json => told.json.clone(),
                _ => told.text.clone(),
            };
            told.tell(format, page);
        }
        told.wait_for_the_check();
        let report = told.observer.close(PATIENCE).unwrap();
        assert!(report.finished, "{report:?}");
        told
    }

    fn tell(&mut self, format: LogFormat, page: Page) {
        let pipeline = Pipeline::builder()
            .log_lines(LogLines::new(format, LogWriter::new(page)))
            .spans(1_000)
            .log_records(1_000)
            .ring(&self.observer)
            .build();
        let subscriber = tracing_subscriber::registry()
            .with(tracing::level_filters::LevelFilter::TRACE)
            .with(pipeline.layer());
        tracing::subscriber::with_default(subscriber, || {
            for (place, put) in PLACES {
                // A check is registered once.
                if *place != "health-check" || format == LogFormat::Text {
                    put(self, &shaped(place), &keyed(place));
                }
            }
        });
        self.spans.extend(pipeline.drain_spans(1_000));
        self.logs.extend(pipeline.drain_logs(1_000));
    }

    fn append_with(&self, meta: Metadata) {
        let data = AuditEventData::LeaseExpired(counterfoil::audit::LeaseExpired {
            bytes: None,
            meta,
            resource: ResourceType::Mem,
        });
        let log = self.observer.audit().unwrap();
        let input = AuditInput {
            outcome: Outcome::Failure,
            keys: Keys::default(),
            who: Who::from(&self.context),
            // The log gives it its own number and time.
            ..AuditInput::new(
                data,
                Src {
                    id: SrcId::new(Instance(1), Lane::sealer()),
                    n: 1,
                    time: Timestamp::default(),
                },
            )
        };
        log.append(input);
    }

    fn wait_for_the_check(&self) {
        for _ in 0..10_000 {
            let report = self.health.report();
            if report.checks.iter().all(|check| check.runs > 0) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        panic!("the check never ran");
    }
}

/// A token of GitHub's form, of this place alone.
pub(crate) fn shaped(place: &str) -> String {
    let name: String = place.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{}{name:0<36}", super::SHAPED)
}

/// A secret that only its key tells.
pub(crate) fn keyed(place: &str) -> String {
    format!("{}-{place}", super::KEYED)
}

#[derive(Debug)]
#[allow(dead_code, reason = "shown by Debug, which is the point")]
struct User<'a> {
    password: &'a str,
    token: Option<&'a str>,
}

#[derive(Debug)]
struct Refused {
    dsn: String,
    inner: std::io::Error,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot reach {}", self.dsn)
    }
}

impl std::error::Error for Refused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.inner)
    }
}
