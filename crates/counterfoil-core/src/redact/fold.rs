//! Keys without their spelling: `accessToken`, `ACCESS-TOKEN` and `access_token` are one.

/// Longest key that is compared, in letters and digits. A longer one is no name of a field.
const MAX: usize = 160;
/// Most parts of a path that are looked at one by one.
const MAX_PARTS: usize = 16;

/// The letters and digits of a key in lower case, and where the parts of a path begin.
pub(super) struct Folded {
    bytes: [u8; MAX],
    len: usize,
    /// Where parts end; the last one ends at `len`.
    cuts: [usize; MAX_PARTS],
    parts: usize,
}

impl Folded {
    /// `None` for a key that is too long.
    pub(super) fn of(key: &str) -> Option<Self> {
        let mut folded = Self {
            bytes: [0; MAX],
            len: 0,
            cuts: [0; MAX_PARTS],
            parts: 0,
        };
        let mut at = 0;
        while let Some(byte) = key.as_bytes().get(at) {
            let (c, len) = match byte {
                b'%' | b'\\' | 0x80.. => next(&key[at..])?,
                _ => (char::from(*byte), 1),
            };
            at += len;
            match c {
                'a'..='z' | '0'..='9' => folded.push(c as u8)?,
                '.' | '/' | '[' | ']' | ':' | '?' | '&' | '=' => folded.cut(),
                _ => {
                    if let Some(c) = plain(c) {
                        folded.push(c)?;
                    }
                }
            }
        }
        folded.cut();
        Some(folded)
    }

    pub(super) fn whole(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The whole key, each part of the path, and each two that follow each other.
    pub(super) fn any(&self, mut matches: impl FnMut(&[u8]) -> bool) -> bool {
        let cuts = &self.cuts[..self.parts];
        let start = |part: usize| part.checked_sub(1).map_or(0, |before| cuts[before]);
        matches(self.whole())
            || self.parts > 1
                && (0..self.parts).any(|part| {
                    matches(&self.bytes[start(part)..cuts[part]])
                        || part > 0 && matches(&self.bytes[start(part - 1)..cuts[part]])
                })
    }

    fn cut(&mut self) {
        let last = self.parts.checked_sub(1).map_or(0, |part| self.cuts[part]);
        if self.len > last && self.parts < MAX_PARTS {
            self.cuts[self.parts] = self.len;
            self.parts += 1;
        }
    }

    fn push(&mut self, c: u8) -> Option<()> {
        *self.bytes.get_mut(self.len)? = c;
        self.len += 1;
        Some(())
    }
}

/// The next character and its length, with `%6f` and `\u006f` read for what they stand for.
fn next(text: &str) -> Option<(char, usize)> {
    let c = text.chars().next()?;
    let digits = match c {
        '%' => 1..3,
        '\\' if text.as_bytes().get(1) == Some(&b'u') => 2..6,
        _ => return Some((c, c.len_utf8())),
    };
    let decoded = text.get(digits.clone()).and_then(|hex| {
        let all_hex = hex.bytes().all(|b| b.is_ascii_hexdigit());
        let code = u32::from_str_radix(hex, 16).ok().filter(|_| all_hex)?;
        Some((char::from_u32(code)?, digits.end))
    });
    Some(decoded.unwrap_or((c, c.len_utf8())))
}

/// The letter or digit that a reader sees, in lower case; `None` for what separates or takes no room.
fn plain(c: char) -> Option<u8> {
    let ascii = match c {
        _ if c.is_ascii() => c,
        // Full width.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0)?,
        // Letters of mathematics come in alphabets of 52, digits in tens.
        '\u{1d400}'..='\u{1d6a3}' => letter((c as u32 - 0x1d400) % 52),
        '\u{1d7ce}'..='\u{1d7ff}' => char::from_digit((c as u32 - 0x1d7ce) % 10, 10)?,
        // Letters in circles.
        '\u{24b6}'..='\u{24e9}' => letter((c as u32 - 0x24b6) % 52),
        _ => look_alike(c)?,
    };
    ascii
        .is_ascii_alphanumeric()
        .then(|| ascii.to_ascii_lowercase() as u8)
}

fn letter(index: u32) -> char {
    char::from_u32('a' as u32 + index % 26).unwrap_or('a')
}

/// Letters of other alphabets, and with marks, that are read as Latin ones.
const fn look_alike(c: char) -> Option<char> {
    Some(match c {
        'а' | 'А' | 'α' | 'Α' | 'à'..='å' | 'À'..='Å' | 'ā' | 'ă' | 'ą' | 'ɑ' => 'a',
        'В' | 'Β' | 'ƅ' => 'b',
        'с' | 'С' | 'ϲ' | 'ç' | 'Ç' | 'ć' | 'č' => 'c',
        'ԁ' | 'ď' | 'đ' => 'd',
        'е' | 'Е' | 'Ε' | 'ε' | 'ё' | 'è'..='ë' | 'È'..='Ë' | 'ē' | 'ę' | 'ě' => 'e',
        'ɡ' | 'ğ' => 'g',
        'һ' | 'Н' | 'Η' => 'h',
        'і' | 'І' | 'ι' | 'Ι' | 'ı' | 'ì'..='ï' | 'Ì'..='Ï' | 'ī' => 'i',
        'ј' | 'Ј' => 'j',
        'к' | 'К' | 'κ' | 'Κ' => 'k',
        'ӏ' | 'Ӏ' | 'ł' | 'ⅼ' => 'l',
        'м' | 'М' | 'Μ' | 'ⅿ' => 'm',
        'ո' | 'Ν' | 'ñ' | 'Ñ' | 'ń' => 'n',
        'о' | 'О' | 'ο' | 'Ο' | 'ò'..='ö' | 'Ò'..='Ö' | 'ø' | 'ō' => 'o',
        'р' | 'Р' | 'ρ' | 'Ρ' => 'p',
        'ԛ' => 'q',
        'г' | 'ř' => 'r',
        'ѕ' | 'Ѕ' | 'ś' | 'š' | 'ş' | 'ſ' => 's',
        'т' | 'Т' | 'τ' | 'Τ' => 't',
        'ս' | 'υ' | 'ù'..='ü' | 'Ù'..='Ü' | 'ū' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ѡ' => 'w',
        'х' | 'Х' | 'Χ' | 'χ' => 'x',
        'у' | 'У' | 'Υ' | 'γ' | 'ý' | 'ÿ' => 'y',
        'Ζ' | 'ź' | 'ž' | 'ż' => 'z',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(key: &str) -> String {
        String::from_utf8(Folded::of(key).unwrap().whole().to_vec()).unwrap()
    }

    #[test]
    fn spelling_separators_and_encoding_do_not_matter() {
        for key in [
            "access_token",
            "Access-Token",
            "accessToken",
            "ACCESS TOKEN",
            "access%5Ftoken",
            "acc\\u0065ss_token",
            "аccess_tоken",
            "ａｃｃｅｓｓ_token",
            "access\u{200b}_\u{301}token",
            "𝐚𝐜𝐜𝐞𝐬𝐬_𝓽𝓸𝓴𝓮𝓷",
            "\"access_token\"",
        ] {
            assert_eq!(folded(key), "accesstoken", "{key}");
        }
    }

    #[test]
    fn a_path_is_looked_at_whole_part_by_part_and_two_by_two() {
        let mut seen = Vec::new();
        let folded = Folded::of("a.User.name[0]").unwrap();
        folded.any(|part| {
            seen.push(String::from_utf8(part.to_vec()).unwrap());
            false
        });
        assert_eq!(
            seen,
            [
                "ausername0",
                "a",
                "user",
                "auser",
                "name",
                "username",
                "0",
                "name0"
            ]
        );
    }

    #[test]
    fn a_key_without_end_is_none() {
        assert!(Folded::of(&"x".repeat(161)).is_none());
        assert!(Folded::of(&"ü.".repeat(80)).is_some());
    }
}
