//! DMA_READ and DMA_WRITE: the server accesses client memory by messages.

use super::{Layout, Malformed, layout, tail};

layout! {
    /// The fixed part of both, as commands and as replies. Data follow in a write's command and in a
    /// read's reply. (The text gives the `count` of one reply 4 bytes and all others 8; everybody
    /// sends 8.)
    DmaAccess = "DMA access" {
        /// Where, for the device.
        address: u64,
        /// How many bytes.
        count: u64,
    }
}

impl DmaAccess {
    /// From a payload that holds the data too.
    pub fn with_data(bytes: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        let (access, rest) = Self::split(bytes)?;
        Ok((access, tail(Self::NAME, rest, access.count)?))
    }
}
