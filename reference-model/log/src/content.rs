//! What blocks of data hold, and how a block is recognised.
//!
//! Payloads that the harness writes are never stored: each block starts with a header (namespace,
//! LBA, writer, sequence) and the rest is generated from it. A block that was read is checked against
//! its own header; if it agrees, the header's [`Ident`] stands for all its bytes.

/// The header of a block that the harness wrote: who wrote it, where, and when in its own sequence.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct BlockTag {
    /// The namespace the block was meant for.
    pub nsid: u32,
    /// The writer: by convention the controller index.
    pub writer: u32,
    /// The logical block address the block was meant for.
    pub lba: u64,
    /// The writer's sequence number: unique in a run.
    pub sequence: u64,
}

/// The identity of a block's content. Equal identities mean equal bytes (up to a 64-bit collision).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Ident(pub u64);

impl Ident {
    /// A block of zeroes.
    pub const ZERO: Ident = Ident(0);
    /// A block of bytes FFh.
    pub const ONES: Ident = Ident(u64::MAX);
}

/// Bytes of a block header; the smallest block that can carry a tag.
pub const HEADER_BYTES: usize = 32;

/// What one word of the fill has more than the one before: odd, so that no two words of a block agree.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

const MAGIC: u64 = 0x7065_7473_6b63_6f6c; // "lockstep"

/// splitmix64's finalizer: a bijection with good diffusion.
const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl BlockTag {
    /// The identity of the block with this header.
    pub const fn ident(self) -> Ident {
        let mut h = mix(self.lba ^ 0x9e37_79b9_7f4a_7c15);
        h = mix(h ^ self.sequence);
        h = mix(h ^ (self.nsid as u64 | (self.writer as u64) << 32));
        // 0 and all ones are taken by the constants.
        Ident(if h == 0 || h == u64::MAX { 1 } else { h })
    }

    /// The tag of the block `n` logical blocks further on.
    #[must_use]
    pub const fn plus(self, n: u64) -> Self {
        Self { lba: self.lba.wrapping_add(n), ..self }
    }

    /// Writes the whole block: header, then fill generated from the identity. `block` is cut or left
    /// untouched beyond whole 8-byte words; a block shorter than [`HEADER_BYTES`] holds fill only.
    pub fn fill(self, block: &mut [u8]) {
        let (header, seed) = (self.header(), self.ident().0);
        let (words, _) = block.as_chunks_mut::<8>();
        let split = words.len().min(header.len());
        let (head, tail) = words.split_at_mut(split);
        for (to, word) in head.iter_mut().zip(header) {
            *to = word.to_le_bytes();
        }
        let mut word = seed;
        for to in tail {
            *to = word.to_le_bytes();
            word = word.wrapping_add(STEP);
        }
    }

    /// The words that a block starts with.
    const fn header(self) -> [u64; 4] {
        [MAGIC, self.nsid as u64 | (self.writer as u64) << 32, self.lba, self.sequence]
    }

    /// Whether `block` holds exactly what [`Self::fill`] writes. No early exit: a loop of additions and
    /// comparisons without branches is what the compiler turns into vector instructions.
    pub fn agrees(self, block: &[u8]) -> bool {
        let (words, rest) = block.as_chunks::<8>();
        let header = self.header();
        let (head, tail) = words.split_at(words.len().min(header.len()));
        let mut differ = 0;
        for (from, word) in head.iter().zip(header) {
            differ |= u64::from_le_bytes(*from) ^ word;
        }
        let mut word = self.ident().0;
        for from in tail {
            differ |= u64::from_le_bytes(*from) ^ word;
            word = word.wrapping_add(STEP);
        }
        differ == 0 && rest.is_empty()
    }

    /// The header that `block` starts with, if it starts with one.
    pub fn read(block: &[u8]) -> Option<Self> {
        let (words, _) = block.first_chunk::<HEADER_BYTES>()?.as_chunks::<8>();
        let [magic, who, lba, sequence] = [0, 1, 2, 3].map(|n| u64::from_le_bytes(words[n]));
        (magic == MAGIC).then_some(Self {
            nsid: who as u32,
            writer: (who >> 32) as u32,
            lba,
            sequence,
        })
    }
}

/// The identity of any block: its tag's if it agrees with its own header, else a hash of its bytes.
pub fn identify(block: &[u8]) -> Ident {
    match BlockTag::read(block) {
        Some(tag) if tag.agrees(block) => tag.ident(),
        _ => raw_ident(block),
    }
}

/// Whether every byte is `value`. Without early exit, as [`BlockTag::agrees`].
fn is_all(block: &[u8], value: u8) -> bool {
    let (words, rest) = block.as_chunks::<8>();
    let wanted = u64::from_ne_bytes([value; 8]);
    let differ = words.iter().fold(0, |differ, word| differ | (u64::from_ne_bytes(*word) ^ wanted));
    differ == 0 && rest.iter().all(|byte| *byte == value)
}

fn raw_ident(block: &[u8]) -> Ident {
    if is_all(block, 0) {
        return Ident::ZERO;
    }
    if is_all(block, 0xff) {
        return Ident::ONES;
    }
    let mut h = mix(block.len() as u64 ^ 0x5bd1_e995);
    for chunk in block.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        h = mix(h ^ u64::from_le_bytes(word)).rotate_left(5);
    }
    Ident(if h == 0 || h == u64::MAX { 2 } else { h })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_block_is_recognised_and_one_flipped_bit_is_not() {
        let tag = BlockTag { nsid: 1, writer: 0, lba: 7, sequence: 42 };
        let mut block = [0xa5; 512];
        tag.fill(&mut block);
        assert_eq!(identify(&block), tag.ident());
        assert_eq!(BlockTag::read(&block), Some(tag));
        for at in [0, 31, 32, 511] {
            block[at] ^= 1;
            assert_ne!(identify(&block), tag.ident());
            block[at] ^= 1;
        }
    }

    #[test]
    fn constant_blocks_have_constant_identities() {
        assert_eq!(identify(&[0; 4096]), Ident::ZERO);
        assert_eq!(identify(&[0xff; 4096]), Ident::ONES);
        assert_ne!(identify(&[1; 4096]), identify(&[1; 512]));
    }
}
