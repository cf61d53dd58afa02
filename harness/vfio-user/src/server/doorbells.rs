//! Doorbells that a client maps: a page of its own for each client, watched by the server.
//!
//! Nothing tells the server of a write to the page, so an untouched doorbell holds a word that no host
//! writes: reserved bits set, drawn anew for each page. The server takes what differs and puts the
//! word back, so the same value written twice counts twice. Writes that follow each other faster than
//! the server looks become one, the last.

#![expect(unsafe_code, reason = "memory shared with a client: atomic dwords")]

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering};

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

/// A page of doorbells.
pub struct Page {
    file: File,
    map: MmapRaw,
    /// Bytes from one doorbell to the next.
    stride: usize,
    untouched: u32,
}

impl Page {
    /// `bytes` (whole pages) of doorbells `stride` bytes apart, `first` bytes (whole pages) behind the
    /// beginning of the file: there the protocol looks for them. The client cannot change its size.
    pub fn new(first: u32, bytes: u32, stride: u32) -> std::io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = File::from(memfd_create("lockstep-doorbells", flags)?);
        file.set_len(u64::from(first) + u64::from(bytes))?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let mut options = MmapOptions::new();
        let map = options.offset(first.into()).len(bytes as usize).map_raw(&file)?;
        let drawn = RandomState::new().build_hasher().finish() as u32;
        let page =
            Self { file, map, stride: stride.max(4) as usize, untouched: drawn | 0x8001_0000 };
        (0..page.count()).for_each(|n| page.doorbell(n).store(page.untouched, Ordering::Relaxed));
        Ok(page)
    }

    fn count(&self) -> usize {
        self.map.len() / self.stride
    }

    fn doorbell(&self, n: usize) -> &AtomicU32 {
        let at = (n * self.stride).min(self.map.len() - 4);
        // SAFETY: in the mapping, which cannot shrink and lives as long as `self`; aligned, as the
        // mapping is to pages and strides are to 4; everybody treats it as plain shared memory.
        unsafe { AtomicU32::from_ptr(self.map.as_mut_ptr().add(at).cast()) }
    }

    /// Takes what was written since the last time: offset in the page, and value.
    pub fn take(&self, mut sink: impl FnMut(u32, u32)) {
        for n in 0..self.count() {
            let doorbell = self.doorbell(n);
            if doorbell.load(Ordering::Relaxed) != self.untouched {
                // What the host wrote before the doorbell is visible after this.
                let value = doorbell.swap(self.untouched, Ordering::AcqRel);
                if value != self.untouched {
                    sink((n * self.stride) as u32, u32::from_le(value));
                }
            }
        }
    }

    /// Whether something was written since the last time.
    pub fn is_touched(&self) -> bool {
        (0..self.count()).any(|n| self.doorbell(n).load(Ordering::Relaxed) != self.untouched)
    }
}

impl AsFd for Page {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(page: &Page) -> Vec<(u32, u32)> {
        let mut found = Vec::new();
        page.take(|offset, value| found.push((offset, value)));
        found
    }

    #[test]
    fn the_same_value_twice_is_two_writes() {
        let page = Page::new(4096, 4096, 4).unwrap();
        let client = MmapOptions::new().offset(4096).map_raw(&page.file).unwrap();
        // SAFETY: inside, aligned.
        let doorbell = unsafe { AtomicU32::from_ptr(client.as_mut_ptr().add(8).cast()) };
        assert!(taken(&page).is_empty() && !page.is_touched());
        doorbell.store(5, Ordering::Release);
        assert!(page.is_touched());
        assert_eq!(taken(&page), [(8, 5)]);
        doorbell.store(5, Ordering::Release);
        assert_eq!(taken(&page), [(8, 5)]);
        assert!(taken(&page).is_empty());
    }

    #[test]
    fn a_client_cannot_take_the_page_away() {
        let page = Page::new(0, 4096, 8).unwrap();
        assert!(page.file.set_len(0).is_err());
        assert!(page.file.set_len(1 << 20).is_err());
        assert!(fcntl_add_seals(&page.file, SealFlags::WRITE).is_err());
    }
}
