//! What is disabled stays off, statically.

use counterfoil::Observer;
use counterfoil::trace::{LogFormat, Pipeline};
use tracing::callsite::{Callsite, Identifier};
use tracing::field::FieldSet;
use tracing::level_filters::LevelFilter;
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;

use super::support::{Page, builder};

/// A place in the code that the test describes itself.
struct Place;

impl Callsite for Place {
    fn set_interest(&self, _interest: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        &TRACE_SPAN
    }
}

static PLACE: Place = Place;

const fn place(level: Level, kind: Kind, fields: &'static [&'static str]) -> Metadata<'static> {
    let fields = FieldSet::new(fields, Identifier(&PLACE));
    Metadata::new("place", "app", level, None, None, None, fields, kind)
}

static TRACE_SPAN: Metadata<'static> = place(Level::TRACE, Kind::SPAN, &[]);
static DEBUG_EVENT: Metadata<'static> = place(Level::DEBUG, Kind::EVENT, &[]);
static INFO_SPAN: Metadata<'static> = place(Level::INFO, Kind::SPAN, &[]);
static INFO_EVENT: Metadata<'static> = place(Level::INFO, Kind::EVENT, &[]);
static MARKED_EVENT: Metadata<'static> = place(Level::INFO, Kind::EVENT, &["counterfoil.event"]);
static WARN_EVENT: Metadata<'static> = place(Level::WARN, Kind::EVENT, &[]);

/// Everything that a pipeline can do.
fn all() -> Pipeline {
    let observer = Observer::builder().build().unwrap();
    let lines = Page::default().lines(LogFormat::Json);
    let builder = builder().0.ring(&observer).log_lines(lines);
    builder.spans(8).log_records(8).build()
}

#[test]
fn under_a_filter_what_it_disables_is_never_asked_about_again() {
    let filter = EnvFilter::new("info");
    let subscriber = tracing_subscriber::registry()
        .with(filter)
        .with(all().layer());
    assert_eq!(subscriber.max_level_hint(), Some(LevelFilter::INFO));
    assert!(subscriber.register_callsite(&TRACE_SPAN).is_never());
    assert!(subscriber.register_callsite(&DEBUG_EVENT).is_never());
    assert!(subscriber.register_callsite(&INFO_SPAN).is_always());
    assert!(subscriber.register_callsite(&INFO_EVENT).is_always());
}

#[test]
fn with_a_filter_of_its_own_what_is_no_business_of_it_stays_off() {
    let observer = Observer::builder().build().unwrap();
    let pipeline = builder().0.ring(&observer).level(LevelFilter::INFO).build();
    let subscriber = tracing_subscriber::registry().with(pipeline.filtered());
    assert_eq!(subscriber.max_level_hint(), Some(LevelFilter::INFO));
    assert!(subscriber.register_callsite(&TRACE_SPAN).is_never());
    assert!(subscriber.register_callsite(&DEBUG_EVENT).is_never());
    assert!(subscriber.register_callsite(&INFO_EVENT).is_never());
    assert!(subscriber.register_callsite(&MARKED_EVENT).is_always());
    assert!(subscriber.register_callsite(&WARN_EVENT).is_always());
    assert!(subscriber.register_callsite(&INFO_SPAN).is_always());
}

#[test]
fn beside_a_layer_that_is_filtered_apart_it_asks_for_no_more_than_its_level() {
    use tracing_subscriber::Layer;
    let other = tracing_subscriber::layer::Identity::new().with_filter(EnvFilter::new("warn"));
    let pipeline = builder().0.spans(8).level(LevelFilter::INFO).build();
    let subscriber = tracing_subscriber::registry()
        .with(other)
        .with(pipeline.filtered());
    assert_eq!(subscriber.max_level_hint(), Some(LevelFilter::INFO));
    assert!(subscriber.register_callsite(&TRACE_SPAN).is_never());
    assert!(subscriber.register_callsite(&DEBUG_EVENT).is_never());
    assert!(!subscriber.register_callsite(&INFO_SPAN).is_never());
}
