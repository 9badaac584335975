//! Digits: decimal and hexadecimal.

/// Longest decimal form of a 64-bit number.
pub(crate) const MAX_DECIMAL: usize = 20;

const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

#[inline]
fn put_pair(value: usize, out: &mut [u8], at: usize) {
    out[at..at + 2].copy_from_slice(&PAIRS[value * 2..value * 2 + 2]);
}

/// The decimal digits of `value`, right-aligned in `out`; the return value is where they begin.
#[inline]
pub(crate) fn decimal(value: u64, out: &mut [u8; MAX_DECIMAL]) -> usize {
    write_decimal(value, out)
}

/// The same, with room behind the digits, so that twenty bytes may be copied from any place of the first twenty.
#[inline]
pub(crate) fn decimal_padded(value: u64, out: &mut [u8; 2 * MAX_DECIMAL]) -> usize {
    write_decimal(value, &mut out[..MAX_DECIMAL])
}

#[inline]
fn write_decimal(mut value: u64, out: &mut [u8]) -> usize {
    let mut at = MAX_DECIMAL;
    while value >= 100 {
        at -= 2;
        put_pair((value % 100) as usize, out, at);
        value /= 100;
    }
    if value >= 10 {
        at -= 2;
        put_pair(value as usize, out, at);
    } else {
        at -= 1;
        out[at] = b'0' + value as u8;
    }
    at
}

/// Nine digits of `value`, which is below 10^9, at `out[at..]`.
#[inline]
pub(crate) fn nine_digits(value: u32, out: &mut [u8; 32], at: usize) {
    let (high, low) = (value / 10_000, value % 10_000);
    out[at] = b'0' + (high / 10_000) as u8;
    put_pair((high / 100 % 100) as usize, out, at + 1);
    put_pair((high % 100) as usize, out, at + 3);
    put_pair((low / 100) as usize, out, at + 5);
    put_pair((low % 100) as usize, out, at + 7);
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
        for value in tens
            .flat_map(|ten| [ten - 1, ten, ten + 1])
            .chain([u64::MAX])
        {
            let mut digits = [0; 40];
            let from = decimal_padded(value, &mut digits);
            assert_eq!(&digits[from..20], value.to_string().as_bytes());
        }
        for value in [0, 1, 999_999_999, 123_456_789, 100_000_000, 9_999] {
            let mut out = [0; 32];
            nine_digits(value, &mut out, 20);
            assert_eq!(&out[20..29], format!("{value:09}").as_bytes());
        }
    }
}
