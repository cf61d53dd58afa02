//! Physical Region Pages: where the data of a command, or the pages of a queue, lie in host memory.
//! Base-2.3 §4.3.1, figures 109 to 112.

use spec::Status;
use spec::prp::ENTRY_BYTES;

use crate::config::LowBits;
use crate::controller::Segment;
use crate::run::{Refusal, Run};
use crate::seam::{Bound, Check};

/// Entries that are read from a list at a time.
const BATCH: usize = 64;

/// A place in a PRP list.
struct List {
    /// The address of the next entry.
    at: u64,
    /// Entries in the rest of its page, the pointer to the next list page included.
    slots: u64,
    /// Entries read ahead.
    batch: [u64; BATCH],
    /// The next entry of `batch`.
    next: usize,
    /// How many entries `batch` holds.
    held: usize,
}

impl Run<'_> {
    /// A PRP entry with its two lowest bits as the configuration wants them. Base-2.3 §4.3.1.
    fn entry(&self, raw: u64) -> u64 {
        if self.config.prp_low_bits == LowBits::Ignored { raw & !3 } else { raw }
    }

    /// A PRP entry that has to begin at a memory page.
    pub fn page_entry(&mut self, raw: u64) -> Result<u64, Refusal> {
        let entry = self.entry(raw);
        let offset = entry & (self.controller.page() - 1);
        self.refuse_if(Check::PrpOffset, offset != 0, Status::PRP_OFFSET_INVALID)?;
        Ok(entry)
    }

    /// Gathers the first `need` bytes of a transfer of `total` bytes into the controller's list of
    /// segments. What PRP2 is follows from `total`; entries beyond `need` are not looked at.
    pub fn gather(&mut self, prp1: u64, prp2: u64, total: u64, need: u64) -> Result<(), Refusal> {
        let page = self.controller.page();
        self.controller.segments.clear();
        let first = self.entry(prp1);
        self.refuse_if(Check::PrpOffset, first & 3 != 0, Status::PRP_OFFSET_INVALID)?;
        let room = page - (first & (page - 1));
        self.push_segment(first, need.min(room).min(total));
        let mut left = need.saturating_sub(room);
        if left == 0 {
            // PRP2 is reserved, or describes what is not transferred.
            return Ok(());
        }
        let prp2 = self.bound(Bound::Prp2, prp2);
        if total.saturating_sub(room) <= page {
            let second = self.page_entry(prp2)?;
            self.push_segment(second, left);
            return Ok(());
        }
        let mut list = self.open_list(prp2)?;
        let mut entries = total.saturating_sub(room).div_ceil(page);
        while left != 0 {
            let entry = self.next_entry(&mut list, entries)?;
            let entry = self.page_entry(entry)?;
            self.push_segment(entry, left.min(page));
            left = left.saturating_sub(page);
            entries -= 1;
        }
        Ok(())
    }

    /// The pages of a queue of `bytes` bytes whose list is at `prp1`.
    pub fn queue_pages(&mut self, prp1: u64, bytes: u64) -> Result<Vec<u64>, Refusal> {
        let count = bytes.div_ceil(self.controller.page());
        let mut list = self.open_list(prp1)?;
        let mut pages = Vec::with_capacity(count as usize);
        for left in (1..=count).rev() {
            let entry = self.next_entry(&mut list, left)?;
            pages.push(self.page_entry(entry)?);
        }
        Ok(pages)
    }

    fn push_segment(&mut self, at: u64, len: u64) {
        if len != 0 {
            self.controller.segments.push(Segment { at, len: len as u32 });
        }
    }

    /// A list pointer: an offset within the page is allowed, in whole entries.
    fn open_list(&mut self, pointer: u64) -> Result<List, Refusal> {
        let at = self.entry(pointer);
        self.refuse_if(Check::PrpOffset, at & 7 != 0, Status::PRP_OFFSET_INVALID)?;
        let slots = self.list_slots(at);
        Ok(List { at, slots, batch: [0; BATCH], next: 0, held: 0 })
    }

    fn list_slots(&mut self, at: u64) -> u64 {
        let page = self.controller.page();
        self.bound(Bound::ListEntries, (page - (at & (page - 1))) / ENTRY_BYTES)
    }

    /// The next entry for data when `left` of them are still needed. The last entry of a list page
    /// points to the next page of the list unless it is the last one needed.
    fn next_entry(&mut self, list: &mut List, left: u64) -> Result<u64, Refusal> {
        if list.slots == 1 && left > 1 {
            let pointer = self.read_entry(list, left)?;
            let at = self.page_entry(pointer)?;
            *list = List { at, slots: self.list_slots(at), next: 0, held: 0, ..*list };
        }
        self.read_entry(list, left)
    }

    fn read_entry(&mut self, list: &mut List, left: u64) -> Result<u64, Refusal> {
        if list.next == list.held {
            let count = list.slots.min(left).clamp(1, BATCH as u64) as usize;
            let mut raw = [0; BATCH * 8];
            let bytes = &mut raw[..count * 8];
            let fault = self.bus.read(self.controller.index, list.at, bytes).is_err();
            self.refuse_if(Check::HostMemory, fault, Status::DATA_TRANSFER_ERROR)?;
            for (entry, raw) in list.batch.iter_mut().zip(raw.as_chunks::<8>().0) {
                *entry = u64::from_le_bytes(*raw);
            }
            list.next = 0;
            list.held = count;
        }
        let entry = list.batch[list.next];
        list.next += 1;
        list.at = list.at.wrapping_add(ENTRY_BYTES);
        list.slots = list.slots.saturating_sub(1);
        Ok(entry)
    }
}
