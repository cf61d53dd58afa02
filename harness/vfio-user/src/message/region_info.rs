//! DEVICE_GET_REGION_INFO and DEVICE_GET_REGION_IO_FDS: what a region is, and which parts of it can
//! be mapped.

use super::{Layout, Malformed, layout};

layout! {
    /// The fixed part of DEVICE_GET_REGION_INFO; as a command only `argsz` and `index` count.
    RegionInfo = "DEVICE_GET_REGION_INFO" {
        /// The largest reply; in the reply the size of all there is.
        argsz: u32,
        /// [`RegionInfo::READ`] and the others.
        flags: u32,
        /// Which region.
        index: u32,
        /// Where the first capability begins, from the beginning of this structure.
        cap_offset: u32,
        /// Size of the region in bytes.
        size: u64,
        /// Where the region begins in the file that can be mapped.
        offset: u64,
    }
}

impl RegionInfo {
    /// The client may read it.
    pub const READ: u32 = 1;
    /// The client may write it.
    pub const WRITE: u32 = 1 << 1;
    /// The client may map it; a file descriptor comes along.
    pub const MMAP: u32 = 1 << 2;
    /// There are capabilities.
    pub const CAPS: u32 = 1 << 3;
}

layout! {
    /// The header of a capability.
    CapHeader = "region capability" {
        /// Which one.
        id: u16,
        /// Its version.
        version: u16,
        /// Where the next one begins, from the beginning of the region info; 0: there is none.
        next: u32,
    }
}

layout! {
    /// The fixed part of the sparse-mmap capability, behind its header.
    SparseHead = "sparse mmap capability" {
        /// How many areas follow.
        nr_areas: u32,
        /// Nothing.
        reserved: u32,
    }
}

layout! {
    /// A part of a region that can be mapped.
    SparseArea = "sparse mmap area" {
        /// Where it begins in the region.
        offset: u64,
        /// How many bytes.
        size: u64,
    }
}

/// The identifier of the sparse-mmap capability.
const SPARSE_MMAP: u16 = 1;
/// How many areas are looked at, and how many capabilities: nobody has more, and a liar gets no
/// further.
const AREAS_MAX: usize = 64;

/// The reply to DEVICE_GET_REGION_INFO.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RegionInfoReply {
    /// The fixed part.
    pub info: RegionInfo,
    /// Parts that can be mapped; `None`: there is no such capability, and all or nothing can be.
    pub sparse: Option<Vec<SparseArea>>,
}

impl RegionInfoReply {
    /// From a payload. A chain of capabilities that leaves it, or never ends, is malformed; of one
    /// that was cut off (`argsz` says more than there is) nothing is read.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let info = RegionInfo::decode(bytes)?;
        let mut sparse = None;
        if info.argsz as usize > bytes.len() {
            return Ok(Self { info, sparse });
        }
        let mut at = if info.flags & RegionInfo::CAPS != 0 { info.cap_offset } else { 0 };
        for _ in 0..AREAS_MAX {
            if at == 0 {
                return Ok(Self { info, sparse });
            }
            let place = at as usize;
            let bytes = bytes.get(place..).filter(|_| place >= RegionInfo::BYTES);
            let Some(bytes) = bytes else {
                return wrong(format!("a capability at {at}, outside of the reply"));
            };
            let (header, body) = CapHeader::split(bytes)?;
            if header.id == SPARSE_MMAP {
                sparse = Some(areas(body)?);
            }
            at = header.next;
        }
        wrong("the chain of capabilities does not end".into())
    }

    /// Appends a payload of at most `argsz` bytes: capabilities that do not fit are left out, and the
    /// `argsz` in it says how much it would be. Whether they were there.
    pub fn encode(&self, to: &mut Vec<u8>, argsz: u32) -> bool {
        let sparse = self.sparse.as_deref();
        let tail = sparse.map_or(0, |areas| {
            CapHeader::BYTES + SparseHead::BYTES + areas.len() * SparseArea::BYTES
        });
        let total = (RegionInfo::BYTES + tail) as u32;
        let fits = total <= argsz;
        // Told even where it is cut off: QEMU 11.1 takes 0 for an error, whatever `argsz` says.
        let cap_offset = if tail != 0 { RegionInfo::BYTES as u32 } else { 0 };
        RegionInfo { argsz: total, cap_offset, ..self.info }.encode(to);
        if let Some(areas) = sparse.filter(|_| fits) {
            CapHeader { id: SPARSE_MMAP, version: 1, next: 0 }.encode(to);
            SparseHead { nr_areas: areas.len() as u32, reserved: 0 }.encode(to);
            areas.iter().for_each(|area| area.encode(to));
        }
        fits
    }
}

fn areas(body: &[u8]) -> Result<Vec<SparseArea>, Malformed> {
    let (head, mut rest) = SparseHead::split(body)?;
    if head.nr_areas as usize > AREAS_MAX {
        return wrong(format!("{} sparse areas", head.nr_areas));
    }
    let mut found = Vec::with_capacity(head.nr_areas as usize);
    for _ in 0..head.nr_areas {
        let (area, behind) = SparseArea::split(rest)?;
        found.push(area);
        rest = behind;
    }
    Ok(found)
}

fn wrong<T>(why: String) -> Result<T, Malformed> {
    Err(Malformed::Field { what: RegionInfo::NAME, why })
}

layout! {
    /// DEVICE_GET_REGION_IO_FDS, as a command. Nobody here answers it with file descriptors.
    RegionIoFds = "DEVICE_GET_REGION_IO_FDS" {
        /// The largest reply, in bytes.
        argsz: u32,
        /// 0.
        flags: u32,
        /// Which region.
        index: u32,
        /// 0.
        count: u32,
    }
}
