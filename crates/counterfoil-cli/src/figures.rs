//! Numbers for people: at most four digits that matter, and a unit.

use std::fmt;

/// A count, such as `812`, `14.9 k` or `2.1 M`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count(pub(crate) u64);

/// Bytes, such as `512 B`, `1.5 MB` or `1.9 GB`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(pub(crate) u64);

/// Seconds, such as `21 µs`, `4.2 ms` or `1.0 s`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seconds(pub(crate) f64);

/// A count in full, in groups of three: `1 204 311`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grouped(pub(crate) u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            count @ 0..10_000 => count.to_string(),
            count @ 10_000..1_000_000 => format!("{:.1} k", count as f64 / 1e3),
            count @ 1_000_000..1_000_000_000 => format!("{:.1} M", count as f64 / 1e6),
            count => format!("{:.1} G", count as f64 / 1e9),
        };
        f.pad(&text)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            bytes @ 0..1_000 => format!("{bytes} B"),
            bytes @ 1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
            bytes @ 1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
            bytes => format!("{:.1} GB", bytes as f64 / 1e9),
        };
        f.pad(&text)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            seconds if seconds < 1e-6 => format!("{:.0} ns", seconds * 1e9),
            seconds if seconds < 1e-5 => format!("{:.1} µs", seconds * 1e6),
            seconds if seconds < 1e-3 => format!("{:.0} µs", seconds * 1e6),
            seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
            seconds => format!("{seconds:.1} s"),
        };
        f.pad(&text)
    }
}

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(' ');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_few_digits_and_a_unit() {
        assert_eq!(
            format!("{} {} {}", Count(9_999), Count(14_930), Count(2_100_000)),
            "9999 14.9 k 2.1 M"
        );
        assert_eq!(
            format!(
                "{} {} {}",
                Bytes(512),
                Bytes(1_500_000),
                Bytes(1_926_000_000)
            ),
            "512 B 1.5 MB 1.9 GB"
        );
        assert_eq!(
            format!("{} {} {}", Seconds(2.1e-5), Seconds(4.2e-3), Seconds(1.04)),
            "21 µs 4.2 ms 1.0 s"
        );
        assert_eq!(
            format!("{} {}", Grouped(999), Grouped(1_204_311)),
            "999 1 204 311"
        );
        assert_eq!(format!("[{:>8}]", Count(7)), "[       7]");
    }
}
