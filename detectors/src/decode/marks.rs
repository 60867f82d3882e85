//! Where in JSON the bytes stand that give it its shape: 64 bytes are looked at in one step.

use wide::u8x16;

/// Bytes that are looked at in one step: what is seen of each is a bit, the lowest for the first.
pub(super) const BLOCK: usize = 64;

/// Finds what ends or breaks a text, from place to place; what was seen of one block serves for all that is in it.
#[derive(Debug)]
pub(super) struct Breaks<'b> {
    bytes: &'b [u8],
    /// Where the block begins that was looked at last.
    block: usize,
    seen: u64,
}

impl<'b> Breaks<'b> {
    pub(super) fn of(bytes: &'b [u8]) -> Self {
        let mut breaks = Self { bytes, block: 0, seen: 0 };
        breaks.look(0);
        breaks
    }

    /// Where the next quote, backslash or control character is, or the end.
    #[inline]
    pub(super) fn next(&mut self, from: usize) -> usize {
        let begin = from - from % BLOCK;
        if begin != self.block {
            self.look(begin);
        }
        let mut found = self.seen & (u64::MAX << (from % BLOCK));
        while found == 0 {
            self.look(self.block + BLOCK);
            found = self.seen;
        }
        // What follows the end is taken for control characters.
        (self.block + found.trailing_zeros() as usize).min(self.bytes.len())
    }

    #[inline(never)]
    fn look(&mut self, begin: usize) {
        let rest = self.bytes.get(begin..).unwrap_or_default();
        self.block = begin;
        self.seen = rest.first_chunk().map_or_else(|| breaks(&padded(rest)), breaks);
    }
}

/// The last bytes, with zeros behind them.
#[cold]
pub(super) fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut padded = [0; BLOCK];
    padded.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    padded
}

#[inline]
fn breaks(block: &[u8; BLOCK]) -> u64 {
    const LAST_CONTROL: u8 = 0x1f;
    bits(block, |part| {
        let is_control = part.min(u8x16::splat(LAST_CONTROL)).simd_eq(part);
        part.simd_eq(u8x16::splat(b'"')) | part.simd_eq(u8x16::splat(b'\\')) | is_control
    })
}

/// Where quotes stand.
#[inline]
pub(super) fn quotes(block: &[u8; BLOCK]) -> u64 {
    bits(block, |part| part.simd_eq(u8x16::splat(b'"')))
}

/// Where brackets and braces stand.
#[inline]
pub(super) fn brackets(block: &[u8; BLOCK]) -> u64 {
    // A bracket and its brace differ in this bit.
    const BRACE: u8 = 0x20;
    bits(block, |part| {
        let braces = part | u8x16::splat(BRACE);
        braces.simd_eq(u8x16::splat(b'{')) | braces.simd_eq(u8x16::splat(b'}'))
    })
}

/// Whether there is a backslash.
#[inline]
pub(super) fn has_backslash(block: &[u8; BLOCK]) -> bool {
    let parts = block.as_chunks().0.iter();
    let any = parts.fold(u8x16::ZERO, |any, part| any | u8x16::new(*part).simd_eq(u8x16::splat(b'\\')));
    any.to_bitmask() != 0
}

#[inline]
fn bits(block: &[u8; BLOCK], is_one: impl Fn(u8x16) -> u8x16) -> u64 {
    let parts = block.as_chunks().0.iter().enumerate();
    parts.fold(0, |bits, (number, part)| {
        bits | u64::from(is_one(u8x16::new(*part)).to_bitmask()) << (number * size_of::<u8x16>())
    })
}

/// Of the places where something begins and ends in turns, all from each beginning up to before its end.
#[inline]
pub(super) fn spans(edges: u64) -> u64 {
    [1, 2, 4, 8, 16, 32].into_iter().fold(edges, |spans, by| spans ^ spans << by)
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    fn is_break(byte: u8) -> bool {
        matches!(byte, b'"' | b'\\' | 0..0x20)
    }

    #[test]
    fn every_byte_is_told_at_every_place() {
        for byte in 0..=255 {
            for place in 0..BLOCK {
                let mut bytes = [b'x'; BLOCK];
                bytes[place] = byte;
                let bit = |is: bool| u64::from(is) << place;
                let seen = (breaks(&bytes), quotes(&bytes), brackets(&bytes), has_backslash(&bytes));
                let is_bracket = matches!(byte, b'{' | b'}' | b'[' | b']');
                let expected = (bit(is_break(byte)), bit(byte == b'"'), bit(is_bracket), byte == b'\\');
                assert_eq!(seen, expected, "{byte} at {place}");
            }
        }
    }

    #[test]
    fn breaks_are_found_from_any_place_in_any_order() {
        let mut rng = Rng::with_seed(7);
        for length in 0..200 {
            let bytes: Vec<u8> = (0..length).map(|_| b"\"\\\n{]xxxxxxxxxxxxxxxxxxxxx"[rng.usize(..26)]).collect();
            let mut breaks = Breaks::of(&bytes);
            for _ in 0..50 {
                let from = rng.usize(..length + 70);
                let found = bytes.iter().skip(from).position(|byte| is_break(*byte));
                assert_eq!(breaks.next(from), found.map_or(length, |at| from + at));
            }
        }
    }

    #[test]
    fn spans_reach_from_a_beginning_up_to_its_end() {
        assert_eq!(spans(0b0010_0100), 0b0001_1100);
        assert_eq!(spans(1 << 63 | 1 << 62 | 1 << 3), !0b111 ^ 1 << 62);
    }
}
