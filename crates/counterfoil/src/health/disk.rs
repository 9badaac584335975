//! Is there room on the disk?

use std::path::PathBuf;

use counterfoil_health::{Figure, Outcome, Registration, Status, blocking};

use super::Limits;

/// Share of the file system that is used, from 0 to 1.
pub const DISK_LIMITS: Limits<f64> = Limits {
    degraded: 0.80,
    unhealthy: 0.95,
};

/// How full the file system of `directory` is, in bytes and in inodes. What is set aside for root counts as used, as in `df`.
///
/// Its figures: `used` and `inodes_used` as shares, `available` and `size` in bytes.
pub fn disk_space(
    name: impl AsRef<str>,
    directory: impl Into<PathBuf>,
    limits: Limits<f64>,
) -> Registration {
    let directory = directory.into();
    let look = move || match rustix::fs::statvfs(&directory) {
        Ok(found) => judge(&Usage::of(&found), limits),
        Err(error) => Outcome::unhealthy(format!(
            "the file system of {} cannot be looked at: {error}",
            directory.display()
        )),
    };
    Registration::new(name, blocking(look))
}

/// Of a file system.
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    /// Bytes that an ordinary user can still write.
    available: u64,
    /// Bytes in use.
    used: u64,
    /// Inodes that an ordinary user can still make.
    inodes_available: u64,
    /// Inodes in use.
    inodes_used: u64,
}

impl Usage {
    const fn of(found: &rustix::fs::StatVfs) -> Self {
        Self {
            available: found.f_bavail.saturating_mul(found.f_frsize),
            used: found
                .f_blocks
                .saturating_sub(found.f_bfree)
                .saturating_mul(found.f_frsize),
            inodes_available: found.f_favail,
            inodes_used: found.f_files.saturating_sub(found.f_ffree),
        }
    }
}

fn judge(usage: &Usage, limits: Limits<f64>) -> Outcome {
    let used = share(usage.used, usage.available);
    // A file system that makes inodes as it needs them reports none.
    let inodes_used = share(usage.inodes_used, usage.inodes_available);
    let (fullest, of_what) = if inodes_used > used {
        (inodes_used, "inodes")
    } else {
        (used, "space")
    };
    let percent = fullest * 100.0;
    let outcome = match limits.judge(&fullest) {
        Status::Unhealthy => Outcome::unhealthy(format!(
            "{percent:.1} % of the {of_what} is used: records will soon be lost or refused; free some at once"
        )),
        Status::Degraded => Outcome::degraded(format!(
            "{percent:.1} % of the {of_what} is used; free some"
        )),
        _ => Outcome::healthy(),
    };
    outcome.with_all([
        Figure::new("used", used, "1"),
        Figure::new("inodes_used", inodes_used, "1"),
        Figure::new("available", usage.available as f64, "By"),
        Figure::new(
            "size",
            usage.used.saturating_add(usage.available) as f64,
            "By",
        ),
    ])
}

/// `used` of both; nothing of nothing is no share.
fn share(used: u64, available: u64) -> f64 {
    let all = used.saturating_add(available);
    if all == 0 {
        0.0
    } else {
        used as f64 / all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(usage: Usage) -> Status {
        judge(&usage, DISK_LIMITS).status()
    }

    #[test]
    fn space_is_judged_by_what_an_ordinary_user_has_left() {
        let with = |used, available| Usage {
            used,
            available,
            ..Usage::default()
        };
        assert_eq!(status(with(79, 21)), Status::Healthy);
        assert_eq!(status(with(80, 20)), Status::Degraded);
        assert_eq!(status(with(949, 51)), Status::Degraded);
        assert_eq!(status(with(95, 5)), Status::Unhealthy);
        assert_eq!(status(with(1, 0)), Status::Unhealthy);
    }

    #[test]
    fn a_file_system_without_inodes_left_is_as_full_as_one_without_space() {
        let usage = Usage {
            used: 1,
            available: 99,
            inodes_used: 97,
            inodes_available: 3,
        };
        let outcome = judge(&usage, DISK_LIMITS);
        assert_eq!(outcome.status(), Status::Unhealthy);
        assert!(
            outcome
                .message()
                .unwrap()
                .starts_with("97.0 % of the inodes")
        );
    }

    #[test]
    fn a_file_system_that_reports_nothing_is_not_full() {
        assert_eq!(status(Usage::default()), Status::Healthy);
    }
}
