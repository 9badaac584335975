//! Digits: decimal and hexadecimal.

/// Longest decimal form of a 64-bit number.
pub(crate) const MAX_DECIMAL: usize = 20;

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Writes `value` in decimal at the front of `out`, at most twenty bytes; how many count. What stands behind them is
/// overwritten as well.
///
/// Eight digits at a time are worked out in one word and stored at once, so nothing is read back from where it was just
/// written in smaller parts (which processors punish).
#[inline]
pub(crate) fn decimal(value: u64, out: &mut [u8; MAX_DECIMAL + 4]) -> usize {
    const EIGHT: u64 = 100_000_000;
    if value < EIGHT {
        return leading(value as u32, out, 0);
    }
    let (high, low) = (value / EIGHT, (value % EIGHT) as u32);
    let len = if high < EIGHT {
        leading(high as u32, out, 0)
    } else {
        let len = leading((high / EIGHT) as u32, out, 0);
        following((high % EIGHT) as u32, out, len)
    };
    following(low, out, len)
}

/// Up to eight digits without leading zeros.
#[inline]
fn leading(value: u32, out: &mut [u8; MAX_DECIMAL + 4], at: usize) -> usize {
    let digits = eight_digits(value);
    // The first digit is in the lowest byte; a zero keeps its last digit.
    let zeros = (digits.trailing_zeros() / 8).min(7);
    let text = ((digits | ZEROS) >> (8 * zeros)).to_le_bytes();
    out[at..at + 8].copy_from_slice(&text);
    at + 8 - zeros as usize
}

/// Eight digits with leading zeros.
#[inline]
fn following(value: u32, out: &mut [u8; MAX_DECIMAL + 4], at: usize) -> usize {
    out[at..at + 8].copy_from_slice(&(eight_digits(value) | ZEROS).to_le_bytes());
    at + 8
}

/// The eight digits of `value`, which is below 10^8, as bytes 0 to 9, the first one lowest: halves, then quarters, then
/// digits, all parts of a word at once.
#[inline]
const fn eight_digits(value: u32) -> u64 {
    let halves = (value / 10_000) as u64 | ((value % 10_000) as u64) << 32;
    // x / 100 as x * 10486 >> 20 holds for x below 10^4, and x / 10 as x * 103 >> 10 for x below 100.
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundreds | (halves - hundreds * 100) << 16;
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (pairs - tens * 10) << 8
}

/// Nine digits of `value`, which is below 10^9.
#[inline]
pub(crate) const fn nine_digits(value: u32) -> (u8, [u8; 8]) {
    let first = b'0' + (value / 100_000_000) as u8;
    (
        first,
        (eight_digits(value % 100_000_000) | ZEROS).to_le_bytes(),
    )
}

/// Writes two lower-case hexadecimal digits per byte; `out` is twice as long as `bytes`.
#[inline]
pub(crate) fn hex_into(bytes: &[u8], out: &mut [u8]) {
    let (words, rest) = bytes.as_chunks::<4>();
    let (digits, digits_rest) = out.as_chunks_mut::<8>();
    for (word, digits) in words.iter().zip(digits) {
        *digits = hex_word(*word);
    }
    for (byte, digits) in rest.iter().zip(digits_rest.as_chunks_mut::<2>().0) {
        let word = hex_word([*byte, 0, 0, 0]);
        *digits = [word[0], word[1]];
    }
}

/// Eight digits at once: the nibbles are spread over the bytes of a word, and letters are told from digits by a carry.
#[inline]
const fn hex_word(bytes: [u8; 4]) -> [u8; 8] {
    let spread = u32::from_le_bytes(bytes) as u64;
    let spread = (spread | spread << 16) & 0x0000_ffff_0000_ffff;
    let spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (spread >> 4 | spread << 8) & 0x0f0f_0f0f_0f0f_0f0f;
    let letters = (nibbles + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    let offset = (b'a' - b'0' - 10) as u64;
    (nibbles + 0x3030_3030_3030_3030 + letters * offset).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_two_digits() {
        let bytes: Vec<u8> = (0..=255).collect();
        for len in [1, 2, 3, 4, 5, 255, 256] {
            let mut out = vec![0; 2 * len];
            hex_into(&bytes[256 - len..], &mut out);
            let expected: String = bytes[256 - len..]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(out, expected.as_bytes());
        }
    }

    #[test]
    fn numbers_of_every_length_have_their_digits() {
        let tens = (0..20).map(|power| 10_u64.pow(power));
        let around = tens.flat_map(|ten| [ten - 1, ten, ten + 1, ten / 7, ten / 3]);
        for value in around.chain([u64::MAX, 12_345_678, 1 << 53]) {
            let mut out = [0; MAX_DECIMAL + 4];
            let len = decimal(value, &mut out);
            assert_eq!(&out[..len], value.to_string().as_bytes());
        }
        for value in [0, 1, 999_999_999, 123_456_789, 100_000_000, 9_999] {
            let (first, rest) = nine_digits(value);
            let digits = [&[first], &rest[..]].concat();
            assert_eq!(digits, format!("{value:09}").as_bytes());
        }
    }

    #[test]
    fn every_number_of_four_digits_comes_out_in_both_halves() {
        for value in 0..10_000 {
            let both = eight_digits(value * 10_000 + value) | ZEROS;
            assert_eq!(
                both.to_le_bytes().to_vec(),
                format!("{value:04}{value:04}").into_bytes()
            );
        }
    }
}
