//! Client memory: the DMA maps of one client, and how they are accessed.
//!
//! A client may take away what lies behind a file descriptor at any time. So memory is mapped only
//! where that cannot hurt: a file in shared memory (tmpfs) that is sealed against shrinking. Other
//! tmpfs files are accessed by `pread` and `pwrite`, which fail instead of killing the process. Any
//! other file is not touched at all (one of FUSE could block the server for ever, huge pages can run
//! out): such a region is treated as if it had come without a file descriptor, and accessed by
//! messages.

#![expect(unsafe_code, reason = "memory shared with a client: raw pointers, copies, atomics")]

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, Ordering};

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{SealFlags, fcntl_get_seals, fstat, fstatfs};
use rustix::io::Errno;

use super::DmaFault;
use crate::message::DmaMap;

/// How many maps a client may have.
pub const MAPS_MAX: usize = 65_535;
/// The magic number of tmpfs.
const TMPFS_MAGIC: i64 = 0x0102_1994;
/// Size of a CQE in bytes: its last dword becomes visible after the others.
const CQE_BYTES: usize = 16;

/// How a region is accessed.
enum Access {
    /// Mapped: it cannot shrink.
    Mapped(MmapRaw),
    /// By system calls: byte 0 of the region is at this offset of the file.
    File(File, u64),
    /// By messages.
    Messages,
}

/// A region.
struct Map {
    size: u64,
    readable: bool,
    writeable: bool,
    access: Access,
}

/// What became of the part of an access that lies in one region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moved {
    /// So many bytes were copied.
    Done(usize),
    /// So many bytes are to be moved by messages.
    ByMessages(usize),
}

/// All regions of a client.
#[derive(Default)]
pub struct Memory {
    maps: BTreeMap<u64, Map>,
}

impl Memory {
    /// Adds a region.
    pub fn map(&mut self, request: &DmaMap, fd: Option<OwnedFd>) -> Result<(), Errno> {
        let DmaMap { flags, offset, address, size, .. } = *request;
        let end = address.checked_add(size).ok_or(Errno::INVAL)?;
        if size == 0 || flags & !(DmaMap::READABLE | DmaMap::WRITEABLE) != 0 {
            return Err(Errno::INVAL);
        }
        if self.overlaps(address, end) {
            return Err(Errno::EXIST);
        }
        if self.maps.len() >= MAPS_MAX {
            return Err(Errno::NOSPC);
        }
        let (readable, writeable) = (flags & DmaMap::READABLE != 0, flags & DmaMap::WRITEABLE != 0);
        let access = match fd {
            Some(fd) => access(fd, offset, size, writeable)?,
            None => Access::Messages,
        };
        self.maps.insert(address, Map { size, readable, writeable, access });
        Ok(())
    }

    fn overlaps(&self, from: u64, to: u64) -> bool {
        let before = self.maps.range(..to).next_back();
        before.is_some_and(|(at, map)| at.saturating_add(map.size) > from)
    }

    /// Takes a region away: exactly one that was added.
    pub fn unmap(&mut self, address: u64, size: u64) -> Result<(), Errno> {
        match self.maps.get(&address) {
            Some(map) if map.size == size => {
                self.maps.remove(&address);
                Ok(())
            }
            Some(_) => Err(Errno::INVAL),
            None => Err(Errno::NOENT),
        }
    }

    /// Takes every region away.
    pub fn clear(&mut self) {
        self.maps.clear();
    }

    /// The region that holds `at`, and where in it that is.
    fn find(&self, at: u64, write: bool) -> Option<(&Map, u64)> {
        let allowed = |map: &Map| if write { map.writeable } else { map.readable };
        self.region(at).filter(|(map, _)| allowed(map))
    }

    /// The region that holds `at`, whatever its rights.
    fn region(&self, at: u64) -> Option<(&Map, u64)> {
        let (base, map) = self.maps.range(..=at).next_back()?;
        let inside = at - base;
        (inside < map.size).then_some((map, inside))
    }

    /// Whether an access to `len` bytes from `at` lies in regions with the right, wholly.
    pub fn allows(&self, at: u64, len: usize, write: bool) -> bool {
        let (mut at, mut left) = (at, len as u64);
        while left != 0 {
            let Some((map, inside)) = self.find(at, write) else { return false };
            let here = left.min(map.size - inside);
            left -= here;
            match at.checked_add(here) {
                Some(next) => at = next,
                None => return left == 0,
            }
        }
        true
    }

    /// Copies memory whatever the function may do with it. False where there is none, or none that
    /// can be had without a message.
    pub fn peek(&self, at: u64, to: &mut [u8]) -> bool {
        let mut done = 0;
        while done < to.len() {
            let Some(here) = at.checked_add(done as u64) else { return false };
            let Some((map, inside)) = self.region(here) else { return false };
            match copy_out(map, inside, &mut to[done..]) {
                Ok(Moved::Done(len)) => done += len,
                Ok(Moved::ByMessages(_)) | Err(DmaFault) => return false,
            }
        }
        true
    }

    /// Reads as much from `at` on as lies in one region.
    pub fn read(&self, at: u64, to: &mut [u8]) -> Result<Moved, DmaFault> {
        let (map, inside) = self.find(at, false).ok_or(DmaFault)?;
        copy_out(map, inside, to)
    }

    /// Writes as much from `at` on as lies in one region; as [`Self::read`].
    pub fn write(&self, at: u64, from: &[u8]) -> Result<Moved, DmaFault> {
        let (map, inside) = self.find(at, true).ok_or(DmaFault)?;
        let len = from.len().min(usize::try_from(map.size - inside).unwrap_or(usize::MAX));
        let from = &from[..len];
        // The dword with the phase tag comes last.
        let first = if len == CQE_BYTES && at.is_multiple_of(4) { len - 4 } else { len };
        match &map.access {
            Access::Mapped(mapping) => {
                // SAFETY: as in `read`.
                unsafe {
                    let to = mapping.as_mut_ptr().add(inside as usize);
                    std::ptr::copy_nonoverlapping(from.as_ptr(), to, first);
                    let last = to.add(first);
                    match from[first..].try_into() {
                        Ok(word) if last.cast::<u32>().is_aligned() => {
                            let word = u32::from_ne_bytes(word);
                            AtomicU32::from_ptr(last.cast()).store(word, Ordering::Release);
                        }
                        _ => {
                            let rest = &from[first..];
                            std::ptr::copy_nonoverlapping(rest.as_ptr(), last, rest.len());
                        }
                    }
                }
                Ok(Moved::Done(len))
            }
            Access::File(file, start) => {
                let at = start + inside;
                let done = file.write_all_at(&from[..first], at);
                let done = done.and_then(|()| file.write_all_at(&from[first..], at + first as u64));
                done.map_err(|_| DmaFault)?;
                Ok(Moved::Done(len))
            }
            Access::Messages => Ok(Moved::ByMessages(len)),
        }
    }
}

/// Copies as much of a region from byte `inside` on as there is.
fn copy_out(map: &Map, inside: u64, to: &mut [u8]) -> Result<Moved, DmaFault> {
    let len = to.len().min(usize::try_from(map.size - inside).unwrap_or(usize::MAX));
    let to = &mut to[..len];
    match &map.access {
        Access::Mapped(mapping) => {
            // SAFETY: `find` has checked that `inside` lies in the region and `len` does not
            // leave it; the mapping is as long as the region and cannot shrink. The client may
            // write meanwhile: the copy may then be torn, and it is the client's to bear.
            unsafe {
                let from = mapping.as_ptr().add(inside as usize);
                std::ptr::copy_nonoverlapping(from, to.as_mut_ptr(), len);
            }
            Ok(Moved::Done(len))
        }
        Access::File(file, start) => {
            file.read_exact_at(to, start + inside).map_err(|_| DmaFault)?;
            Ok(Moved::Done(len))
        }
        Access::Messages => Ok(Moved::ByMessages(len)),
    }
}

/// How a file is accessed: see the module.
fn access(fd: OwnedFd, offset: u64, size: u64, writeable: bool) -> Result<Access, Errno> {
    let end = offset.checked_add(size).ok_or(Errno::INVAL)?;
    if fstatfs(&fd)?.f_type as i64 != TMPFS_MAGIC {
        return Ok(Access::Messages);
    }
    let stat = fstat(&fd)?;
    let is_file = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file();
    if !is_file || u64::try_from(stat.st_size).map_err(|_| Errno::INVAL)? < end {
        return Err(Errno::INVAL);
    }
    let flags = rustix::fs::fcntl_getfl(&fd)?;
    if flags.contains(rustix::fs::OFlags::APPEND) {
        // A write would go to the end, wherever it was meant to go.
        return Err(Errno::INVAL);
    }
    let mode = flags & rustix::fs::OFlags::RWMODE;
    let can_write = mode == rustix::fs::OFlags::RDWR;
    let can_read = can_write || mode == rustix::fs::OFlags::RDONLY;
    if !can_read || writeable && !can_write {
        return Err(Errno::ACCESS);
    }
    let sealed = fcntl_get_seals(&fd).is_ok_and(|seals| seals.contains(SealFlags::SHRINK));
    let file = File::from(fd);
    if sealed && let Ok(len) = usize::try_from(size) {
        let options = MmapOptions::new().offset(offset).len(len).to_owned();
        let mapped = match writeable {
            true => options.map_raw(&file),
            false => options.map_raw_read_only(&file),
        };
        // Without room for one more mapping (or a page-aligned offset) the file still does.
        if let Ok(mapping) = mapped {
            return Ok(Access::Mapped(mapping));
        }
    }
    Ok(Access::File(file, offset))
}
