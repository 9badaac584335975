//! The C2SP trust policy that a command is given.

use std::path::Path;

use counterfoil_merkle::policy::{MAX_POLICY_LEN, Policy};

use crate::bounded::bounded;
use crate::failure::{Exit, Failure, chain};

/// Reads and parses a policy file.
pub(crate) fn read(path: &Path) -> Result<Policy, Failure> {
    let cannot = |why: String| {
        Failure::new(
            Exit::Unreadable,
            format!(
                "cannot read the policy in {}: {why}; give a C2SP tlog-policy, one that begins with a log line",
                path.display()
            ),
        )
    };
    let bytes = bounded(path, MAX_POLICY_LEN as u64).map_err(|error| cannot(error.to_string()))?;
    Policy::parse(&bytes).map_err(|error| cannot(chain(&error)))
}
