//! What the pipeline has no use for stays disabled.

use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

use super::pipeline::Shared;

/// Says of each place in the code, once, whether the pipeline takes what comes from it; see
/// [`Pipeline::filtered`](super::Pipeline::filtered).
#[derive(Clone, Debug)]
pub struct CallsiteFilter {
    pub(crate) shared: Arc<Shared>,
}

impl<S: Subscriber> Filter<S> for CallsiteFilter {
    fn enabled(&self, metadata: &Metadata<'_>, _ctx: &Context<'_, S>) -> bool {
        self.shared.wants(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.shared.wants(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.shared.level)
    }
}
