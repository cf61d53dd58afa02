//! Asynchronous events and the error log of one controller. Base-2.3 §5.2.2, §5.2.12.1.2.

use spec::event::EventDef;
use spec::log_page::ErrorInformation;

/// The events that are kept at once: more than there are different ones here.
const PENDING_MAX: usize = 8;

/// Events: those that wait to be reported, and which types are masked.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// Events that occurred and were not reported, oldest first, each kind once.
    pub pending: Vec<EventDef>,
    /// One bit for each type (AET): an event was reported and its log page not read since.
    masked: u8,
}

impl Events {
    /// Keeps an event until it can be reported. Identical ones are merged.
    pub fn keep(&mut self, event: EventDef) {
        if !self.pending.contains(&event) && self.pending.len() < PENDING_MAX {
            self.pending.push(event);
        }
    }

    /// Whether events of the same type wait until their log page is read.
    pub const fn masks(&self, event: &EventDef) -> bool {
        self.masked >> (event.aet & 7) & 1 != 0
    }

    /// An event was reported: its type is masked.
    pub const fn mask(&mut self, event: &EventDef) {
        self.masked |= 1 << (event.aet & 7);
    }

    /// The log page of the events of a type was read with RAE = 0.
    pub fn clear(&mut self, aet: u8) {
        self.pending.retain(|event| event.aet != aet);
        self.masked &= !(1 << (aet & 7));
    }

    /// A reset: nothing waits and nothing is masked.
    pub fn drop_all(&mut self) {
        *self = Self::default();
    }
}

/// One error. Base-2.3 figure 209.
#[derive(Clone, Copy, Debug)]
pub struct ErrorEntry {
    /// Its number, from 1 on.
    pub count: u64,
}

/// The Error Information log.
#[derive(Clone, Debug, Default)]
pub struct ErrorLog {
    /// The newest entries, oldest first.
    entries: Vec<ErrorEntry>,
    /// Errors ever logged: goes on over resets and power cycles.
    count: u64,
}

impl ErrorLog {
    /// Logs an error that is no particular command's.
    pub fn add(&mut self, capacity: usize) {
        self.count = self.count.checked_add(1).unwrap_or(1);
        if self.entries.len() >= capacity {
            self.entries.remove(0);
        }
        self.entries.push(ErrorEntry { count: self.count });
    }

    /// Errors ever logged.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// A reset empties the log; the count goes on.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Fills `page` (a multiple of 64 bytes), newest entry first.
    pub fn write(&self, page: &mut [u8], lpver: u8) {
        page.fill(0);
        let chunks = page.as_chunks_mut::<64>().0;
        for (entry, to) in self.entries.iter().rev().zip(chunks) {
            ErrorInformation(to)
                .set()
                .ecnt(entry.count)
                .sqid(u16::MAX)
                .cid(u16::MAX)
                .pel(u16::MAX)
                .lpver(lpver);
        }
    }
}
