//! Comparing a program's output with an expected text that has holes.
//!
//! `[..]` stands for any run of characters within a line; a line that is only `...` stands for any
//! number of lines. Everything else must match exactly, apart from space at the ends of lines.

/// Nothing when `actual` matches, else the first expected line that has no counterpart.
pub(crate) fn mismatch(expected: &str, actual: &str) -> Option<String> {
    let expected: Vec<_> = expected.trim_end().lines().map(str::trim_end).collect();
    let actual: Vec<_> = actual.trim_end().lines().map(str::trim_end).collect();
    let mut furthest = 0;
    if lines_match(&expected, &actual, 0, &mut furthest) {
        return None;
    }
    let want = expected
        .get(furthest)
        .copied()
        .unwrap_or("the end of the output");
    let have = diverging_line(&expected, &actual, furthest);
    Some(format!(
        "expected line {}: {want}\n                 got: {have}",
        furthest + 1
    ))
}

/// `at` is the index of `expected[0]` in the whole; `furthest` keeps how far any attempt came.
fn lines_match(expected: &[&str], actual: &[&str], at: usize, furthest: &mut usize) -> bool {
    *furthest = (*furthest).max(at);
    match (expected, actual) {
        ([], []) => true,
        (["...", rest @ ..], _) => (0..=actual.len()).any(|skipped| {
            lines_match(
                rest,
                actual.get(skipped..).unwrap_or_default(),
                at + 1,
                furthest,
            )
        }),
        ([want, expected @ ..], [have, actual @ ..]) if line_matches(want, have) => {
            lines_match(expected, actual, at + 1, furthest)
        }
        _ => false,
    }
}

fn line_matches(pattern: &str, line: &str) -> bool {
    let Some((first, mut rest)) = pattern.split_once("[..]") else {
        return pattern == line;
    };
    let Some(mut line) = line.strip_prefix(first) else {
        return false;
    };
    while let Some((middle, after)) = rest.split_once("[..]") {
        let Some((_, remaining)) = line.split_once(middle) else {
            return false;
        };
        (rest, line) = (after, remaining);
    }
    line.ends_with(rest)
}

/// The actual line beside the expected one; exact only where no `...` comes before it.
fn diverging_line<'a>(expected: &[&str], actual: &[&'a str], furthest: usize) -> &'a str {
    if expected.iter().take(furthest).any(|line| *line == "...") {
        return "no such line (see the whole output above)";
    }
    actual
        .get(furthest)
        .copied()
        .unwrap_or("the end of the output")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_match_within_a_line() {
        assert_eq!(
            mismatch("took [..] ms, [..] leases\n", "took 12.5 ms, 3 leases\n"),
            None
        );
        assert_eq!(mismatch("first\n[..]\nlast\n", "first\n\nlast\n"), None);
        assert_eq!(mismatch("a[..]b[..]c", "abc"), None);
        assert!(mismatch("a[..]b[..]c", "acb").is_some());
    }

    #[test]
    fn a_line_of_dots_matches_any_number_of_lines() {
        assert_eq!(mismatch("first\n...\nlast\n", "first\nlast\n"), None);
        assert_eq!(mismatch("first\n...\nlast\n", "first\n1\n2\nlast\n"), None);
        assert_eq!(mismatch("...\nlast\n", "1\nlast\n2\nlast\n"), None);
        assert!(mismatch("first\n...\nlast\n", "first\n1\n").is_some());
    }

    #[test]
    fn the_first_difference_is_shown() {
        let difference = mismatch("one\ntwo\n", "one\n2\n").unwrap();
        assert!(difference.contains("expected line 2: two"), "{difference}");
        assert!(difference.contains("got: 2"), "{difference}");
    }

    #[test]
    fn more_output_than_expected_is_a_difference() {
        let difference = mismatch("one\n", "one\ntwo\n").unwrap();
        assert!(difference.contains("the end of the output"), "{difference}");
        assert!(difference.contains("got: two"), "{difference}");
    }
}
