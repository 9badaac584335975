//! Shipping the audit log to a collector, where this program was built with it.

use tracing::Dispatch;

use super::START;
use super::env::Env;
use crate::{Error, ErrorKind, Observer};

/// Where the environment has the address of a collector.
const URL: &str = "COUNTERFOIL_COLLECTOR_URL";

/// Which collector the audit log is shipped to.
#[derive(Debug, Default)]
pub(crate) struct Shipping {
    #[cfg(feature = "collector")]
    pub(crate) client: Option<counterfoil_exporter_collector::Client>,
}

/// The shipper that was started, if any.
#[derive(Debug, Default)]
pub(crate) struct Running {
    #[cfg(feature = "collector")]
    shipper: Option<with_collector::Observing>,
}

impl Shipping {
    /// Takes over what the environment says.
    pub(crate) fn env(&mut self, env: &Env<'_>) -> Result<(), Error> {
        let Some(url) = env.text(URL)? else {
            return Ok(());
        };
        if !cfg!(feature = "collector") {
            let context = format!(
                "{URL} asks for shipping to a collector, and this program was built without the feature collector of counterfoil; enable it (and collector-tls for https), or unset the variable"
            );
            return Err(Error::new(ErrorKind::MissingFeature, START, context));
        }
        let _where_it_goes = &url;
        #[cfg(feature = "collector")]
        {
            self.client = Some(with_collector::client(url, env)?);
        }
        Ok(())
    }

    /// Starts to ship the observer's audit log.
    pub(crate) fn start(self, observer: &Observer, dispatch: &Dispatch) -> Result<Running, Error> {
        let _who_ships = (observer, dispatch);
        #[cfg(feature = "collector")]
        if let Some(client) = self.client {
            let shipper = with_collector::start(client, observer, dispatch)?;
            return Ok(Running {
                shipper: Some(shipper),
            });
        }
        Ok(Running::default())
    }
}

#[cfg(feature = "collector")]
impl Running {
    /// Has what is durable now shipped, until `deadline`.
    pub(crate) fn flush(
        &self,
        deadline: std::time::Instant,
    ) -> Option<counterfoil_exporter_collector::ShipReport> {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        Some(self.shipper.as_ref()?.shipper.flush(left))
    }

    /// The same for the last time.
    pub(crate) fn stop(
        &self,
        deadline: std::time::Instant,
    ) -> Option<counterfoil_exporter_collector::ShipReport> {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        Some(self.shipper.as_ref()?.shipper.stop(left))
    }
}

#[cfg(feature = "collector")]
mod with_collector {
    use std::sync::Arc;

    use counterfoil_exporter_collector::{
        Client, KEY_VARIABLE, Key, ShipEvent, ShipOptions, Shipper,
    };
    use counterfoil_metrics::Observed;
    use tracing::Dispatch;

    use crate::init::START;
    use crate::init::env::Env;
    use crate::{Error, ErrorKind, Observer};

    /// The shipper, shown in metrics as long as it is kept.
    #[derive(Debug)]
    pub(crate) struct Observing {
        pub(super) shipper: Shipper,
        _figures: Observed,
    }

    pub(super) fn client(url: String, env: &Env<'_>) -> Result<Client, Error> {
        let key = env.text(KEY_VARIABLE)?;
        let key = key.as_deref().map(Key::new).transpose();
        let client = key.and_then(|key| Client::builder(url).maybe_key(key).build());
        client.map_err(|error| {
            let context = format!(
                "what {} or {KEY_VARIABLE} says of a collector cannot be used (the feature tls is called collector-tls in the crate counterfoil)",
                super::URL
            );
            Error::new(ErrorKind::InvalidConfig, START, context).with_source(error)
        })
    }

    pub(super) fn start(
        client: Client,
        observer: &Observer,
        dispatch: &Dispatch,
    ) -> Result<Observing, Error> {
        let Some(log) = observer.audit() else {
            let context = "a collector is to be shipped to, and the observer has no audit log; give it one, or do without the collector";
            return Err(Error::new(ErrorKind::InvalidConfig, START, context));
        };
        let dispatch = dispatch.clone();
        let options = ShipOptions::default()
            .on_event(move |event| tracing::dispatcher::with_default(&dispatch, || tell(event)));
        let shipper = Shipper::start(log, client, options).map_err(|error| {
            let context = "the audit log cannot be shipped";
            Error::new(ErrorKind::System, START, context).with_source(error)
        })?;
        let figures = crate::figures::of_shipping(
            observer.registry(),
            shipper.status_reader(),
            Arc::clone(observer.clock()),
        );
        Ok(Observing {
            shipper,
            _figures: figures,
        })
    }

    fn tell(event: &ShipEvent<'_>) {
        match event {
            ShipEvent::Failing(error) => {
                tracing::warn!(%error, "the audit log cannot be shipped; trying again");
            }
            ShipEvent::Recovered => tracing::info!("the audit log is shipped again"),
            ShipEvent::Rewound { from, to } => tracing::error!(
                from,
                to,
                "the collector has lost records that it had acknowledged; they are sent again"
            ),
            ShipEvent::CheckpointRefused(error) => {
                tracing::error!(%error, "the collector refused a checkpoint of the audit log");
            }
            ShipEvent::Halted { why, .. } => {
                tracing::error!(%why, "the audit log is no longer shipped");
            }
            _ => {}
        }
    }
}
