//! Digits: decimal and hexadecimal.

/// Longest decimal form of a 64-bit number.
pub(crate) const MAX_DECIMAL: usize = 20;

const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

/// The decimal digits of `value`, right-aligned in `out`; the return value is where they begin.
#[inline]
pub(crate) fn decimal(mut value: u64, out: &mut [u8; MAX_DECIMAL]) -> usize {
    let mut at = MAX_DECIMAL;
    while value >= 100 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        at -= 2;
        out[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value >= 10 {
        let pair = value as usize * 2;
        at -= 2;
        out[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        out[at] = b'0' + value as u8;
    }
    at
}

/// Writes two lower-case hexadecimal digits per byte; `out` is twice as long as `bytes`.
#[inline]
pub(crate) fn hex_into(bytes: &[u8], out: &mut [u8]) {
    // Arithmetic instead of a table: the loop becomes vector code.
    let digit = |nibble: u8| nibble + b'0' + u8::from(nibble > 9) * (b'a' - b'0' - 10);
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = digit(byte >> 4);
        pair[1] = digit(byte & 0x0f);
    }
}
