//! Doorbells mapped from the server's file.

#![expect(unsafe_code, reason = "memory shared with a server: atomic dwords")]

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{SealFlags, fcntl_add_seals, fcntl_get_seals, fstat};

use super::Ring;
use crate::message::{RegionInfoReply, SparseArea};

/// A part of BAR 0 that is mapped.
struct Area {
    offset: u64,
    map: MmapRaw,
}

/// All mapped parts.
pub struct Mapped {
    areas: Vec<Area>,
}

/// The largest area that is mapped; doorbells of 65,536 queues at the widest usual stride.
const AREA_MAX: u64 = 64 << 20;

impl Mapped {
    /// Maps what the server offers of a region. Unless it is trusted, a file that could be cut off while
    /// it is mapped is refused: touching it then would kill this process.
    pub fn new(reply: &RegionInfoReply, fd: OwnedFd, ring: Ring) -> Result<Self, String> {
        let file = File::from(fd);
        let whole = [SparseArea { offset: 0, size: reply.info.size }];
        let areas = reply.sparse.as_deref().unwrap_or(&whole);
        let stat = fstat(&file).map_err(|errno| errno.to_string())?;
        let bytes = u64::try_from(stat.st_size).unwrap_or(0);
        let _ = fcntl_add_seals(&file, SealFlags::SHRINK);
        let sealed = fcntl_get_seals(&file).is_ok_and(|seals| seals.contains(SealFlags::SHRINK));
        if !sealed && ring != Ring::Trusting {
            return Err("the file could be cut off".into());
        }
        let mut mapped = Vec::new();
        for area in areas {
            let end = area.offset.checked_add(area.size);
            let inside = end.is_some_and(|end| end <= reply.info.size);
            let start = reply.info.offset.checked_add(area.offset);
            let fits = start.and_then(|start| start.checked_add(area.size));
            if !inside || area.size == 0 || area.size > AREA_MAX {
                return Err(format!("an area of {:#x} bytes at {:#x}", area.size, area.offset));
            }
            if fits.is_none_or(|end| end > bytes) || !area.offset.is_multiple_of(4) {
                return Err(format!("an area at {:#x} beyond its file", area.offset));
            }
            let mut options = MmapOptions::new();
            options.offset(reply.info.offset + area.offset).len(area.size as usize);
            let map = options.map_raw(&file).map_err(|error| error.to_string())?;
            mapped.push(Area { offset: area.offset, map });
        }
        Ok(Self { areas: mapped })
    }

    fn doorbell(&self, offset: u32) -> Option<&AtomicU32> {
        let offset = u64::from(offset);
        let area = self.areas.iter().find(|area| {
            let inside = offset.checked_sub(area.offset);
            inside.is_some_and(|at| at + 4 <= area.map.len() as u64 && at.is_multiple_of(4))
        })?;
        let at = (offset - area.offset) as usize;
        // SAFETY: the dword lies in the mapping, which cannot shrink and lives as long as `self`;
        // mappings are page-aligned and `at` is a multiple of 4.
        Some(unsafe { AtomicU32::from_ptr(area.map.as_mut_ptr().add(at).cast()) })
    }

    /// Rings a doorbell; everything written before is visible before it. False: it is not mapped.
    pub fn ring(&self, offset: u32, value: u32) -> bool {
        match self.doorbell(offset) {
            Some(doorbell) => {
                doorbell.store(value.to_le(), Ordering::Release);
                true
            }
            None => false,
        }
    }

    /// Whether a doorbell still holds this value.
    pub fn holds(&self, offset: u32, value: u32) -> bool {
        let doorbell = self.doorbell(offset);
        doorbell.is_some_and(|doorbell| doorbell.load(Ordering::Acquire) == value.to_le())
    }
}
