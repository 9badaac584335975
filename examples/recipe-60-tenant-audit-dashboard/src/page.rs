//! The view for people: one file, no script, nothing to fetch.

use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::safe::html;
use crate::{Proof, Row, View};

const STYLE: &str = "\
body{font:15px/1.45 system-ui,sans-serif;margin:0;color:#1a1a1a;background:#fff}\
main{padding:0 1.5rem 2rem}\
h1{font-size:1.3rem;padding:1rem 1.5rem 0;margin:0}\
.line{position:sticky;top:0;margin:0;padding:.6rem 1.5rem;background:#e6f4ea;border-bottom:1px solid #9ac5a5;font-weight:600}\
.line.bad{background:#fdecea;border-color:#d93025}\
table{border-collapse:collapse;width:100%}\
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #ddd;overflow-wrap:anywhere}\
code{font-size:.85em}\
.covered{color:#137333}.waiting{color:#9a6700}.bad{color:#b3261e}";

/// The view as a page. Whatever comes from a record is escaped and kept apart from the direction of the text around it, and the
/// page's own policy allows no script, no request and no style but this one.
#[must_use]
pub fn page(view: &View) -> String {
    let mut out = Page(String::new());
    out.push(format_args!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    ));
    let style = STANDARD.encode(Sha256::digest(STYLE));
    out.push(format_args!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{style}'; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n"
    ));
    let tenant = html(&view.tenant);
    out.push(format_args!(
        "<title>Audit records of {tenant}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Audit records of <bdi>{tenant}</bdi></h1>\n"
    ));
    let class = if view.verified.is_some() {
        "line"
    } else {
        "line bad"
    };
    out.push(format_args!(
        "<p class=\"{class}\">{}</p>\n<main>\n",
        html(&view.line())
    ));
    out.facts(view);
    out.push(format_args!(
        "<table>\n<thead><tr><th>seq</th><th>occurred</th><th>what</th><th>lease</th><th>about</th>\
         <th>proof</th></tr></thead>\n<tbody>\n"
    ));
    for row in view.rows.iter().rev() {
        out.row(row);
    }
    out.push(format_args!(
        "</tbody>\n</table>\n</main>\n</body>\n</html>\n"
    ));
    out.0
}

struct Page(String);

impl Page {
    fn push(&mut self, text: fmt::Arguments<'_>) {
        // A string takes everything that is written to it.
        let _always_ok = self.0.write_fmt(text);
    }

    fn facts(&mut self, view: &View) {
        let chain = view.chain.as_deref().map(html).unwrap_or_default();
        let completeness = view.completeness.map_or("not judged", |it| it.as_str());
        let signed = match view.signed_by.as_slice() {
            [] => "nobody that this page trusts".to_owned(),
            keys => html(&keys.join(", ")),
        };
        self.push(format_args!(
            "<p>Chain <code>{chain}</code>: integrity {}, completeness {completeness}, head signed by <code>{signed}</code>. \
             Looked at {}.</p>\n<p>{} of {} records of this tenant, the newest first.</p>\n",
            view.verdict,
            view.now,
            view.rows.len(),
            view.own,
        ));
    }

    fn row(&mut self, row: &Row) {
        let class = match row.proof {
            Proof::Covered { .. } => "covered",
            Proof::NotYetAnchored => "waiting",
            Proof::NotVerified { .. } => "bad",
        };
        let lease = row.lease.map(|lease| lease.to_string()).unwrap_or_default();
        self.push(format_args!(
            "<tr><td>{}</td><td>{}</td><td>{} ({})</td><td>{lease}</td><td>",
            row.seq,
            row.time,
            html(&row.kind),
            row.outcome,
        ));
        for (name, text) in &row.texts {
            self.push(format_args!("{name} <bdi>{}</bdi><br>", html(text)));
        }
        self.push(format_args!(
            "<code><bdi>{}</bdi></code></td><td class=\"{class}\">{}<br><code>{}</code></td></tr>\n",
            html(&row.data.to_string()),
            html(&row.proof.to_string()),
            row.hash,
        ));
    }
}
