//! Reports as pages. Everything here is a function of the report and of what was asked for.

mod amount;
mod escape;
mod html;
mod json;
mod probe;
mod text;

pub use html::status_html;
pub use json::health;
pub use probe::{livez, readyz};
pub use text::status_text;
