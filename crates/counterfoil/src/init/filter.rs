//! Which log lines and spans are wanted.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use super::START;
use crate::{Error, ErrorKind};

/// What is logged unless somebody says otherwise.
const DEFAULT: &str = "info";

/// Whose spans those of requests are.
const REQUESTS: &str = "counterfoil_tower";

/// Words that stand for a level elsewhere. As a filter each would be the name of a crate, and hide everything else.
const NO_LEVELS: [(&str, &str); 8] = [
    ("warning", "warn"),
    ("err", "error"),
    ("critical", "error"),
    ("fatal", "error"),
    ("notice", "info"),
    ("verbose", "debug"),
    ("all", "trace"),
    ("none", "off"),
];

/// The text of a filter, and who wrote it.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) text: String,
    pub(crate) from: &'static str,
}

impl Filter {
    pub(crate) fn parse(filter: Option<&Self>) -> Result<EnvFilter, Error> {
        let Some(Self { text, from }) = filter else {
            return Ok(EnvFilter::new(DEFAULT));
        };
        let wrong = |why: String| {
            let context = format!(
                "{from} is {text:?}, and {why}; write a level (error, warn, info, debug, trace or off), or directives such as info,my_crate=debug"
            );
            Error::new(ErrorKind::InvalidConfig, START, context)
        };
        for directive in text.split(',').map(str::trim) {
            let word = directive
                .rsplit_once('=')
                .map_or(directive, |(_, level)| level);
            let no_level = NO_LEVELS
                .iter()
                .find(|(no_level, _)| no_level.eq_ignore_ascii_case(word));
            if let Some((no_level, level)) = no_level {
                return Err(wrong(format!(
                    "{no_level} is no level: it is called {level}"
                )));
            }
        }
        EnvFilter::builder()
            .parse(text)
            .map_err(|error| wrong("that is no filter".to_owned()).with_source(error))
    }
}

/// Decides about the spans of requests, calls and messages, unless the filter names their crate or turns everything off.
///
/// They are of level INFO and no log lines, so a filter that is about lines keeps them where somebody takes them. Where nobody
/// does they are not opened at all: a line has its trace, its span and its request from the task's context.
pub(crate) fn with_requests(filter: EnvFilter, wanted: bool) -> EnvFilter {
    let is_off = filter.max_level_hint() == Some(LevelFilter::OFF);
    if is_off || filter.to_string().contains(REQUESTS) {
        return filter;
    }
    let level = if wanted { "info" } else { "off" };
    match format!("{REQUESTS}={level}").parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    }
}

#[cfg(test)]
mod tests {
    use super::{EnvFilter, Filter, with_requests};

    fn parse(text: &str) -> Result<String, String> {
        let filter = Filter {
            text: text.into(),
            from: "RUST_LOG",
        };
        Filter::parse(Some(&filter))
            .map(|filter| filter.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_filter_what_matters_is_logged() {
        assert_eq!(Filter::parse(None).unwrap().to_string(), "info");
    }

    #[test]
    fn a_filter_says_what_it_says() {
        assert_eq!(parse("info,hyper=warn"), Ok("hyper=warn,info".into()));
        assert_eq!(parse("WARN"), Ok("warn".into()));
    }

    #[test]
    fn spans_of_requests_are_opened_where_they_are_wanted_unless_the_filter_is_about_them() {
        let with = |text, wanted| with_requests(EnvFilter::new(text), wanted).to_string();
        assert_eq!(
            with("my_crate=debug", true),
            "counterfoil_tower=info,my_crate=debug"
        );
        assert_eq!(with("info", false), "counterfoil_tower=off,info");
        assert_eq!(
            with("info,counterfoil_tower=debug", false),
            "counterfoil_tower=debug,info"
        );
        assert_eq!(with("off", true), "off");
    }

    #[test]
    fn a_wrong_filter_is_an_error_that_says_where_and_how_it_is_written() {
        let error = parse("info,my_crate=loud").unwrap_err();
        assert!(
            error.contains("RUST_LOG is \"info,my_crate=loud\"")
                && error.contains("my_crate=debug"),
            "{error}"
        );
    }

    #[test]
    fn a_word_that_is_a_level_elsewhere_does_not_silence_everything() {
        let error = parse("warning").unwrap_err();
        assert!(
            error.contains("warning is no level: it is called warn"),
            "{error}"
        );
        assert!(
            parse("info,sqlx=none")
                .unwrap_err()
                .contains("it is called off")
        );
    }
}
