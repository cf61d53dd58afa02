//! DMA_MAP and DMA_UNMAP: which client memory the server may access.

use super::layout;

layout! {
    /// DMA_MAP. A file descriptor may come with it.
    DmaMap = "DMA_MAP" {
        /// Size of this structure.
        argsz: u32,
        /// [`DmaMap::READABLE`], [`DmaMap::WRITEABLE`].
        flags: u32,
        /// Where the region begins in the file.
        offset: u64,
        /// Where it begins for the device.
        address: u64,
        /// How many bytes.
        size: u64,
    }
}

impl DmaMap {
    /// The device may read it.
    pub const READABLE: u32 = 1;
    /// The device may write it.
    pub const WRITEABLE: u32 = 1 << 1;
}

layout! {
    /// DMA_UNMAP, as a command and as a reply.
    DmaUnmap = "DMA_UNMAP" {
        /// The largest reply, in bytes.
        argsz: u32,
        /// [`DmaUnmap::ALL`], or nothing.
        flags: u32,
        /// Where the region begins for the device.
        address: u64,
        /// How many bytes.
        size: u64,
    }
}

impl DmaUnmap {
    /// Every region: from VFIO; this protocol's text leaves the flags unused.
    pub const ALL: u32 = 1 << 1;
}
