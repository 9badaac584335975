//! What is being done now.

use counterfoil_metrics::UpDownCounter;

/// Counts one up while it lives and down when it is dropped, be it by a return, a panic or a cancelled future.
///
/// ```
/// use counterfoil_metrics::Registry;
/// use counterfoil_tower::InFlight;
///
/// counterfoil_core::instruments! {
///     /// What this service measures.
///     TABLE: prefix "shop.", labels [];
///     /// Orders that are being packed.
///     PACKING: UpDownCounter("shop.packing", "{order}", []);
/// }
///
/// let packing = Registry::new().instrument(&PACKING);
/// let guard = InFlight::enter(&packing);
/// assert_eq!(packing.get(), 1);
/// drop(guard);
/// assert_eq!(packing.get(), 0);
/// ```
#[derive(Debug)]
#[must_use = "it counts only while this guard lives"]
pub struct InFlight {
    counter: UpDownCounter,
}

impl InFlight {
    /// Counts one up.
    pub fn enter(counter: &UpDownCounter) -> Self {
        counter.add(1);
        Self {
            counter: counter.clone(),
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.counter.add(-1);
    }
}
