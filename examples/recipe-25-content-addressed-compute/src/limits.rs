//! How much the server takes on.

use std::time::Duration;

use counterfoil::tower::ErrorCode;

use crate::Recipe;
use crate::errors::RECIPE_TOO_LARGE;

/// The bounds of a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest leaf, in bytes.
    pub leaf_bytes: usize,
    /// The most inputs of a recipe.
    pub inputs: usize,
    /// The most levels of recipes below and with an address.
    pub depth: u32,
    /// The most nodes of a graph that is worked on for one call.
    pub nodes: usize,
    /// The largest value that a function may give, in bytes.
    pub output_bytes: usize,
    /// The most bytes of values that one call may hold.
    pub call_bytes: usize,
    /// The most bytes of values that are cached.
    pub cache_bytes: usize,
    /// How many inputs of one recipe are materialized at the same time.
    pub parallel_inputs: usize,
    /// How many functions run at the same time.
    pub parallel_functions: usize,
    /// How many connections there are at the same time.
    pub connections: usize,
    /// How many calls are answered at the same time.
    pub calls: usize,
    /// How long a client may take to send its message, and to take a chunk of an answer.
    pub patience: Duration,
    /// How many bytes of an answer a client has to take in a second, all in all.
    pub least_rate: u32,
}

/// From when on a function is slow, which is worth a warning.
pub(crate) const SLOW: Duration = Duration::from_secs(1);

const PARAMETERS: usize = 16;
const NAME_BYTES: usize = 64;
const VALUE_BYTES: usize = 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            leaf_bytes: 4 << 20,
            inputs: 64,
            depth: 64,
            nodes: 4096,
            output_bytes: 16 << 20,
            call_bytes: 64 << 20,
            cache_bytes: 256 << 20,
            parallel_inputs: 16,
            parallel_functions: std::thread::available_parallelism().map_or(2, usize::from),
            connections: 256,
            calls: 128,
            patience: Duration::from_secs(30),
            least_rate: 64 << 10,
        }
    }
}

impl Limits {
    /// How long a client may take over an answer of so many bytes.
    pub(crate) fn transfer(&self, bytes: usize) -> Duration {
        let millis = (bytes as u64).saturating_mul(1000) / u64::from(self.least_rate.max(1));
        self.patience + Duration::from_millis(millis)
    }

    /// Whether a recipe is within the bounds that can be seen without looking at its inputs.
    pub(crate) fn check(&self, recipe: &Recipe) -> Result<(), ErrorCode> {
        let parameters = &recipe.parameters;
        let fits = recipe.inputs.len() <= self.inputs
            && recipe.function.len() <= NAME_BYTES
            && parameters.len() <= PARAMETERS
            && parameters
                .iter()
                .all(|(name, value)| name.len() <= NAME_BYTES && value.len() <= VALUE_BYTES);
        if fits { Ok(()) } else { Err(RECIPE_TOO_LARGE) }
    }
}
