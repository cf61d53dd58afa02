//! REGION_READ and REGION_WRITE.

use super::{Layout, Malformed, layout, tail};

layout! {
    /// The fixed part of both, as commands and as replies. Data follow in a write's command and in a
    /// read's reply.
    RegionAccess = "region access" {
        /// Where in the region.
        offset: u64,
        /// Which region.
        region: u32,
        /// How many bytes.
        count: u32,
    }
}

impl RegionAccess {
    /// From a payload that holds the data too.
    pub fn with_data(bytes: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        let (access, rest) = Self::split(bytes)?;
        Ok((access, tail(Self::NAME, rest, access.count.into())?))
    }
}
