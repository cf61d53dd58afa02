//! Submission and completion queues in host memory. Base-2.3 §3.3.1.

/// Where the entries of a queue lie.
#[derive(Clone, Debug, Default)]
pub struct Ring {
    /// How many entries, 2 to 65,536.
    pub entries: u32,
    /// Entry size: 2^n bytes.
    pub entry_shift: u32,
    /// Memory page size: 2^n bytes.
    pub page_shift: u32,
    /// The address of entry 0, of a physically contiguous queue.
    pub base: u64,
    /// The pages in their order, of a queue that is not physically contiguous.
    pub pages: Vec<u64>,
}

impl Ring {
    /// The address of an entry. Addresses wrap: a hostile base ends in a bus fault, never here.
    pub fn slot(&self, index: u32) -> u64 {
        let offset = u64::from(index) << self.entry_shift;
        if self.pages.is_empty() {
            return self.base.wrapping_add(offset);
        }
        let page = self.pages.get((offset >> self.page_shift) as usize).copied();
        page.unwrap_or(u64::MAX).wrapping_add(offset & ((1 << self.page_shift) - 1))
    }

    /// The entry after `index`.
    pub const fn after(&self, index: u32) -> u32 {
        if index + 1 >= self.entries { 0 } else { index + 1 }
    }

    /// How many entries lie from `head` up to `tail`.
    pub const fn distance(&self, head: u32, tail: u32) -> u32 {
        if tail >= head { tail - head } else { tail + self.entries - head }
    }
}

/// A submission queue.
#[derive(Clone, Debug, Default)]
pub struct Sq {
    /// Its entries.
    pub ring: Ring,
    /// The next entry to fetch.
    pub head: u32,
    /// The tail doorbell.
    pub tail: u32,
    /// The completion queue.
    pub cqid: u16,
    /// An invalid doorbell value was written: no command is consumed any more. Base-2.3 §3.3.1.3.
    pub errored: bool,
    /// It stands in the list of queues with something to fetch.
    pub listed: bool,
    /// Commands fetched and not yet completed.
    pub in_flight: u32,
    /// Slots of commands that were aborted before they were fetched.
    pub aborted: Vec<u32>,
}

impl Sq {
    /// How many commands wait to be fetched.
    pub const fn waiting(&self) -> u32 {
        self.ring.distance(self.head, self.tail)
    }
}

/// A completion queue.
#[derive(Clone, Debug, Default)]
pub struct Cq {
    /// Its entries.
    pub ring: Ring,
    /// The head doorbell.
    pub head: u32,
    /// The next entry to post.
    pub tail: u32,
    /// The phase tag of the next entry.
    pub phase: bool,
    /// Interrupts enabled (IEN).
    pub ien: bool,
    /// The interrupt vector (IV).
    pub iv: u16,
    /// How many submission queues are bound to it.
    pub sqs: u32,
    /// How many commands in flight will post to it.
    pub promised: u32,
}

impl Cq {
    /// How many entries can be posted before the host releases any.
    pub const fn free(&self) -> u32 {
        self.ring.entries - 1 - self.ring.distance(self.head, self.tail)
    }

    /// How many entries the host has not released yet, if it wants to be told of them.
    pub const fn unacknowledged(&self) -> u32 {
        if self.ien { self.ring.distance(self.head, self.tail) } else { 0 }
    }
}
