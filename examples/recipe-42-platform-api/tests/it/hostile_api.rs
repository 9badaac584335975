//! An API whose every text wants to be more than text.

use std::net::SocketAddr;
use std::thread;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime;

/// Markup, an attribute's end, and a script; its visible part.
pub(crate) const HOSTILE: &str =
    "\"><img src=x onerror=\"window.owned=1\"><script>window.owned=1</script>";

/// It answers until the test ends.
pub(crate) struct HostileApi {
    address: SocketAddr,
}

impl HostileApi {
    pub(crate) fn start() -> Self {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || runtime.block_on(axum::serve(listener, routes()).into_future()));
        Self { address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn routes() -> Router {
    let turned = format!("\u{202e}{HOSTILE}\u{1b}[2J");
    let allocation = json!({
        "id": turned, "project": HOSTILE, "bytes": 4096, "node": HOSTILE, "state": HOSTILE,
        "error_code": HOSTILE, "created_at": HOSTILE,
    });
    let me = json!({ "tenant": HOSTILE, "role": "admin", "projects": [HOSTILE] });
    let allocations = json!({ "allocations": [allocation] });
    let component = json!({ "name": HOSTILE, "status": HOSTILE });
    let incident = json!({
        "kind": HOSTILE, "error_code": HOSTILE, "count": 1, "open": 1,
        "last_opened_at": "2026-01-01T00:00:00Z", "last_trace_id": HOSTILE,
    });
    let overview = json!({
        "generated_at": HOSTILE,
        "window": { "seconds": 300, "covered_seconds": 300 },
        "health": { "state": "partial", "reason": HOSTILE, "status": HOSTILE, "components": [component] },
        "incidents": { "state": "ok", "open": 1, "recent": [incident] },
    });
    Router::new()
        .route("/v1/me", get(async || Json(me)))
        .route("/v1/allocations", get(async || Json(allocations)))
        .route("/admin/ops/overview", get(async || Json(overview)))
}
