//! The canary: a secret in every location, through every sink; none comes out.
//!
//! `cargo xtask tidy` holds the table of sinks below against the types that are sinks (xtask/config/sinks.toml): a new sink
//! without a row fails there.

mod places;
mod sinks;

use counterfoil::REDACTED;

use places::{PLACES, Told};
use sinks::SINKS;

/// How a secret that is known by its shape begins; by its key, it contains the other one.
const SHAPED: &str = "ghp_";
const KEYED: &str = "hunter2";

#[test]
fn no_secret_of_any_place_comes_out_of_any_sink() {
    let told = Told::everything();
    let mut leaks = Vec::new();
    for (sink, shows) in SINKS {
        let shown = sinks::read(*shows, &told);
        assert!(
            !shown.is_empty(),
            "{sink} showed nothing, so nothing was tested"
        );
        if !shown.contains(REDACTED) {
            leaks.push(format!("{sink} took nothing out"));
        }
        for (place, _) in PLACES {
            let secrets = [places::shaped(place), places::keyed(place)];
            if secrets.iter().any(|secret| shown.contains(&**secret)) {
                leaks.push(format!("{place} came out of {sink}"));
            }
        }
        if let Some(at) = shown.find(SHAPED).or_else(|| shown.find(KEYED)) {
            let around = shown.floor_char_boundary(at.saturating_sub(60));
            let until = shown.floor_char_boundary(shown.len().min(at + 60));
            leaks.push(format!("{sink} shows …{}…", &shown[around..until]));
        }
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

#[test]
fn each_place_has_a_secret_of_its_own() {
    let mut shaped: Vec<_> = PLACES
        .iter()
        .map(|(place, _)| places::shaped(place))
        .collect();
    shaped.sort();
    shaped.dedup();
    assert_eq!(shaped.len(), PLACES.len());
}
