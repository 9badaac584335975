//! Numbers of payment cards.

use super::scan::Scan;
use super::shape::Shape;

/// Longest number with its separators.
const MAX: usize = 24;
const MAX_DIGITS: usize = 19;

impl Scan<'_> {
    /// In a group with digits, from `at` to `end`.
    pub(super) fn card(&mut self, at: usize, end: usize) {
        if !self.looks_for(Shape::Card) {
            return;
        }
        let before = self.run_before(at, MAX, |b| b.is_ascii_digit() || matches!(b, b' ' | b'-'));
        for at in at - before..end {
            if at < self.done || !self.begins_number(at) {
                continue;
            }
            if let Some(len) = self.card_len(at)
                && !self.is_plain_number(at)
            {
                self.hit(at..at + len);
            }
        }
    }

    /// Whether a number begins here that is no part of a word, a fraction or a longer id.
    fn begins_number(&self, at: usize) -> bool {
        let before = |back: usize| at.checked_sub(back).and_then(|at| self.byte(at));
        self.bytes[at].is_ascii_digit()
            && match before(1) {
                None => true,
                Some(b'.' | b'-') => before(2).is_none_or(|b| !b.is_ascii_alphanumeric()),
                Some(b) => !(b.is_ascii_alphanumeric() || b == b'_'),
            }
    }

    /// How many bytes a card's number takes that begins at `at`.
    fn card_len(&self, at: usize) -> Option<usize> {
        let mut digits = [0_u8; MAX_DIGITS];
        let mut groups = [0_usize; 5];
        let (mut count, mut group, mut len) = (0, 0, 0);
        let mut separator = None;
        while let Some(byte) = self.byte(at + len) {
            match byte {
                b'0'..=b'9' => {
                    *digits.get_mut(count)? = byte - b'0';
                    *groups.get_mut(group)? += 1;
                    count += 1;
                }
                b' ' | b'-'
                    if *separator.get_or_insert(byte) == byte
                        && self.byte(at + len + 1).is_some_and(|b| b.is_ascii_digit())
                        && is_card(&digits[..count], &groups[..=group]) != Some(true) =>
                {
                    group += 1;
                }
                _ => break,
            }
            len += 1;
        }
        let ends = match (self.byte(at + len), self.byte(at + len + 1)) {
            (Some(b'.' | b'-'), Some(next)) => !next.is_ascii_alphanumeric(),
            (Some(next), _) => !(next.is_ascii_alphanumeric() || next == b'_'),
            (None, _) => true,
        };
        (ends && is_card(&digits[..count], &groups[..=group]) == Some(true)).then_some(len)
    }
}

/// Whether the digits, written in these groups, are a card's number; `None` when their number or groups rule it out.
fn is_card(digits: &[u8], groups: &[usize]) -> Option<bool> {
    let grouped = matches!(
        groups,
        [_] | [4, 4, 4, 4] | [4, 6, 5] | [4, 6, 4] | [4, 4, 4, 4, 3]
    );
    if !grouped || digits.len() < 13 {
        return None;
    }
    Some(is_issued(digits) && luhn(digits))
}

/// Issuers' prefixes and lengths (ISO/IEC 7812).
fn is_issued(digits: &[u8]) -> bool {
    let prefix = |len: usize| {
        let digits = digits[..len].iter();
        digits.fold(0_u32, |number, digit| number * 10 + u32::from(*digit))
    };
    match digits.len() {
        13 => digits[0] == 4 && digits[1..].iter().any(|digit| *digit != 0),
        14 => matches!(prefix(3), 300..=305 | 309 | 360..=369 | 380..=399),
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            digits[0] == 4
                || matches!(prefix(2), 51..=55 | 62 | 65)
                || matches!(prefix(3), 644..=649)
                || matches!(prefix(4), 2200..=2204 | 2221..=2720 | 3528..=3589 | 6011)
                || matches!(prefix(4), 5018 | 5020 | 5038 | 6304 | 6759 | 6761..=6763)
        }
        17..=19 => {
            prefix(2) == 62 || matches!(prefix(4), 5018 | 5020 | 5038 | 6304 | 6759 | 6761..=6763)
        }
        _ => false,
    }
}

/// The check digit of ISO/IEC 7812-1.
fn luhn(digits: &[u8]) -> bool {
    let sum = digits
        .iter()
        .rev()
        .enumerate()
        .fold(0_u32, |sum, (at, digit)| {
            let doubled = u32::from(*digit) * if at % 2 == 1 { 2 } else { 1 };
            sum + doubled / 10 + doubled % 10
        });
    sum.is_multiple_of(10)
}
