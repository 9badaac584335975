//! Patterns of keys.

use super::fold::Folded;
use crate::Error;

/// Most patterns of a list.
const MAX_PATTERNS: usize = 4_096;
/// How many masks are compared together.
const TOGETHER: usize = 16;

/// A list of patterns, compared without regard to case and separators.
#[derive(Clone, Debug, Default)]
pub(super) struct Patterns {
    /// The letters that a key must have for the pattern at the same place to match it: one comparison rules most out.
    masks: Vec<u32>,
    globs: Vec<Glob>,
}

/// A pattern, by where it has stars: most have them at the ends only, and those are compared at once.
#[derive(Clone, Debug)]
enum Glob {
    Whole(Box<[u8]>),
    Begin(Box<[u8]>),
    End(Box<[u8]>),
    Within(Box<[u8]>),
    Any(Box<[u8]>),
}

impl Patterns {
    /// The patterns of one of our own lists.
    pub(super) fn of(list: &[&str]) -> Self {
        let mut patterns = Self::default();
        for pattern in list {
            // Each list of ours is short and each pattern in it has letters; a test holds them to that.
            patterns.add(pattern).ok();
        }
        patterns
    }

    /// Adds `pattern`, in which `*` stands for any letters and digits.
    pub(super) fn add(&mut self, pattern: &str) -> Result<(), Error> {
        let refuse = |why: &str| {
            Err(Error::invalid(
                "read a pattern of keys",
                format!("{pattern:?} {why}"),
            ))
        };
        let mut glob = Vec::new();
        for (at, literal) in pattern.split('*').enumerate() {
            if at > 0 && glob.last() != Some(&b'*') {
                glob.push(b'*');
            }
            match Folded::of(literal) {
                Some(folded) => glob.extend_from_slice(folded.whole()),
                None => return refuse("is longer than a key can be"),
            }
        }
        if !glob.iter().any(|b| *b != b'*') {
            return refuse("matches every key; name letters or digits that the key has");
        }
        if self.globs.len() >= MAX_PATTERNS {
            return refuse("is one too many; 4096 patterns are taken");
        }
        self.masks.push(mask(&glob));
        self.globs.push(Glob::of(&glob));
        Ok(())
    }

    /// Whether a pattern matches the key, a part of its path, or two parts that follow each other.
    pub(super) fn cover(&self, key: &Folded) -> bool {
        key.any(|part| self.cover_part(part))
    }

    /// Whether a pattern matches the whole key.
    pub(super) fn cover_whole(&self, key: &Folded) -> bool {
        self.cover_part(key.whole())
    }

    fn cover_part(&self, part: &[u8]) -> bool {
        let has = mask(part);
        // Several masks at once, without a branch for each: nearly always none of them fits.
        self.masks.chunks(TOGETHER).enumerate().any(|(at, masks)| {
            let fits = |needs: &u32| needs & has == *needs;
            let some = masks.iter().fold(false, |some, needs| some | fits(needs));
            some && masks
                .iter()
                .zip(&self.globs[at * TOGETHER..])
                .any(|(needs, glob)| fits(needs) && glob.matches(part))
        })
    }
}

impl Glob {
    fn of(glob: &[u8]) -> Self {
        let begin = glob.strip_suffix(b"*").unwrap_or(glob);
        let literal = begin.strip_prefix(b"*").unwrap_or(begin);
        match (begin.len() < glob.len(), literal.len() < begin.len()) {
            _ if literal.contains(&b'*') => Self::Any(glob.into()),
            (false, false) => Self::Whole(literal.into()),
            (true, false) => Self::Begin(literal.into()),
            (false, true) => Self::End(literal.into()),
            (true, true) => Self::Within(literal.into()),
        }
    }

    fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Whole(literal) => text == &**literal,
            Self::Begin(literal) => text.starts_with(literal),
            Self::End(literal) => text.ends_with(literal),
            Self::Within(literal) => text.windows(literal.len()).any(|it| it == &**literal),
            Self::Any(glob) => matches(glob, text),
        }
    }
}

/// One bit for each letter, one for the digits.
fn mask(text: &[u8]) -> u32 {
    text.iter().fold(0, |mask, byte| match byte {
        b'a'..=b'z' => mask | 1 << (byte - b'a'),
        b'0'..=b'9' => mask | 1 << 26,
        _ => mask,
    })
}

/// Goes back to the last `*` only, so the time is bounded by the product of the lengths.
fn matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(byte) if *byte == text[t] => {
                g += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                (g, t) = (at + 1, from + 1);
            }
        }
    }
    glob[g..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::super::deny;
    use super::*;

    fn covers(patterns: &[&str], key: &str) -> bool {
        Patterns::of(patterns).cover(&Folded::of(key).unwrap())
    }

    #[test]
    fn a_star_stands_for_any_letters_at_any_place() {
        assert!(covers(&["*_secret"], "stripe_webhook_secret"));
        assert!(covers(&["*_secret"], "secret"));
        assert!(!covers(&["*_secret"], "secretary"));
        assert!(covers(&["pass*word"], "pass_a_word"));
        assert!(covers(&["*a*b*"], "xxaxxbxx"));
        assert!(!covers(&["*a*b*c"], "xxaxxbxx"));
    }

    #[test]
    fn a_pattern_that_would_match_everything_is_refused() {
        for pattern in ["", "*", "**", "_", "-.-"] {
            assert!(Patterns::default().add(pattern).is_err(), "{pattern:?}");
        }
    }

    #[test]
    fn each_of_our_own_patterns_is_taken() {
        for list in [
            deny::DENIED,
            deny::ALLOWED,
            deny::QUERY,
            deny::LABELS,
            deny::PRINCIPAL,
            deny::NUMBERS,
        ] {
            assert_eq!(Patterns::of(list).globs.len(), list.len());
        }
    }
}
