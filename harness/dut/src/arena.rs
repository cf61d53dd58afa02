//! Host memory that a controller may access.
//!
//! A controller may write it at any time, so no reference into it ever exists: bytes are copied in and
//! copied out, and a CQE's phase is loaded with acquire ordering before its bytes are.

#![expect(unsafe_code, reason = "shared memory with a device: raw pointers, copies, atomics")]

use std::fs::File;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use memmap2::{MmapOptions, MmapRaw};
use spec::Addr;

/// A shared mapping, seen by the controllers from [`Self::base`] on.
#[derive(Debug)]
pub struct Arena {
    map: MmapRaw,
    base: u64,
}

impl Arena {
    /// `bytes` of new shared memory (a memfd), seen by controllers from address `base` on.
    pub fn new(bytes: u64, base: Addr) -> std::io::Result<Self> {
        let fd = rustix::fs::memfd_create("lockstep-arena", rustix::fs::MemfdFlags::CLOEXEC)?;
        let file = File::from(fd);
        file.set_len(bytes)?;
        Self::over(&file, bytes, base)
    }

    /// The first `bytes` of a shared file that something else maps too (QEMU's guest memory).
    pub fn over(file: &File, bytes: u64, base: Addr) -> std::io::Result<Self> {
        Self::over_at(file, 0, bytes, base)
    }

    /// `bytes` of such a file from byte `offset` (a whole number of pages) on.
    pub fn over_at(file: &File, offset: u64, bytes: u64, base: Addr) -> std::io::Result<Self> {
        let map = MmapOptions::new().offset(offset).len(bytes as usize).map_raw(file)?;
        Ok(Self { map, base: base.0 })
    }

    /// The first address.
    pub fn base(&self) -> Addr {
        Addr(self.base)
    }

    /// Where it lies in this process, for a transport that hands it to a device.
    pub fn host_address(&self) -> u64 {
        self.map.as_mut_ptr() as u64
    }

    /// How many bytes.
    pub fn bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// Whether `len` bytes from `at` lie inside.
    pub fn covers(&self, at: Addr, len: u64) -> bool {
        at.0.checked_sub(self.base).is_some_and(|offset| {
            offset.checked_add(len).is_some_and(|end| end <= self.map.len() as u64)
        })
    }

    /// A pointer to `len` bytes at `at`, or `None` outside.
    fn pointer(&self, at: Addr, len: usize) -> Option<*mut u8> {
        if !self.covers(at, len as u64) {
            return None;
        }
        // SAFETY: `covers` has checked that offset + len lies within the mapping.
        Some(unsafe { self.map.as_mut_ptr().add((at.0 - self.base) as usize) })
    }

    /// Copies bytes out. False, and `to` untouched, if the range is not inside.
    #[must_use]
    pub fn read(&self, at: Addr, to: &mut [u8]) -> bool {
        let Some(from) = self.pointer(at, to.len()) else { return false };
        // SAFETY: `from` is valid for `to.len()` bytes; a mapping never overlaps a Rust slice. The
        // device may write meanwhile: the copy may then be torn, and is judged as such.
        unsafe { std::ptr::copy_nonoverlapping(from, to.as_mut_ptr(), to.len()) };
        true
    }

    /// Copies bytes in. False, and nothing changed, if the range is not inside.
    #[must_use]
    pub fn write(&self, at: Addr, from: &[u8]) -> bool {
        let Some(to) = self.pointer(at, from.len()) else { return false };
        // SAFETY: as in `read`.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
        true
    }

    /// Sets bytes. False, and nothing changed, if the range is not inside.
    #[must_use]
    pub fn set(&self, at: Addr, len: u64, value: u8) -> bool {
        let Some(to) = self.pointer(at, len as usize) else { return false };
        // SAFETY: as in `read`.
        unsafe { std::ptr::write_bytes(to, value, len as usize) };
        true
    }

    /// Loads an aligned dword with acquire ordering: the dword of a CQE that holds the phase tag.
    /// `None` outside or unaligned.
    pub fn load_acquire(&self, at: Addr) -> Option<u32> {
        if !at.0.is_multiple_of(4) {
            return None;
        }
        let from = self.pointer(at, 4)?;
        // SAFETY: in the mapping, aligned (the mapping is page-aligned and `base` too), and only
        // ever accessed as plain memory by the device.
        let value = unsafe { AtomicU32::from_ptr(from.cast()) }.load(Ordering::Acquire);
        Some(u32::from_le(value))
    }

    /// Stores an aligned dword and gives what stood there, as one access (a word that messages are
    /// written to). `None` outside or unaligned.
    pub fn swap(&self, at: Addr, value: u32) -> Option<u32> {
        if !at.0.is_multiple_of(4) {
            return None;
        }
        let place = self.pointer(at, 4)?;
        // SAFETY: as in `load_acquire`.
        let old =
            unsafe { AtomicU32::from_ptr(place.cast()) }.swap(value.to_le(), Ordering::AcqRel);
        Some(u32::from_le(old))
    }

    /// Orders all earlier writes to the arena before what the device is told next.
    pub fn publish(&self) {
        fence(Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_inside_and_refuses_outside() {
        let arena = Arena::new(8192, Addr(0x10_0000)).unwrap();
        assert!(arena.write(Addr(0x10_0ffc), &[1, 2, 3, 4, 5]));
        let mut back = [0; 5];
        assert!(arena.read(Addr(0x10_0ffc), &mut back));
        assert_eq!(back, [1, 2, 3, 4, 5]);
        assert_eq!(arena.load_acquire(Addr(0x10_0ffc)), Some(0x0403_0201));
        assert_eq!(arena.load_acquire(Addr(0x10_0ffd)), None);
        assert!(!arena.write(Addr(0x10_1ffe), &[0; 3]));
        assert!(!arena.read(Addr(0xf_ffff), &mut back));
        assert!(!arena.covers(Addr(u64::MAX), 2));
    }
}
