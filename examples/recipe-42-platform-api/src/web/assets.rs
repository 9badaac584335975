//! The files that pages load: all of them are part of the program.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;

/// Path, media type and content.
const ASSETS: [(&str, &str, &str); 4] = [
    (
        STYLE,
        "text/css; charset=utf-8",
        include_str!("assets/style.css"),
    ),
    (ICON, "image/svg+xml", include_str!("assets/icon.svg")),
    (
        ALLOCATIONS_SCRIPT,
        JAVASCRIPT,
        include_str!("assets/allocations.js"),
    ),
    (OPS_SCRIPT, JAVASCRIPT, include_str!("assets/ops.js")),
];
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// The style of all pages.
pub(crate) const STYLE: &str = "/assets/style.css";
/// The icon of all pages.
pub(crate) const ICON: &str = "/assets/icon.svg";
/// Keeps the states of allocations up to date.
pub(crate) const ALLOCATIONS_SCRIPT: &str = "/assets/allocations.js";
/// Fills the overview of operations.
pub(crate) const OPS_SCRIPT: &str = "/assets/ops.js";

/// The routes of these files.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    ASSETS
        .iter()
        .fold(Router::new(), |router, (path, kind, content)| {
            let answer = async || {
                (
                    [(CONTENT_TYPE, *kind), (CACHE_CONTROL, "no-cache")],
                    *content,
                )
                    .into_response()
            };
            router.route(path, get(answer))
        })
}
