//! REGION_WRITE_MULTI: several region writes of up to 8 bytes in one message.

use super::{Layout, Malformed, layout};

layout! {
    /// How many writes; the whole reply, and the fixed part of the command.
    WriteCount = "REGION_WRITE_MULTI" {
        /// How many writes.
        wr_cnt: u64,
    }
}

layout! {
    /// One write.
    SingleWrite = "REGION_WRITE_MULTI write" {
        /// Where in the region.
        offset: u64,
        /// Which region.
        region: u32,
        /// How many bytes of `data`, at most 8.
        count: u32,
        /// The bytes.
        data: [u8; 8],
    }
}

/// REGION_WRITE_MULTI, as a command: the writes one by one.
#[derive(Clone, Copy, Debug)]
pub struct WriteMulti<'a> {
    rest: &'a [u8],
}

impl<'a> WriteMulti<'a> {
    /// From a payload that has all the writes it says.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (count, rest) = WriteCount::split(bytes)?;
        let need = count.wr_cnt.saturating_mul(SingleWrite::BYTES as u64);
        super::tail(WriteCount::NAME, rest, need).map(|rest| Self { rest })
    }

    /// Appends a payload.
    pub fn encode(writes: &[SingleWrite], to: &mut Vec<u8>) {
        WriteCount { wr_cnt: writes.len() as u64 }.encode(to);
        writes.iter().for_each(|write| write.encode(to));
    }
}

impl Iterator for WriteMulti<'_> {
    type Item = SingleWrite;

    fn next(&mut self) -> Option<SingleWrite> {
        let (write, rest) = SingleWrite::split(self.rest).ok()?;
        self.rest = rest;
        Some(write)
    }
}
