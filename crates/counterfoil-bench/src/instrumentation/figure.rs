//! What one process says about one side.

use std::fmt;
use std::str::FromStr;

/// Nanoseconds and heap allocations per operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) ns: f64,
    pub(crate) allocations: f64,
}

/// As a process prints it.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.ns, self.allocations)
    }
}

impl FromStr for Figure {
    type Err = Box<dyn std::error::Error>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (ns, allocations) = text.trim().split_once(' ').ok_or("not two numbers")?;
        Ok(Self {
            ns: ns.parse()?,
            allocations: allocations.parse()?,
        })
    }
}
