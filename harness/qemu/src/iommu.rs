//! QEMU's `intel-iommu` (VT-d), programmed from the host: DMA that leaves what was mapped is refused,
//! and seen.
//!
//! An address as the controllers use it (an IOVA) is the guest physical address plus 4 GiB, so that an
//! access without translation cannot succeed by luck. The tables are laid out once: only leaves
//! change. Faults are read from QEMU's trace, which names every refused access; the one fault record
//! register would lose all but the first.
//!
//! Registers and tables are named as in the VT-d specification, legacy mode, four levels.

use dut::{Arena, Ctrl, Event};
use log::Perm;
use spec::Addr;

use crate::options::{FIRST_SLOT, MAX_CONTROLLERS};
use crate::qtest::{Qtest, Trouble};

const PAGE: u64 = 4096;
/// IOVA of guest physical address 0.
pub(crate) const OFFSET: u64 = 1 << 32;
/// Bytes that one table of leaves covers.
const LEAVES_COVER: u64 = 2 << 20;

const REGISTERS: u64 = 0xfed9_0000;
const GCMD: u64 = REGISTERS + 0x18;
const GSTS: u64 = REGISTERS + 0x1c;
const RTADDR: u64 = REGISTERS + 0x20;
const IQT: u64 = REGISTERS + 0x88;
const IQA: u64 = REGISTERS + 0x90;
/// GCMD and GSTS: translation, queued invalidation, root table pointer.
const TE: u32 = 1 << 31;
const QIE: u32 = 1 << 26;
const SRTP: u32 = 1 << 30;
/// The domain that all functions are in.
const DOMAIN: u64 = 1;
/// Descriptors of the invalidation queue: one page of 16 bytes each.
const DESCRIPTORS: u64 = 256;
const READ: u64 = 1;
const WRITE: u64 = 2;

/// The IOMMU's tables, at the top of guest memory, and the state of its queue.
pub(crate) struct Iommu {
    tables: Arena,
    /// Guest memory below the tables, in bytes: what can be mapped.
    mappable: u64,
    base: u64,
    tail: u64,
}

impl Iommu {
    /// How many bytes of guest memory the tables take.
    pub fn table_bytes(memory: u64) -> u64 {
        // Root, context, levels 4 and 3, two of level 2 (2 GiB), queue, then the leaves.
        (7 + memory / LEAVES_COVER) * PAGE
    }

    /// Lays the tables out in `tables`, which ends where guest memory does. Of memory only the page
    /// at `words` is mapped, for messages.
    pub fn new(tables: Arena, words: std::ops::Range<u64>) -> Self {
        let base = tables.base().0;
        let iommu = Self { tables, mappable: base, base, tail: 0 };
        let (root, context, level4) = (iommu.page(0), iommu.page(1), iommu.page(2));
        let (level3, level2) = (iommu.page(3), iommu.page(4));
        iommu.put(root, context | 1);
        for n in 0..MAX_CONTROLLERS {
            let entry = context + u64::from(FIRST_SLOT + n) * 8 * 16;
            // Translation type 0; four levels.
            iommu.put(entry, level4 | 1);
            iommu.put(entry + 8, DOMAIN << 8 | 2);
        }
        iommu.put(level4, level3 | READ | WRITE);
        for gib in 0..2 {
            let entry = level3 + 8 * ((OFFSET >> 30) + gib);
            iommu.put(entry, (level2 + gib * PAGE) | READ | WRITE);
        }
        for n in 0..iommu.mappable.div_ceil(LEAVES_COVER) {
            iommu.put(level2 + 8 * n, iommu.leaf(n * LEAVES_COVER) | READ | WRITE);
        }
        for page in words.step_by(PAGE as usize) {
            iommu.put(iommu.leaf(page), page | WRITE);
        }
        iommu
    }

    fn page(&self, n: u64) -> u64 {
        self.base + n * PAGE
    }

    fn queue(&self) -> u64 {
        self.page(6)
    }

    /// Where the entry of the page at guest physical address `at` stands.
    fn leaf(&self, at: u64) -> u64 {
        self.page(7) + 8 * (at / PAGE)
    }

    fn put(&self, at: u64, value: u64) {
        let written = self.tables.write(Addr(at), &value.to_le_bytes());
        debug_assert!(written, "a table entry outside the tables");
    }

    fn get(&self, at: u64) -> u64 {
        let mut bytes = [0; 8];
        let read = self.tables.read(Addr(at), &mut bytes);
        debug_assert!(read, "a table entry outside the tables");
        u64::from_le_bytes(bytes)
    }

    /// Turns translation on: after start and after every conventional reset, which clears it.
    pub fn turn_on(&mut self, qtest: &mut Qtest) -> Result<(), Trouble> {
        qtest.queue(format_args!("writeq {RTADDR:#x} {:#x}", self.base))?;
        Self::command(qtest, SRTP)?;
        self.tail = 0;
        qtest.queue(format_args!("writeq {IQA:#x} {:#x}", self.queue()))?;
        qtest.queue(format_args!("writeq {IQT:#x} 0"))?;
        Self::command(qtest, QIE)?;
        // Context cache, globally; then all translations.
        self.invalidate(qtest, 1 | 1 << 4, 0)?;
        self.invalidate(qtest, 2 | 1 << 4, 0)?;
        Self::command(qtest, TE)
    }

    /// Sets one bit of GCMD and keeps those that last.
    fn command(qtest: &mut Qtest, bit: u32) -> Result<(), Trouble> {
        let status = qtest.ask(format_args!("readl {GSTS:#x}"))? as u32 & 0x96ff_ffff;
        qtest.queue(format_args!("writel {GCMD:#x} {:#x}", status | bit))?;
        let now = qtest.ask(format_args!("readl {GSTS:#x}"))? as u32;
        if now & bit == 0 {
            return Err(Trouble::Strange(format!("intel-iommu: GSTS {now:#x} lacks {bit:#x}")));
        }
        Ok(())
    }

    /// Queues one descriptor. QEMU has obeyed it before it replies to the write of the tail.
    fn invalidate(&mut self, qtest: &mut Qtest, low: u64, high: u64) -> Result<(), Trouble> {
        let entry = self.queue() + 16 * self.tail;
        self.put(entry, low);
        self.put(entry + 8, high);
        self.tail = (self.tail + 1) % DESCRIPTORS;
        self.tables.publish();
        qtest.queue(format_args!("writeq {IQT:#x} {:#x}", self.tail << 4))?;
        qtest.flush()
    }

    /// Forgets all translations of the domain, and waits until that is done.
    fn forget(&mut self, qtest: &mut Qtest) -> Result<(), Trouble> {
        self.invalidate(qtest, 2 | 2 << 4 | DOMAIN << 16, 0)?;
        qtest.settle()
    }

    /// Gives the controllers access to a range of IOVAs. False if it is not all memory of the lab.
    pub fn map(
        &mut self,
        qtest: &mut Qtest,
        at: Addr,
        len: u64,
        perm: Perm,
    ) -> Result<bool, Trouble> {
        let Some(pages) = self.pages(at, len) else { return Ok(false) };
        let bits = match perm {
            Perm::ToController => READ,
            Perm::FromController => WRITE,
            Perm::Both => READ | WRITE,
        };
        let mut narrowed = false;
        for page in pages.step_by(PAGE as usize) {
            let entry = self.leaf(page);
            let whole = page + OFFSET >= at.0 && page + OFFSET + PAGE <= at.0 + len;
            let old = self.get(entry) & (READ | WRITE);
            // A page that several buffers share is open to whatever one of them allows.
            let new = if whole { bits } else { bits | old };
            narrowed |= old & !new != 0;
            self.put(entry, page | new);
        }
        self.tables.publish();
        if narrowed {
            self.forget(qtest)?;
        }
        Ok(true)
    }

    /// Takes a range away (0 bytes: all of the lab's), but for pages that it only touches. False if
    /// it is not all memory of the lab.
    pub fn unmap(&mut self, qtest: &mut Qtest, at: Addr, len: u64) -> Result<bool, Trouble> {
        let all = crate::Qemu::ARENA_BASE.0..self.mappable;
        let (at, len) = match len {
            0 => (Addr(all.start + OFFSET), all.end - all.start),
            _ => (at, len),
        };
        let Some(pages) = self.pages(at, len) else { return Ok(false) };
        for page in pages.step_by(PAGE as usize) {
            if page + OFFSET >= at.0 && page + OFFSET + PAGE <= at.0 + len {
                self.put(self.leaf(page), 0);
            }
        }
        self.tables.publish();
        self.forget(qtest)?;
        Ok(true)
    }

    /// The guest physical addresses of the pages that a range of IOVAs touches.
    fn pages(&self, at: Addr, len: u64) -> Option<std::ops::Range<u64>> {
        let from = at.0.checked_sub(OFFSET)?;
        let end = from.checked_add(len)?;
        let inside = from >= crate::Qemu::ARENA_BASE.0 && end <= self.mappable;
        inside.then(|| from & !(PAGE - 1)..end.next_multiple_of(PAGE))
    }
}

/// A refused access in QEMU's trace: `vtd_dmar_fault sid 0x20 fault 5 addr 0x100020000 write 1`.
/// QEMU writes one line for each four bytes.
pub(crate) fn fault(line: &str, time: u64) -> Option<Event> {
    let mut words = line.split_once("vtd_dmar_fault ")?.1.split_whitespace();
    let mut number = |name| {
        words.find(|&word| word == name)?;
        let text = words.next()?;
        let digits = text.strip_prefix("0x");
        u64::from_str_radix(digits.unwrap_or(text), if digits.is_some() { 16 } else { 10 }).ok()
    };
    let (sid, at, write) = (number("sid")?, number("addr")?, number("write")?);
    let slot = (sid >> 3) as u8;
    let ctrl = Ctrl(slot.saturating_sub(FIRST_SLOT));
    Some(Event::Dma { ctrl, at: Addr(at), len: 4, write: write != 0, fault: true, time })
}

/// Makes one event of two refused accesses, if the second goes on where the first ended or repeats a
/// part of it (QEMU tries the first word alone before it reads a buffer).
pub(crate) fn joined(first: &mut Event, second: &Event) -> bool {
    let (
        Event::Dma { ctrl, at, len, write, fault: true, .. },
        &Event::Dma { ctrl: ctrl2, at: at2, len: len2, write: write2, fault: true, .. },
    ) = (first, second)
    else {
        return false;
    };
    let Some(offset) = at2.0.checked_sub(at.0).filter(|&offset| offset <= u64::from(*len)) else {
        return false;
    };
    if *ctrl != ctrl2 || *write != write2 {
        return false;
    }
    *len = (*len).max(offset as u32 + len2);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_joins_lines_of_refused_accesses() {
        let line = |at: u64| format!("vtd_dmar_fault sid 0x28 fault 5 addr {at:#x} write 1");
        let mut first = fault(&line(0x1_0002_0000), 7).unwrap();
        let second = fault(&line(0x1_0002_0004), 7).unwrap();
        assert!(joined(&mut first, &second));
        assert!(joined(&mut first, &second));
        assert!(!joined(&mut first, &fault(&line(0x1_0002_000c), 7).unwrap()));
        assert!(!joined(&mut first, &fault(&line(0x1_0001_fffc), 7).unwrap()));
        let expected = Event::Dma {
            ctrl: Ctrl(1),
            at: Addr(0x1_0002_0000),
            len: 8,
            write: true,
            fault: true,
            time: 7,
        };
        assert_eq!(first, expected);
        assert_eq!(fault("pci_nvme_identify ctrl", 0), None);
    }
}
